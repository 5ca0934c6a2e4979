import {
  actorOf,
  argumentsOfDecoded,
  undoneBy,
  type AbiArgument,
  type Address,
  type ChainCall,
  type ChainCallOf,
  type ChainEvent,
  type ChainEventOf,
  type TraceAddress,
} from '@tocsin/chain-model'
import { placeOf, type Place, type PricedTransaction } from './priced-transaction.ts'

interface InContract extends Place {
  /** Names it within its transaction: stays when the transaction is included again. `2`, `call-0`. */
  readonly ordinal: string
  /** Who emitted it, or was called. */
  readonly address: Address
  /** Who acted; null where the recording does not tell. */
  readonly actor: Address | null
}

/** An event of a contract whose ABI a user gave, or of a protocol: then its fields are the arguments. */
export type ContractEvent = InContract & Omit<ChainEventOf<'contract-event'>, 'address'>

/** A call of such a contract or protocol, by a transaction or by another contract. What failed is none. */
export type ContractCall = InContract &
  Omit<ChainCallOf<'contract-call'>, 'address'> & {
    /** Among the calls of its transaction. */
    readonly position: number
  }

/** A log that nothing decodes, as it is. */
export type RawLog = InContract & Omit<ChainEventOf<'log'>, 'address' | 'type'> & { readonly type: 'raw-log' }

export type ContractRecord = ContractEvent | ContractCall | RawLog

/** What is decoded by Tocsin itself, and by no user's ABI, names this as the ABI that explains it. */
const ownAbi = 'tocsin'

/**
 * What the transaction says of users' contracts, and of protocols that Tocsin knows: calls in the order of execution, then
 * events. `isAsked` says of which types, so that of a block's many transfers none is looked at where no rule is about them.
 */
export function contractRecordsOf(
  { transaction }: Pick<PricedTransaction, 'transaction'>,
  isAsked: (type: ChainEvent['type'] | ChainCall['type']) => boolean = () => true,
): readonly ContractRecord[] {
  if (transaction.status === 'failed') return []
  const place = placeOf(transaction)
  let isUndone: ((traceAddress: TraceAddress) => boolean) | undefined
  return [
    ...(transaction.calls ?? []).flatMap((call, position): readonly ContractCall[] => {
      if (!isAsked(call.type)) return []
      const { traceAddress, caller, address, value, rest } = call
      isUndone ??= undoneBy(transaction.frames ?? [])
      if (traceAddress !== null && isUndone(traceAddress)) return []
      const actor = traceAddress === null ? transaction.from : actorOf(transaction, { frame: traceAddress }).address
      const at = { ...place, ordinal: `call-${position}`, position, actor, traceAddress, caller, address, value, rest }
      return [{ type: 'contract-call', ...at, ...explainedCall(call) }]
    }),
    ...transaction.events.flatMap((event, position): readonly ContractRecord[] => {
      if (!isAsked(event.type)) return []
      const { logIndex, address } = event
      const actor = actorOf(transaction, { event: position }).address
      const at = { ...place, ordinal: `${position}`, actor, logIndex, address }
      return event.type === 'log'
        ? [{ type: 'raw-log', ...at, topics: event.topics, data: event.data }]
        : [{ type: 'contract-event', ...at, ...explainedEvent(event) }]
    }),
  ]
}

type Explained = Pick<ContractEvent, 'abi' | 'signature' | 'arguments'>

const explainedEvent = (event: Exclude<ChainEvent, { readonly type: 'log' }>): Explained =>
  event.type === 'contract-event'
    ? explanationOf(event)
    : decodedAs(event.type, argumentsOfDecoded(event, 'event') ?? [])

const explainedCall = (call: ChainCall): Explained =>
  call.type === 'contract-call' ? explanationOf(call) : decodedAs(call.type, argumentsOfDecoded(call, 'call') ?? [])

const explanationOf = ({ abi, signature, arguments: args }: Explained): Explained => ({
  abi,
  signature,
  arguments: args,
})

const decodedAs = (type: string, args: AbiArgument[]): Explained => ({
  abi: ownAbi,
  signature: `${type}(${args.map((argument) => argument.type).join(',')})`,
  arguments: args,
})

export const isContractRecord = (reference: { readonly type: string }): reference is ContractRecord =>
  reference.type === 'contract-event' || reference.type === 'contract-call' || reference.type === 'raw-log'

/** The arguments; of a raw log none are known. */
export const argumentsOf = (record: ContractRecord): readonly AbiArgument[] =>
  record.type === 'raw-log' ? [] : record.arguments
