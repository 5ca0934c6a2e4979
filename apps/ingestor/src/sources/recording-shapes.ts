import { assembleBlock, type BlockParts } from './assemble-block.ts'
import {
  asArray,
  asHash,
  asHashOrNull,
  asNumber,
  asObject,
  asTimestampOrNull,
  isObject,
  parseLog,
  parseReceipt,
  parseTraces,
  parseTransaction,
  pick,
  type Json,
  parseList,
} from './parse-block.ts'
import type { SourceBlock } from './source-block.ts'

/** What a recording may lack, each with the sentence that is said once. */
export const lacks = {
  envelopes: 'has no list of transactions: senders, native value and failed transactions are not known',
  nonces: 'has call frames but no signed transactions: nonces are not known',
  receipts: 'has no receipts: status, gas and contract addresses are not known',
  logs: 'has no logs: token transfers and swaps cannot be seen',
  otherLogs: 'has only Transfer logs: approvals and swaps cannot be seen',
  traces: 'has no call frames: native value that contracts move cannot be seen',
  hash: 'has no block hashes: parents are not checked and evidence names blocks by number',
  time: 'has no block times: they are estimated from the block numbers',
  exactTime: 'has estimated block times',
} as const

export type Lack = keyof typeof lacks

export interface RecordedBlock {
  readonly block: SourceBlock
  readonly lacks: readonly Lack[]
}

/**
 * The blocks that one JSON value of a recording holds, in whatever shape it was recorded; null if it is no shape of a
 * recording. `chainId` is for values that do not say it.
 *
 * | shape | what it is |
 * | --- | --- |
 * | `{ block, receipts?, traces?, chainId? }` | a block with what belongs to it |
 * | `{ number, hash, transactions }` | `eth_getBlockByNumber(n, true)` verbatim |
 * | `{ blockNumber, timestamp?, logs \| traces \| block }` | a line of a range |
 * | `{ block_number, traces, receipts }` | mev-inspect's cache |
 * | an array of flat traces, of logs, or of any of these | `trace_block`, `eth_getLogs` verbatim |
 * | `{ jsonrpc, result }` | an answer whole: its result |
 * @throws {FieldError} naming the field that does not fit.
 */
export function blocksOf(value: unknown, chainId: number): readonly RecordedBlock[] | null {
  if (Array.isArray(value)) return blocksOfArray(value, chainId)
  if (!isObject(value)) return null
  if (value['jsonrpc'] !== undefined && value['result'] !== undefined) return blocksOf(value['result'], chainId)
  const chain = value['chainId'] === undefined ? chainId : asNumber(value['chainId'], 'chainId')
  const body = isObject(value['block']) ? value['block'] : isBlock(value) ? value : undefined
  const number = body?.['number'] ?? pick(value, 'blockNumber', 'block_number')
  const told = ['logs', 'traces', 'receipts', 'erc20AndNftTransferLogs'].some((part) => Array.isArray(value[part]))
  if (number === undefined || (body === undefined && !told)) return null
  return [recordedBlock(value, body, asNumber(number, 'number'), chain)]
}

const isBlock = (value: Json) => Array.isArray(value['transactions']) && value['number'] !== undefined

function recordedBlock(value: Json, body: Json | undefined, number: number, chainId: number): RecordedBlock {
  const list = (part: unknown, field: string) => (part === undefined || part === null ? null : asArray(part, field))
  const bodies = list(body?.['transactions'], 'transactions')
  const hashes = typeof bodies?.[0] === 'string' ? bodies : null
  const transactions = hashes === null ? bodies : null
  const receipts = list(value['receipts'], 'receipts')
  const transferLogs = list(value['erc20AndNftTransferLogs'], 'erc20AndNftTransferLogs')
  const logs = list(value['logs'], 'logs') ?? transferLogs
  const traces = list(value['traces'], 'traces')
  const parsedTraces = traces === null ? null : parseTraces(traces)
  const parsedReceipts = receipts === null ? null : parseList(receipts, 'receipts', (receipt) => parseReceipt(receipt))
  const parsedLogs = logs === null ? null : parseList(logs, 'logs', (log) => parseLog(log))
  const exact = asTimestampOrNull(
    body?.['timestamp'] ?? value['timestamp'] ?? value['block_timestamp'] ?? blockTimestampOf(logs?.[0]),
    'timestamp',
  )
  const timestamp = exact ?? asTimestampOrNull(value['timestampEstimate'], 'timestampEstimate')
  const hash =
    asHashOrNull(body?.['hash'] ?? value['blockHash'], 'hash') ??
    parsedLogs?.[0]?.blockHash ??
    parsedTraces?.[0]?.blockHash ??
    null
  const parts: BlockParts = {
    chainId,
    number,
    hash,
    parentHash: asHashOrNull(body?.['parentHash'], 'parentHash'),
    timestamp,
    transactions: transactions === null ? null : parseList(transactions, 'transactions', (tx) => parseTransaction(tx)),
    hashes: hashes?.map((tx, at) => asHash(tx, `transactions.${at}`)) ?? null,
    receipts: parsedReceipts,
    logs: parsedLogs,
    traces: parsedTraces,
  }
  const hasLogs = parsedLogs !== null || parsedReceipts?.every((receipt) => receipt.logs !== null) === true
  const missing: Record<Lack, boolean> = {
    envelopes: transactions === null && traces === null,
    nonces: transactions === null && traces !== null,
    receipts: receipts === null,
    logs: !hasLogs,
    otherLogs: transferLogs !== null && value['logs'] === undefined,
    traces: traces === null,
    hash: hash === null,
    time: timestamp === null,
    exactTime: exact === null && timestamp !== null,
  }
  return { block: assembleBlock(parts), lacks: lackNames.filter((lack) => missing[lack]) }
}

/** Newer nodes put the block's time into each log. */
const blockTimestampOf = (log: unknown) => (isObject(log) ? log['blockTimestamp'] : undefined)

const lackNames = Object.keys(lacks) as readonly Lack[] // the keys of our own constant

function blocksOfArray(values: readonly unknown[], chainId: number): readonly RecordedBlock[] | null {
  const [first] = values
  if (!isObject(first)) return null
  if (first['action'] !== undefined) return perBlock(values, 'traces', chainId)
  if (first['topics'] !== undefined) return perBlock(values, 'logs', chainId)
  const blocks = values.map((value) => blocksOf(value, chainId))
  return blocks.every((list) => list !== null) ? blocks.flat() : null
}

/** Verbatim traces or logs as one value for each block that they name. */
function perBlock(values: readonly unknown[], part: 'traces' | 'logs', chainId: number): readonly RecordedBlock[] {
  const groups = new Map<number, unknown[]>()
  for (const [at, value] of values.entries()) {
    const item = asObject(value, `${part}.${at}`)
    const number = asNumber(pick(item, 'blockNumber', 'block_number'), `${part}.${at}.blockNumber`)
    const group = groups.get(number)
    if (group === undefined) groups.set(number, [value])
    else group.push(value)
  }
  return [...groups].map(([number, group]) => recordedBlock({ [part]: group }, undefined, number, chainId))
}
