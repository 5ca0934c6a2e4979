import type { Hash } from '@tocsin/chain-model'
import { asArray, asObject, type Json } from '../sources/parse-block.ts'
import { keccak } from './keccak.ts'
import { orderedTrieRoot } from './ordered-trie.ts'
import { RlpWriter } from './rlp.ts'

/** Writes a part of what is hashed; false where it is not there. */
type Field = (of: Json) => boolean

/** Nobody else writes to it between two lines of one function. */
const rlp = new RlpWriter()

const bytes =
  (name: string): Field =>
  (of) =>
    rlp.hex(of[name])
const quantity =
  (name: string): Field =>
  (of) =>
    rlp.quantity(of[name])
const to: Field = ({ to: receiver }) => rlp.hex(receiver === null ? '0x' : receiver)
const yParity: Field = (transaction) => rlp.quantity(transaction['yParity'] ?? transaction['v'])
const listOfBytes =
  (name: string): Field =>
  (of) =>
    writeList(of[name], (item) => rlp.hex(item))
/** A list of lists, each of these fields. */
const listOf =
  (name: string, ...fields: readonly Field[]): Field =>
  (of) =>
    writeList(of[name], (entry) => writeFields(asObject(entry, 'entry'), fields))

const accessList = listOf('accessList', bytes('address'), listOfBytes('storageKeys'))
const authorizations = listOf(
  'authorizationList',
  ...[quantity('chainId'), bytes('address'), quantity('nonce'), yParity, quantity('r'), quantity('s')],
)
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
    ...[listOfBytes('blobVersionedHashes'), yParity, ...signature],
  ],
  // EIP-7702
  4: [quantity('chainId'), quantity('nonce'), ...fees, ...payload, accessList, authorizations, yParity, ...signature],
}

/** Of a receipt; before Byzantium (EIP-658) with a state root for the status. */
const outcome: Field = ({ root, status }) =>
  root === undefined || root === null ? rlp.quantity(status) : rlp.hex(root)
const logs = listOf('logs', bytes('address'), listOfBytes('topics'), bytes('data'))
const receiptFields = [outcome, quantity('cumulativeGasUsed'), bytes('logsBloom'), logs]

/**
 * A transaction as it is hashed: EIP-2718 envelope or plain RLP. Null where a field of it is not there, as in some
 * recordings, or the type is none of Ethereum's. Its Keccak-256 is the transaction's hash.
 */
export function transactionBytes(transaction: Json): Uint8Array | null {
  const fields = envelopes[typeOf(transaction)]
  return fields === undefined ? null : enveloped(transaction, fields)
}

/** Null where it cannot be recomputed: see {@link transactionBytes}. Source: yellow paper, "The Block"; EIP-2718. */
export const transactionsRoot = (transactions: readonly Json[]): Hash | null => rootOf(transactions, transactionBytes)

/** Null where a field is not there or a type is none of Ethereum's. Source: as {@link transactionsRoot}. */
export const receiptsRoot = (receipts: readonly Json[]): Hash | null =>
  rootOf(receipts, (receipt) => (envelopes[typeOf(receipt)] === undefined ? null : enveloped(receipt, receiptFields)))

/** The hash that a transaction's fields give; null as in {@link transactionBytes}. */
export function transactionHash(transaction: Json): Hash | null {
  const value = transactionBytes(transaction)
  return value === null ? null : keccak(value)
}

const typeOf = ({ type }: Json): number => (type === undefined || type === null ? 0 : Number(type))

function rootOf(entries: readonly Json[], bytesOf: (entry: Json) => Uint8Array | null): Hash | null {
  const values: Uint8Array[] = []
  for (const entry of entries) {
    const value = bytesOf(entry)
    if (value === null) return null
    values.push(value)
  }
  return orderedTrieRoot(values)
}

function enveloped(of: Json, fields: readonly Field[]): Uint8Array | null {
  rlp.clear() // what was not finished before is not there
  if (!writeFields(of, fields)) return null
  const type = typeOf(of)
  if (type !== 0) rlp.raw(Uint8Array.of(type))
  return rlp.take()
}

/** A list of the fields, the last one written first. */
function writeFields(of: Json, fields: readonly Field[]): boolean {
  const end = rlp.length
  for (let at = fields.length - 1; at >= 0; at--) if (fields[at]?.(of) !== true) return false
  rlp.list(end)
  return true
}

/** An absent list is an empty one: nodes leave out an access list that is empty. */
function writeList(value: unknown, write: (item: unknown) => boolean): boolean {
  const end = rlp.length
  const items = asArray(value ?? [], 'list')
  for (let at = items.length - 1; at >= 0; at--) if (!write(items[at])) return false
  rlp.list(end)
  return true
}
