import type { Hash } from '@tocsin/chain-model'
import { asArray, asObject, type Json } from '../sources/parse-block.ts'
import { keccak, rlp, rlpItem, type RlpItem } from './hashing.ts'
import { orderedTrieRoot } from './ordered-trie.ts'

type Field = readonly [name: string, kind: 'bytes' | 'quantity'] | ((transaction: Json) => RlpItem | null)

const bytes = (name: string): Field => [name, 'bytes']
const quantity = (name: string): Field => [name, 'quantity']
const to: Field = ({ to: receiver }) => (receiver === null ? '0x' : rlpItem(receiver, 'bytes'))
const yParity: Field = (transaction) => rlpItem(transaction['yParity'] ?? transaction['v'], 'quantity')
const accessList: Field = (transaction) =>
  listOf(transaction['accessList'], (entry) => [rlpItem(entry['address'], 'bytes'), listOfBytes(entry['storageKeys'])])
const authorizations: Field = (transaction) =>
  listOf(transaction['authorizationList'], (entry) => [
    rlpItem(entry['chainId'], 'quantity'),
    rlpItem(entry['address'], 'bytes'),
    rlpItem(entry['nonce'], 'quantity'),
    rlpItem(entry['yParity'] ?? entry['v'], 'quantity'),
    rlpItem(entry['r'], 'quantity'),
    rlpItem(entry['s'], 'quantity'),
  ])
const signature = [quantity('r'), quantity('s')]
const payload = [quantity('gas'), to, quantity('value'), bytes('input')]
const fees = [quantity('maxPriorityFeePerGas'), quantity('maxFeePerGas')]

/** By the transaction's type: the fields that are signed and hashed, in order. */
const envelopes: Readonly<Record<number, readonly Field[]>> = {
  0: [quantity('nonce'), quantity('gasPrice'), ...payload, quantity('v'), ...signature],
  // EIP-2930
  1: [quantity('chainId'), quantity('nonce'), quantity('gasPrice'), ...payload, accessList, yParity, ...signature],
  // EIP-1559
  2: [quantity('chainId'), quantity('nonce'), ...fees, ...payload, accessList, yParity, ...signature],
  // EIP-4844
  3: [
    ...[quantity('chainId'), quantity('nonce'), ...fees, ...payload, accessList, quantity('maxFeePerBlobGas')],
    ...[(transaction: Json) => listOfBytes(transaction['blobVersionedHashes']), yParity, ...signature],
  ],
  // EIP-7702
  4: [quantity('chainId'), quantity('nonce'), ...fees, ...payload, accessList, authorizations, yParity, ...signature],
}

/**
 * A transaction as it is hashed: EIP-2718 envelope or plain RLP, hex. Null where a field of it is not there, as in some
 * recordings, or the type is none of Ethereum's. Its Keccak-256 is the transaction's hash.
 */
export function transactionBytes(transaction: Json): string | null {
  const type = typeOf(transaction)
  const fields = envelopes[type]
  if (fields === undefined) return null
  const items = whole(
    fields.map((field) =>
      typeof field === 'function' ? field(transaction) : rlpItem(transaction[field[0]], field[1]),
    ),
  )
  return items === null ? null : enveloped(type, items)
}

/** Null where it cannot be recomputed: see {@link transactionBytes}. Source: yellow paper, "The Block"; EIP-2718. */
export function transactionsRoot(transactions: readonly Json[]): Hash | null {
  const values = wholeTexts(transactions.map(transactionBytes))
  return values === null ? null : orderedTrieRoot(values)
}

/** A receipt as its trie holds it; before Byzantium (EIP-658) with a state root for the status. */
function receiptBytes(receipt: Json): string | null {
  const type = typeOf(receipt)
  if (envelopes[type] === undefined) return null
  const outcome =
    receipt['root'] === undefined || receipt['root'] === null
      ? rlpItem(receipt['status'], 'quantity')
      : rlpItem(receipt['root'], 'bytes')
  const logs = listOf(receipt['logs'], (log) => [
    rlpItem(log['address'], 'bytes'),
    listOfBytes(log['topics']),
    rlpItem(log['data'], 'bytes'),
  ])
  const items = whole([
    outcome,
    rlpItem(receipt['cumulativeGasUsed'], 'quantity'),
    rlpItem(receipt['logsBloom'], 'bytes'),
    logs,
  ])
  return items === null ? null : enveloped(type, items)
}

/** Null where a field is not there or a type is none of Ethereum's. Source: as {@link transactionsRoot}. */
export function receiptsRoot(receipts: readonly Json[]): Hash | null {
  const values = wholeTexts(receipts.map(receiptBytes))
  return values === null ? null : orderedTrieRoot(values)
}

/** The hash that a transaction's fields give; null as in {@link transactionBytes}. */
export function transactionHash(transaction: Json): string | null {
  const value = transactionBytes(transaction)
  return value === null ? null : keccak(value)
}

const typeOf = ({ type }: Json): number => (type === undefined || type === null ? 0 : Number(type))

const enveloped = (type: number, items: readonly RlpItem[]): string => {
  const encoded = rlp(items)
  return type === 0 ? encoded : `0x${type.toString(16).padStart(2, '0')}${encoded.slice(2)}`
}

const whole = (items: readonly (RlpItem | null)[]): readonly RlpItem[] | null => {
  const there = items.filter((item) => item !== null)
  return there.length === items.length ? there : null
}
const wholeTexts = (texts: readonly (string | null)[]): readonly string[] | null => {
  const there = texts.filter((text) => text !== null)
  return there.length === texts.length ? there : null
}

/** An absent list is an empty one: nodes leave out an access list that is empty. */
const listOf = (value: unknown, itemsOf: (entry: Json) => readonly (RlpItem | null)[]): RlpItem | null =>
  whole(asArray(value ?? [], 'list').map((entry) => whole(itemsOf(asObject(entry, 'entry')))))
const listOfBytes = (value: unknown): RlpItem | null =>
  whole(asArray(value ?? [], 'list').map((item) => rlpItem(item, 'bytes')))
