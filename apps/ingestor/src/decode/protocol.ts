import type { Address, ChainCall, ChainCallOf, ChainEvent, ChainEventOf, Hex, TraceAddress } from '@tocsin/chain-model'
import type { SourceLog } from '../sources/source-block.ts'
import type { AbiReader } from './abi-reader.ts'
import { selectorOf } from './selector.ts'

/**
 * One event of a protocol. It claims a log by its first topic, the number of its topics *and* the length of its data,
 * since unrelated contracts share signatures: `Transfer` is ERC-20 with three topics and ERC-721 with four.
 */
export interface EventDecoder {
  readonly signature: string
  readonly topics: number
  /** 32-byte words of data; null where the length varies. */
  readonly words: number | null
  readonly decode: (read: AbiReader, log: SourceLog) => ChainEvent
}

/** A call as it was made: what every typed call says of itself, and its call data. */
export interface SourceCall {
  readonly traceAddress: TraceAddress | null
  readonly caller: Address
  readonly address: Address
  readonly value: bigint
  readonly input: Hex
}

/** A call that another one's call data carry. `borrowed`: by a delegatecall of another contract's code. */
export interface CarriedCall extends Omit<SourceCall, 'traceAddress'> {
  readonly borrowed?: true
}

/** Takes each call that a call's data carry, for sources without call frames. */
export type Carry = (carried: CarriedCall) => void

/** Carries a call that the called account makes. @returns what is told of it */
export function carriedFrom({ address: caller }: SourceCall, carry: Carry, target: Address, value: bigint, input: Hex) {
  carry({ caller, address: target, value, input })
  return { target, value, selector: selectorOf(input) }
}

/**
 * One function of a protocol. It claims a call by its selector; that the call data hold what the signature says keeps
 * other functions of the same four bytes out.
 */
export interface CallDecoder {
  readonly signature: string
  /** It is told of also where a contract borrows it from a library, by a delegatecall. */
  readonly borrowed: boolean
  readonly decode: (read: AbiReader, call: SourceCall, carry: Carry) => ChainCall
}

export interface Protocol {
  readonly name: string
  readonly events: readonly EventDecoder[]
  readonly calls?: readonly CallDecoder[]
}

/** A call's own fields: all but what every call has. */
type ArgumentsOf<Type extends ChainCall['type']> = Omit<
  ChainCallOf<Type>,
  'type' | 'traceAddress' | 'caller' | 'address' | 'value' | 'rest'
>

/** `rest` is what the decoder leaves unread: it must read every argument, also one of which it tells nothing. */
export function call<Type extends ChainCall['type']>(
  type: Type,
  signature: string,
  args: (read: AbiReader, call: SourceCall, carry: Carry) => ArgumentsOf<Type>,
  { borrowed = false }: { readonly borrowed?: boolean } = {},
): CallDecoder {
  return {
    signature,
    borrowed,
    decode: (read, made, carry) => {
      const { traceAddress, caller, address, value } = made
      const own = args(read, made, carry)
      const at = { traceAddress: traceAddress === null ? null : [...traceAddress], caller, address, value }
      // The type and its arguments belong together by the signature above, which TypeScript cannot follow.
      return { type, ...at, rest: read.rest, ...own } as unknown as ChainCallOf<Type>
    },
  }
}

/** An event's own fields: all but where it stands. */
type FieldsOf<Type extends ChainEvent['type']> = Omit<ChainEventOf<Type>, 'type' | 'logIndex' | 'address'>

/** `words` null: the length varies. Of several layouts (older versions indexed less) the first that is claimed counts. */
export function event<Type extends ChainEvent['type']>(
  type: Type,
  signature: string,
  { topics, words }: { readonly topics: number; readonly words: number | null },
  fields: (read: AbiReader, log: SourceLog) => FieldsOf<Type>,
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
