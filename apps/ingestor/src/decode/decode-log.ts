import type { ChainEvent, Hash } from '@tocsin/chain-model'
import type { SourceLog } from '../sources/source-block.ts'
import { topic0Of } from './abi.ts'
import { AbiReader } from './abi-reader.ts'
import type { EventDecoder } from './protocol.ts'
import { protocols } from './protocols.ts'

const decoders = new Map<Hash | undefined, EventDecoder[]>()
for (const decoder of protocols.flatMap(({ events }) => events)) {
  const topic0 = topic0Of(decoder.signature)
  decoders.set(topic0, [...(decoders.get(topic0) ?? []), decoder])
}

/** The layout that claims the log: by its first topic, the number of its topics and the length of its data. */
function claimOf({ topics, data }: Pick<SourceLog, 'topics' | 'data'>): EventDecoder | undefined {
  const words = (data.length - 2) / 64
  return decoders
    .get(topics[0])
    ?.find((each) => each.topics === topics.length && (each.words === null || each.words === words))
}

/**
 * The name of the event that a raw log claims to be and is not, since its words do not fit that event's types; null for a
 * log that nothing claims.
 */
export function undecodedAs(event: ChainEvent): string | null {
  if (event.type !== 'log') return null
  return claimOf(event)?.signature.replace(/\(.*/s, '') ?? null
}

/** A log as a typed event, or as a raw `log` where no protocol claims it or its words do not fit. Never throws. */
export function decodeLog(log: SourceLog): ChainEvent {
  const claim = claimOf(log)
  if (claim !== undefined) {
    const read = new AbiReader(log)
    const event = claim.decode(read, log)
    if (read.fits) return event
  }
  return { type: 'log', logIndex: log.logIndex, address: log.address, topics: [...log.topics], data: log.data }
}
