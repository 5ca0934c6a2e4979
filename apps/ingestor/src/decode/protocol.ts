import type { ChainEvent, ChainEventOf } from '@tocsin/chain-model'
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
  readonly decode: (read: LogReader, log: SourceLog) => ChainEvent
}

export interface Protocol {
  readonly name: string
  readonly events: readonly EventDecoder[]
}

/** An event's own fields: all but where it stands. */
type FieldsOf<Type extends ChainEvent['type']> = Omit<ChainEventOf<Type>, 'type' | 'logIndex' | 'address'>

/** `words` null: the length varies. Of several layouts (older versions indexed less) the first that is claimed counts. */
export function event<Type extends ChainEvent['type']>(
  type: Type,
  signature: string,
  { topics, words }: { readonly topics: number; readonly words: number | null },
  fields: (read: LogReader, log: SourceLog) => FieldsOf<Type>,
): EventDecoder {
  return {
    signature,
    topics,
    words,
    // The type and its fields belong together by the signature above, which TypeScript cannot follow through a spread.
    decode: (read, log) =>
      ({ type, logIndex: log.logIndex, address: log.address, ...fields(read, log) }) as ChainEventOf<Type>,
  }
}
