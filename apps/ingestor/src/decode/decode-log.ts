import type { ChainEvent, Hash } from '@tocsin/chain-model'
import type { SourceLog } from '../sources/source-block.ts'
import type { AbiRegistry } from './abi-registry.ts'
import { topic0Of, type AbiEvent } from './abi.ts'
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

/** Whether logs of the event are typed ones of a protocol, whatever an ABI calls it. */
export const isProtocolEvent = ({ topic0, inputs }: Pick<AbiEvent, 'topic0' | 'inputs'>): boolean =>
  topic0 !== null &&
  decoders.get(topic0)?.some(({ topics }) => topics === 1 + inputs.filter(({ indexed }) => indexed).length) === true

/**
 * The name of the event that a raw log claims to be and is not, since its words do not fit that event's types; null for a
 * log that nothing claims.
 */
export function undecodedAs(event: ChainEvent, abis: Pick<AbiRegistry, 'claimed'> | null = null): string | null {
  if (event.type !== 'log') return null
  const signature = claimOf(event)?.signature ?? abis?.claimed(event)
  return signature?.replace(/\(.*/s, '') ?? null
}

/**
 * A log as a typed event: of a protocol, which detectors know, else by a user's ABI. As a raw `log` where nothing claims
 * it or its words do not fit. Never throws.
 */
export function decodeLog(log: SourceLog, abis: Pick<AbiRegistry, 'event'> | null = null): ChainEvent {
  const claim = claimOf(log)
  if (claim !== undefined) {
    const read = new AbiReader(log)
    const event = claim.decode(read, log)
    if (read.fits) return event
  }
  const explained = abis?.event(log)
  if (explained !== undefined) return explained
  return { type: 'log', logIndex: log.logIndex, address: log.address, topics: [...log.topics], data: log.data }
}
