import type { Hash } from '@tocsin/chain-model'
import type { ParsedLog, ParsedReceipt, ParsedTrace, ParsedTransaction } from './parse-block.ts'
import type { Envelope, Outcome, SourceBlock, SourceLog, SourceTransaction } from './source-block.ts'

/** What a source told of one block, each list null where it told none. */
export interface BlockParts {
  readonly chainId: number
  readonly number: number
  readonly hash: Hash | null
  readonly parentHash: Hash | null
  readonly timestamp: number | null
  readonly transactions: readonly ParsedTransaction[] | null
  /** Hashes alone, where a block lists its transactions by hash. */
  readonly hashes: readonly Hash[] | null
  readonly receipts: readonly ParsedReceipt[] | null
  /** Logs of the block outside receipts. */
  readonly logs: readonly ParsedLog[] | null
  readonly traces: readonly ParsedTrace[] | null
}

interface Draft {
  index: number
  envelope: Envelope | null
  outcome: Outcome | null
  logs: SourceLog[] | null
  frames: SourceTransaction['frames']
}

/**
 * One block from its parts, joined by transaction hash: logs and status always belong to the right transaction. Without
 * a list of transactions, traces tell the envelope (but not the nonce), and logs only that the transaction exists.
 */
export function assembleBlock(parts: BlockParts): SourceBlock {
  const drafts = new Map<Hash, Draft>()
  const draft = (hash: Hash, index: number): Draft => {
    const known = drafts.get(hash)
    if (known !== undefined) return known
    const fresh: Draft = { index, envelope: null, outcome: null, logs: null, frames: null }
    drafts.set(hash, fresh)
    return fresh
  }
  for (const [index, hash] of (parts.hashes ?? []).entries()) draft(hash, index)
  for (const { hash, index, blockHash: _, ...envelope } of parts.transactions ?? [])
    draft(hash, index).envelope = envelope
  for (const { transactionHash, transactionIndex, blockHash: _, logs, ...outcome } of parts.receipts ?? []) {
    const tx = draft(transactionHash, transactionIndex)
    tx.outcome = outcome
    tx.logs = logs?.map(logOf) ?? null
  }
  for (const log of parts.logs ?? []) {
    const tx = draft(log.transactionHash, log.transactionIndex)
    tx.logs = [...(tx.logs ?? []), logOf(log)]
  }
  const byIndex = new Map([...drafts].map(([hash, { index }]) => [index, hash]))
  for (const trace of parts.traces ?? []) {
    const hash = trace.transactionHash ?? byIndex.get(trace.transactionIndex ?? -1)
    if (hash !== undefined) addTrace(draft(hash, trace.transactionIndex ?? drafts.size), trace)
  }
  if (parts.logs !== null) for (const tx of drafts.values()) tx.logs ??= []
  return {
    chainId: parts.chainId,
    number: parts.number,
    hash: parts.hash,
    parentHash: parts.parentHash,
    timestamp: parts.timestamp,
    transactions: [...drafts]
      .map(([hash, tx]) => ({ hash, ...tx, logs: tx.logs?.sort((a, b) => a.logIndex - b.logIndex) ?? null }))
      .sort((a, b) => a.index - b.index),
  }
}

const logOf = ({ logIndex, address, topics, data }: ParsedLog): SourceLog => ({ logIndex, address, topics, data })

function addTrace(tx: Draft, trace: ParsedTrace): void {
  tx.frames = trace.frames
  const top = trace.frames.find(({ traceAddress }) => traceAddress.length === 0)
  if (top === undefined) return
  const creates = top.type === 'create' || top.type === 'create2'
  tx.envelope ??= {
    from: top.from,
    to: creates ? null : top.to,
    value: top.value,
    nonce: null,
    input: top.input,
    authorizations: null,
  }
  if (creates && tx.outcome === null)
    tx.outcome = { status: null, gasUsed: null, effectiveGasPrice: null, contractAddress: top.to }
}

/** Two tellings of one block as one: what either of them holds. @throws {TypeError} if they are not the same block. */
export function mergeBlocks(a: SourceBlock, b: SourceBlock): SourceBlock {
  if (a.hash !== null && b.hash !== null && a.hash !== b.hash)
    throw new TypeError(`block ${a.number} is ${a.hash} in one place and ${b.hash} in another`)
  const transactions = new Map(a.transactions.map((tx) => [tx.hash, tx]))
  for (const tx of b.transactions) {
    const known = transactions.get(tx.hash)
    transactions.set(tx.hash, known === undefined ? tx : mergeTransactions(known, tx))
  }
  return {
    chainId: a.chainId,
    number: a.number,
    hash: a.hash ?? b.hash,
    parentHash: a.parentHash ?? b.parentHash,
    timestamp: a.timestamp ?? b.timestamp,
    transactions: [...transactions.values()].sort((one, other) => one.index - other.index),
  }
}

function mergeTransactions(a: SourceTransaction, b: SourceTransaction): SourceTransaction {
  return {
    hash: a.hash,
    index: a.index,
    // A signed envelope has a nonce, one read off a trace has none.
    envelope: a.envelope === null || (a.envelope.nonce === null && b.envelope !== null) ? b.envelope : a.envelope,
    outcome: mergeOutcomes(a.outcome, b.outcome),
    logs: (a.logs?.length ?? -1) >= (b.logs?.length ?? -1) ? a.logs : b.logs,
    frames: a.frames ?? b.frames,
  }
}

function mergeOutcomes(a: Outcome | null, b: Outcome | null): Outcome | null {
  if (a === null || b === null) return a ?? b
  return {
    status: a.status ?? b.status,
    gasUsed: a.gasUsed ?? b.gasUsed,
    effectiveGasPrice: a.effectiveGasPrice ?? b.effectiveGasPrice,
    contractAddress: a.contractAddress ?? b.contractAddress,
  }
}
