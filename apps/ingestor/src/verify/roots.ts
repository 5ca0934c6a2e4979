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

/** An entry of a list that cannot be written as it is hashed: a field of it is not there, or its type is none of Ethereum's. */
interface Unencodable {
  /** Its place. */
  readonly missing: number
}

/**
 * Transactions as they are hashed: EIP-2718 envelopes or plain RLP; some recordings lack a field of one. The Keccak-256 of
 * each is its hash. They lie in memory that the next list is written to.
 */
export const encodeTransactions = (transactions: readonly Json[]): readonly Uint8Array[] | Unencodable =>
  encode(transactions, (transaction) => envelopes[typeOf(transaction)])

const encodeReceipts = (receipts: readonly Json[]): readonly Uint8Array[] | Unencodable =>
  encode(receipts, (receipt) => (envelopes[typeOf(receipt)] === undefined ? undefined : receiptFields))

/** Null where it cannot be recomputed. Source: yellow paper, "The Block"; EIP-2718. */
export const transactionsRoot = (transactions: readonly Json[]): Hash | null => rootOf(encodeTransactions(transactions))

/** Null where it cannot be recomputed. Source: as {@link transactionsRoot}. */
export const receiptsRoot = (receipts: readonly Json[]): Hash | null => rootOf(encodeReceipts(receipts))

/** The hash that a transaction's fields give; null where one is not there. */
export function transactionHash(transaction: Json): Hash | null {
  const encoded = encodeTransactions([transaction])
  const [value] = 'missing' in encoded ? [] : encoded
  return value === undefined ? null : keccak(value)
}

const typeOf = ({ type }: Json): number => (type === undefined || type === null ? 0 : Number(type))

const rootOf = (encoded: readonly Uint8Array[] | Unencodable): Hash | null =>
  'missing' in encoded ? null : orderedTrieRoot(encoded)

function encode(
  entries: readonly Json[],
  fieldsOf: (entry: Json) => readonly Field[] | undefined,
): readonly Uint8Array[] | Unencodable {
  rlp.clear() // what was not finished before is not there
  const ends: number[] = []
  for (const [at, entry] of entries.entries()) {
    const fields = fieldsOf(entry)
    if (fields === undefined || !writeFields(entry, fields)) return { missing: at }
    const type = typeOf(entry)
    if (type !== 0) rlp.raw(Uint8Array.of(type))
    ends.push(rlp.length)
  }
  return ends.map((end, at) => rlp.between(ends[at - 1] ?? 0, end))
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
