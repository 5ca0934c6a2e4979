import { lowerCaseHex, parseAddress, parseHash, type Address, type Hash, type Hex } from '@tocsin/chain-model'
import { selectorOf } from '../decode/selector.ts'
import type { BlockHeader, Envelope, Outcome, SignedAuthorization, SourceFrame, SourceLog } from './source-block.ts'

/** A field that is not what it should be: which one, and what stood there. The source adds its name and the block. */
export class FieldError extends Error {
  readonly field: string
  readonly #expected: string
  readonly #found: unknown
  constructor(field: string, expected: string, found: unknown, options?: ErrorOptions) {
    super(`${field} should be ${expected}, found ${shown(found)}`, options)
    this.field = field
    this.#expected = expected
    this.#found = found
  }

  /** The same, told of what has it: `logs.3`. */
  within(place: string): FieldError {
    const field = this.field === '' ? place : `${place}.${this.field}`
    return new FieldError(field, this.#expected, this.#found, { cause: this.cause })
  }
}

const shown = (value: unknown) => {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? 'something else')
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export function asObject(value: unknown, field: string): Json {
  if (!isObject(value)) throw new FieldError(field, 'an object', value)
  return value
}

export function asArray(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new FieldError(field, 'an array', value)
  return value
}

/**
 * Each item of a list. What is wrong in one is told with its place, `receipts.7.logs.0.data`, which is made up only then:
 * the names of all that is right would cost half as much as parsing it.
 */
export function parseList<T>(value: unknown, field: string, parse: (item: unknown) => T): T[] {
  return asArray(value, field).map((item, at) => {
    try {
      return parse(item)
    } catch (error) {
      throw error instanceof FieldError ? error.within(`${field}.${at}`) : error
    }
  })
}

/** The first of the names that the object has: recorders spell `blockHash` and `block_hash`. */
export const pick = (object: Json, ...names: readonly string[]): unknown => {
  for (const name of names) if (object[name] !== undefined) return object[name]
  return undefined
}

const orNull =
  <T>(parse: (value: unknown, field: string) => T) =>
  (value: unknown, field: string): T | null =>
    value === null || value === undefined ? null : parse(value, field)

const quantity = /^(?:0x[0-9a-fA-F]+|[0-9]+)$/

/** A JSON-RPC quantity; also a JSON number or a decimal string, which recordings hold. */
export function asQuantity(value: unknown, field: string): bigint {
  if (typeof value === 'string' && quantity.test(value)) return BigInt(value)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  throw new FieldError(field, 'a quantity', value)
}

export function asNumber(value: unknown, field: string): number {
  // What is no safe integer as a double is none as a bigint either.
  const number = typeof value === 'string' && quantity.test(value) ? Number(value) : Number(asQuantity(value, field))
  if (!Number.isSafeInteger(number)) throw new FieldError(field, 'a number below 2^53', value)
  return number
}

/** `known`: one that it may be again. Each log repeats its block's and its transaction's. */
export function asHash(value: unknown, field: string, known: Hash | null = null): Hash {
  if (value === known && known !== null) return known
  try {
    return parseHash(value)
  } catch (cause) {
    throw new FieldError(field, '32 bytes of hex', value, { cause })
  }
}

export function asAddress(value: unknown, field: string): Address {
  try {
    return parseAddress(value)
  } catch (cause) {
    throw new FieldError(field, 'an address', value, { cause })
  }
}

export function asBytes(value: unknown, field: string): Hex {
  if (isLongLowerCaseHex(value)) return value
  const bytes = lowerCaseHex(value)
  if (bytes === undefined) throw new FieldError(field, 'bytes of hex', value)
  return bytes as Hex
}

/** From this length on, copying the text out and looking at its bytes takes a third of the time of looking at its characters. */
const leastLong = 256
const mostLong = 1 << 18
const copied = Buffer.allocUnsafeSlow(mostLong)
const copiedBytes = new Uint8Array(copied.buffer)
const isLowerCaseDigit = Uint8Array.from({ length: 256 }, (_, code) =>
  Number(/[0-9a-f]/.test(String.fromCharCode(code))),
)

/** Call data and logs' data: most of the text of a block. What is longer still comes once in a blue moon. */
function isLongLowerCaseHex(value: unknown): value is Hex {
  if (typeof value !== 'string' || value.length < leastLong || value.length > mostLong) return false
  if (value.length % 2 === 1 || !value.startsWith('0x')) return false
  const end = copied.write(value, 0) // as UTF-8: of any other character no byte is a digit
  if (end !== value.length) return false // such a one had no room
  let areAll = 1
  for (let at = 2; at < end; at++) areAll &= isLowerCaseDigit[copiedBytes[at] ?? 0] ?? 0
  return areAll === 1
}

export const asNumberOrNull = orNull(asNumber)
export const asHashOrNull = (value: unknown, field: string, known: Hash | null = null): Hash | null =>
  value === null || value === undefined ? null : asHash(value, field, known)
export const asAddressOrNull = orNull(asAddress)
const asQuantityOrNull = orNull(asQuantity)

/** The last second whose milliseconds are a safe integer. */
const lastSecond = Math.floor(Number.MAX_SAFE_INTEGER / 1000)

/** Unix seconds, as blocks tell the time, in ms. */
export function asTimestamp(value: unknown, field: string): number {
  const seconds = asNumber(value, field)
  if (seconds > lastSecond) throw new FieldError(field, 'Unix seconds', value)
  return seconds * 1000
}

export const asTimestampOrNull = orNull(asTimestamp)

/** A header whose every field is there, as an endpoint must answer. */
export function parseHeader(value: unknown): BlockHeader {
  const block = asObject(value, 'block')
  return {
    number: asNumber(block['number'], 'number'),
    hash: asHash(block['hash'], 'hash'),
    parentHash: asHash(block['parentHash'], 'parentHash'),
    timestamp: asTimestamp(block['timestamp'], 'timestamp'),
  }
}

export interface ParsedTransaction extends Envelope {
  readonly hash: Hash
  readonly index: number
  readonly blockHash: Hash | null
}

/** A transaction as `eth_getBlockByNumber(n, true)` lists it. `blockHash`: that of its block, as far as is known. */
export function parseTransaction(value: unknown, blockHash: Hash | null = null): ParsedTransaction {
  const tx = asObject(value, '')
  return {
    hash: asHash(tx['hash'], 'hash'),
    index: asNumber(tx['transactionIndex'], 'transactionIndex'),
    blockHash: asHashOrNull(tx['blockHash'], 'blockHash', blockHash),
    from: asAddress(tx['from'], 'from'),
    to: asAddressOrNull(tx['to'], 'to'),
    value: asQuantity(tx['value'], 'value'),
    nonce: asNumberOrNull(tx['nonce'], 'nonce'),
    input: asBytes(tx['input'], 'input'),
    authorizations: asAuthorizationsOrNull(tx['authorizationList'], 'authorizationList'),
  }
}

const asAuthorizationsOrNull = orNull((value, field) =>
  parseList(value, field, (entry): SignedAuthorization => {
    const signed = asObject(entry, '')
    return {
      chainId: asQuantity(signed['chainId'], 'chainId'),
      delegate: asAddress(signed['address'], 'address'),
      nonce: asQuantity(signed['nonce'], 'nonce'),
      yParity: asQuantity(signed['yParity'] ?? signed['v'], 'yParity'),
      r: asQuantity(signed['r'], 'r'),
      s: asQuantity(signed['s'], 's'),
    }
  }),
)

export interface ParsedLog extends SourceLog {
  readonly transactionHash: Hash
  readonly transactionIndex: number
  readonly blockHash: Hash | null
}

/** `of`: what its receipt says, which it repeats. */
export function parseLog(value: unknown, of?: Pick<ParsedLog, 'transactionHash' | 'blockHash'>): ParsedLog {
  const log = asObject(value, '')
  return {
    logIndex: asNumber(log['logIndex'], 'logIndex'),
    address: asAddress(log['address'], 'address'),
    topics: parseList(log['topics'], 'topics', asTopic),
    data: asBytes(log['data'], 'data'),
    transactionHash: asHash(log['transactionHash'], 'transactionHash', of?.transactionHash),
    transactionIndex: asNumber(log['transactionIndex'], 'transactionIndex'),
    blockHash: asHashOrNull(log['blockHash'], 'blockHash', of?.blockHash),
  }
}

const asTopic = (topic: unknown): Hash => asHash(topic, '')

export interface ParsedReceipt extends Outcome {
  readonly transactionHash: Hash
  readonly transactionIndex: number
  readonly blockHash: Hash | null
  /** Null where the recorder kept no logs: that is not the same as none. */
  readonly logs: readonly ParsedLog[] | null
}

/** Recorders write 2^64 − 1 as a JSON number for "not known", which a double cannot even hold. */
const asGas = (value: unknown, field: string) =>
  typeof value === 'number' && !Number.isSafeInteger(value) ? null : asQuantityOrNull(value, field)

/** `known`: the hash of its block, as far as that is known. */
export function parseReceipt(value: unknown, known: Hash | null = null): ParsedReceipt {
  const receipt = asObject(value, '')
  const status = asNumberOrNull(receipt['status'], 'status')
  if (status !== null && status > 1) throw new FieldError('status', '0 or 1', receipt['status'])
  const gasPrice = pick(receipt, 'effectiveGasPrice', 'effective_gas_price')
  const transactionHash = asHash(pick(receipt, 'transactionHash', 'transaction_hash'), 'transactionHash')
  const blockHash = asHashOrNull(receipt['blockHash'], 'blockHash', known)
  const of = { transactionHash, blockHash }
  return {
    ...of,
    transactionIndex: asNumber(pick(receipt, 'transactionIndex', 'transaction_index'), 'transactionIndex'),
    status: status === null ? null : status === 1 ? 'success' : 'failed',
    gasUsed: asGas(pick(receipt, 'gasUsed', 'gas_used'), 'gasUsed'),
    effectiveGasPrice: asQuantityOrNull(gasPrice, 'effectiveGasPrice'),
    contractAddress: asAddressOrNull(receipt['contractAddress'], 'contractAddress'),
    logs: receipt['logs'] === undefined ? null : parseList(receipt['logs'], 'logs', (log) => parseLog(log, of)),
  }
}

/** The frames of one transaction, depth first. */
export interface ParsedTrace {
  /** Null in call-tracer output of older geths, which lists transactions by their place only. */
  readonly transactionHash: Hash | null
  readonly transactionIndex: number | null
  readonly blockNumber: number | null
  readonly blockHash: Hash | null
  readonly frames: readonly SourceFrame[]
}

/**
 * The traces of a block: the flat list of `trace_block` or the nested one of `debug_traceBlockByNumber` with the call
 * tracer. Every frame stays, failed ones and those below them too, and calls to precompiles where the tracer tells them.
 * Rewards and withdrawals belong to no transaction and are left out.
 */
export function parseTraces(value: unknown): readonly ParsedTrace[] {
  const entries = asArray(value, 'traces').map((entry, at) => asObject(entry, `traces.${at}`))
  return entries.some((entry) => entry['action'] !== undefined) ? parseFlat(entries) : parseNested(entries)
}

function parseFlat(entries: readonly Json[]): readonly ParsedTrace[] {
  const traces = new Map<Hash, ParsedTrace & { readonly frames: SourceFrame[] }>()
  for (const [at, entry] of entries.entries()) {
    const field = `traces.${at}`
    const type = entry['type']
    if (type === 'reward') continue
    const hash = asHash(pick(entry, 'transactionHash', 'transaction_hash'), `${field}.transactionHash`)
    const action = asObject(entry['action'], `${field}.action`)
    const frame = flatFrame(entry, action, field)
    const known = traces.get(hash)
    if (known !== undefined) {
      known.frames.push(frame)
      continue
    }
    traces.set(hash, {
      transactionHash: hash,
      transactionIndex: asNumberOrNull(
        pick(entry, 'transactionPosition', 'transaction_position'),
        `${field}.transactionPosition`,
      ),
      blockNumber: asNumberOrNull(pick(entry, 'blockNumber', 'block_number'), `${field}.blockNumber`),
      blockHash: asHashOrNull(pick(entry, 'blockHash', 'block_hash'), `${field}.blockHash`),
      frames: [frame],
    })
  }
  for (const { frames } of traces.values()) frames.sort((a, b) => byExecution(a.traceAddress, b.traceAddress))
  return [...traces.values()]
}

function flatFrame(entry: Json, action: Json, field: string): SourceFrame {
  const traceAddress = asArray(pick(entry, 'traceAddress', 'trace_address'), `${field}.traceAddress`).map((step, at) =>
    asNumber(step, `${field}.traceAddress.${at}`),
  )
  const error = asError(entry['error'])
  const result = isObject(entry['result']) ? entry['result'] : {}
  switch (entry['type']) {
    case 'call': {
      const input = asBytes(action['input'] ?? '0x', `${field}.action.input`)
      return {
        traceAddress,
        type: asCallType(action['callType'], `${field}.action.callType`),
        from: asAddress(action['from'], `${field}.action.from`),
        to: asAddress(action['to'], `${field}.action.to`),
        value: asQuantity(action['value'] ?? 0, `${field}.action.value`),
        selector: selectorOf(input),
        input,
        error,
      }
    }
    case 'create':
      return {
        traceAddress,
        type: action['creationMethod'] === 'create2' ? 'create2' : 'create',
        from: asAddress(action['from'], `${field}.action.from`),
        to: asAddressOrNull(result['address'], `${field}.result.address`),
        value: asQuantity(action['value'] ?? 0, `${field}.action.value`),
        selector: '0x',
        input: asBytes(action['init'] ?? action['input'] ?? '0x', `${field}.action.init`),
        error,
      }
    case 'suicide':
    case 'selfdestruct':
      return {
        traceAddress,
        type: 'selfdestruct',
        from: asAddress(action['address'], `${field}.action.address`),
        to: asAddressOrNull(action['refundAddress'], `${field}.action.refundAddress`),
        value: asQuantity(action['balance'] ?? 0, `${field}.action.balance`),
        selector: '0x',
        input: '0x',
        error,
      }
    default:
      throw new FieldError(`${field}.type`, 'call, create, suicide or reward', entry['type'])
  }
}

const callTypes = ['call', 'callcode', 'delegatecall', 'staticcall'] as const

function asCallType(value: unknown, field: string): (typeof callTypes)[number] {
  const type = callTypes.find((known) => known === value)
  if (type === undefined) throw new FieldError(field, callTypes.join(', '), value)
  return type
}

/** What went wrong in a frame, in the tracer's words; null where nothing did. */
const asError = (value: unknown): string | null =>
  value === undefined || value === null ? null : typeof value === 'string' ? value : JSON.stringify(value)

/** Order of execution: a frame before those it calls, and these in the order of the calls. */
function byExecution(a: readonly number[], b: readonly number[]): number {
  for (let step = 0; step < a.length && step < b.length; step++) {
    const difference = (a[step] ?? 0) - (b[step] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

function parseNested(entries: readonly Json[]): readonly ParsedTrace[] {
  return entries.map((entry, at) => {
    const field = `traces.${at}`
    const top = asObject(entry['result'] ?? entry, `${field}.result`)
    const frames: SourceFrame[] = []
    // Its own stack, since calls nest up to 1,024 deep and each level would take several of ours.
    const stack: { readonly call: Json; readonly traceAddress: readonly number[] }[] = [{ call: top, traceAddress: [] }]
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { call, traceAddress } = next
      frames.push(nestedFrame(call, [...traceAddress], `${field}[${traceAddress.join('.')}]`))
      const calls = asArray(call['calls'] ?? [], `${field}.calls`)
      for (let step = calls.length - 1; step >= 0; step--)
        stack.push({ call: asObject(calls[step], `${field}.calls.${step}`), traceAddress: [...traceAddress, step] })
    }
    return {
      transactionHash: asHashOrNull(entry['txHash'], `${field}.txHash`),
      transactionIndex: at,
      blockNumber: null,
      blockHash: null,
      frames,
    }
  })
}

function nestedFrame(call: Json, traceAddress: number[], field: string): SourceFrame {
  const types = [...callTypes, 'create', 'create2', 'selfdestruct'] as const
  const type = types.find((known) => known === String(call['type']).toLowerCase())
  if (type === undefined) throw new FieldError(`${field}.type`, types.join(', '), call['type'])
  const error = asError(call['error'])
  const isCreation = type === 'create' || type === 'create2'
  const input = type === 'selfdestruct' ? '0x' : asBytes(call['input'] ?? '0x', `${field}.input`)
  return {
    traceAddress,
    type,
    from: asAddress(call['from'], `${field}.from`),
    // Geth names the address that a failed creation would have had; nothing is there.
    to: isCreation && error !== null ? null : asAddressOrNull(call['to'], `${field}.to`),
    value: asQuantity(call['value'] ?? 0, `${field}.value`),
    selector: isCreation ? '0x' : selectorOf(input),
    input,
    error,
  }
}
