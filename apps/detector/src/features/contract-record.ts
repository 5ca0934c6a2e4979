import {
  actorOf,
  undoneBy,
  type AbiArgument,
  type Address,
  type ChainCallOf,
  type ChainEventOf,
  type ChainTransaction,
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

/** An event of a contract whose ABI a user gave. */
export type ContractEvent = InContract & Omit<ChainEventOf<'contract-event'>, 'address'>

/** A call of such a contract, by a transaction or by another contract. What failed is none. */
export type ContractCall = InContract &
  Omit<ChainCallOf<'contract-call'>, 'address'> & {
    /** Among the calls of its transaction. */
    readonly position: number
  }

/** A log that nothing decodes, as it is. */
export type RawLog = InContract & Omit<ChainEventOf<'log'>, 'address' | 'type'> & { readonly type: 'raw-log' }

export type ContractRecord = ContractEvent | ContractCall | RawLog

/**
 * What the transaction says of users' contracts: calls in the order of execution, then events. Computed once for a
 * transaction, however many rules look at it.
 */
export function contractRecordsOf(priced: Pick<PricedTransaction, 'transaction'>): readonly ContractRecord[] {
  const known = recordsSeen.get(priced.transaction)
  if (known !== undefined) return known
  const records = computeRecords(priced.transaction)
  recordsSeen.set(priced.transaction, records)
  return records
}

const recordsSeen = new WeakMap<ChainTransaction, readonly ContractRecord[]>()

function computeRecords(transaction: ChainTransaction): readonly ContractRecord[] {
  if (transaction.status === 'failed') return []
  const place = placeOf(transaction)
  const isUndone = undoneBy(transaction.frames ?? [])
  return [
    ...(transaction.calls ?? []).flatMap((call, position): readonly ContractCall[] => {
      if (call.type !== 'contract-call' || (call.traceAddress !== null && isUndone(call.traceAddress))) return []
      const actor =
        call.traceAddress === null ? transaction.from : actorOf(transaction, { frame: call.traceAddress }).address
      return [{ ...place, ordinal: `call-${position}`, position, actor, ...call }]
    }),
    ...transaction.events.flatMap((event, position): readonly ContractRecord[] => {
      const told = { ...place, ordinal: `${position}` }
      const actor = () => actorOf(transaction, { event: position }).address
      if (event.type === 'contract-event') return [{ ...told, actor: actor(), ...event }]
      return event.type === 'log' ? [{ ...told, actor: actor(), ...event, type: 'raw-log' }] : []
    }),
  ]
}

export const isContractRecord = (reference: { readonly type: string }): reference is ContractRecord =>
  reference.type === 'contract-event' || reference.type === 'contract-call' || reference.type === 'raw-log'

/** The arguments; of a raw log none are known. */
export const argumentsOf = (record: ContractRecord): readonly AbiArgument[] =>
  record.type === 'raw-log' ? [] : record.arguments
