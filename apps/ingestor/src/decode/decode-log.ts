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

/** A log as a typed event, or as a raw `log` where no protocol claims it or its words do not fit. Never throws. */
export function decodeLog(log: SourceLog): ChainEvent {
  const candidates = decoders.get(log.topics[0])
  if (candidates !== undefined) {
    const words = (log.data.length - 2) / 64
    for (const { topics, words: expected, decode } of candidates) {
      if (topics !== log.topics.length || (expected !== null && expected !== words)) continue
      const read = new AbiReader(log)
      const event = decode(read, log)
      if (read.fits) return event
      break
    }
  }
  return { type: 'log', logIndex: log.logIndex, address: log.address, topics: [...log.topics], data: log.data }
}
