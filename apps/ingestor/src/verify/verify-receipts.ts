import {
  asArray,
  asBytes,
  asObject,
  parseList,
  parseLog,
  parseReceipt,
  parseTraces,
  type ParsedLog,
  type ParsedReceipt,
  type ParsedTrace,
} from '../sources/parse-block.ts'
import { logsBloom } from './hashing.ts'
import { receiptsRoot } from './roots.ts'
import { proving, type VerifiedBlock, type VerifyOptions } from './verify-block.ts'

/**
 * The receipts of `block`, proven its own. A syncing endpoint answers `[]`, a pool answers from another fork, a lagging
 * index drops logs: each looks like a quiet block, so each is the endpoint's error, never data. The bloom misses a
 * dropped log whose address and topics occur elsewhere in the block; gaps in the log indices find that one.
 * @throws {EndpointAnswerError} to retry. Source: yellow paper, "Holistic Validity".
 */
export function verifyReceipts(
  endpoint: string,
  block: VerifiedBlock,
  answer: unknown,
  options: VerifyOptions,
): readonly ParsedReceipt[] {
  return proving(endpoint, block.header.number, (fail) => {
    const receipts = parseList(answer, 'receipts', (receipt) => parseReceipt(receipt, block.header.hash))
    if (receipts.length !== block.transactions.length)
      fail('receipts', `${receipts.length} receipts for ${block.transactions.length} transactions`)
    receipts.sort((a, b) => a.transactionIndex - b.transactionIndex)
    let logIndex = 0
    for (const [at, receipt] of receipts.entries()) {
      const tx = block.transactions[at]
      if (receipt.transactionHash !== tx?.hash)
        fail(`receipts.${at}.transactionHash`, `expected ${tx?.hash}, found ${receipt.transactionHash}`)
      if (receipt.blockHash !== block.header.hash)
        fail(`receipts.${at}.blockHash`, `expected ${block.header.hash}, found ${receipt.blockHash}`)
      if (receipt.logs === null) return fail(`receipts.${at}.logs`, 'they are missing')
      for (const log of receipt.logs) {
        if (log.transactionHash !== receipt.transactionHash)
          fail(`receipts.${at}.logs`, `a log of ${log.transactionHash} is among them`)
        if (log.logIndex !== logIndex)
          fail(`receipts.${at}.logs`, `expected log ${logIndex}, found log ${log.logIndex}`)
        logIndex++
      }
    }
    const bloom = asBytes(block.raw['logsBloom'], 'logsBloom')
    if (logsBloom(receipts.flatMap(({ logs }) => logs ?? [])) !== bloom)
      fail('logsBloom', 'the logs of the receipts do not make it')
    if (options.hashes) {
      const raws = asArray(answer, 'receipts').map((receipt, at) => asObject(receipt, `receipts.${at}`))
      raws.sort((a, b) => Number(a['transactionIndex']) - Number(b['transactionIndex']))
      const root = receiptsRoot(raws)
      // Some nodes do not keep what a receipt held before Byzantium (EIP-658): there the bloom must do.
      if (root !== null && root !== block.raw['receiptsRoot'])
        fail('receiptsRoot', `expected ${String(block.raw['receiptsRoot'])}, found ${root}`)
    }
    return receipts
  })
}

/**
 * The logs of `block` where a node gives no receipts: each of a transaction of it, indices without a gap, together making
 * the bloom. The status stays unknown. @throws {EndpointAnswerError}
 */
export function verifyLogs(endpoint: string, block: VerifiedBlock, answer: unknown): readonly ParsedLog[] {
  return proving(endpoint, block.header.number, (fail) => {
    const logs = parseList(answer, 'logs', (log) => parseLog(log))
    for (const [at, log] of logs.entries()) {
      if (log.logIndex !== at) fail(`logs.${at}.logIndex`, `expected ${at}, found ${log.logIndex}`)
      if (log.blockHash !== block.header.hash) fail(`logs.${at}.blockHash`, `they are of block ${log.blockHash}`)
      if (block.transactions[log.transactionIndex]?.hash !== log.transactionHash)
        fail(
          `logs.${at}.transactionHash`,
          `${log.transactionHash} is not transaction ${log.transactionIndex} of the block`,
        )
      // They stand in the order of execution, so no log of an earlier transaction follows one of a later.
      const before = logs[at - 1]?.transactionIndex ?? 0
      if (log.transactionIndex < before)
        fail(`logs.${at}.transactionIndex`, `a log of transaction ${log.transactionIndex} follows one of ${before}`)
    }
    const bloom = asBytes(block.raw['logsBloom'], 'logsBloom')
    if (logsBloom(logs) !== bloom) fail('logsBloom', 'the logs do not make it')
    return logs
  })
}

/**
 * Traces of the block's transactions, one of each: the top frame is the call that its sender signed. What is below it no
 * part of the block tells. @throws {EndpointAnswerError}
 */
export function verifyTraces(endpoint: string, block: VerifiedBlock, answer: unknown): readonly ParsedTrace[] {
  return proving(endpoint, block.header.number, (fail) => {
    const traces = parseTraces(answer)
    if (traces.length !== block.transactions.length)
      fail('traces', `traces of ${traces.length} transactions for ${block.transactions.length}`)
    const untraced = new Map(block.transactions.map((tx) => [tx.hash, tx]))
    for (const { transactionHash, transactionIndex, blockHash, frames } of traces) {
      const [top] = frames
      if (top?.traceAddress.length !== 0) return fail('traces', `transaction ${transactionHash} has no top frame`)
      if (blockHash !== null && blockHash !== block.header.hash) fail('traces', `they are of block ${blockHash}`)
      const hash = transactionHash ?? block.transactions[transactionIndex ?? -1]?.hash
      const tx = hash === undefined ? undefined : untraced.get(hash)
      if (tx === undefined || hash === undefined)
        return fail(
          'traces',
          `transaction ${transactionHash ?? transactionIndex} is none of the block, or traced twice`,
        )
      untraced.delete(hash)
      const isCreation = top.type === 'create' || top.type === 'create2'
      const isIts = top.from === tx.from && top.value === tx.value && top.input === tx.input
      if (!isIts || (tx.to === null ? !isCreation : top.to !== tx.to))
        fail('traces', `the top frame of transaction ${hash} is another call than the one it makes`)
    }
    return traces
  })
}
