import type { ChainEvent } from '@tocsin/chain-model'
import type { SourceLog } from '../sources/source-block.ts'
import type { LogReader } from './log-reader.ts'

/**
 * One event of a protocol. It claims a log by its first topic, the number of its topics *and* the length of its data,
 * since unrelated contracts share signatures: `Transfer` is ERC-20 with three topics and ERC-721 with four.
 */
export interface EventDecoder {
  readonly signature: string
  readonly topics: number
  /** 32-byte words of data; null where the length varies. */
  readonly words: number | null
  decode(read: LogReader, log: SourceLog): ChainEvent
}

export interface Protocol {
  readonly name: string
  readonly events: readonly EventDecoder[]
}

/** The fields that each event has. */
export const emitted = ({ logIndex, address }: SourceLog) => ({ logIndex, address })
