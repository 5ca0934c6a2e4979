import {
  addressesOfCall,
  MalformedRecordError,
  mempoolCodec,
  mempoolTopic,
  type Address,
  type ChainCall,
  type Hash,
  type Label,
  type MempoolRecord,
} from '@tocsin/chain-model'
import { readRange, type EventLog, type NewRecord } from '@tocsin/event-log'
import { retry } from '@tocsin/service-kit'
import { openFeedProducer } from '../feeds/feed-producer.ts'
import type { MempoolSource } from './mempool-source.ts'
import {
  PendingPool,
  type MinedTransaction,
  type PendingPoolLimits,
  type PendingState,
  type PoolBlock,
  type PooledTransaction,
  type Transition,
} from './pending-pool.ts'

export interface FollowMempoolConfig {
  readonly prefix: string
  readonly chainId: number
  readonly limits: PendingPoolLimits
  /** How often the watermark moves and the node is asked for what it said nothing of, in ms. */
  readonly heartbeatMs: number
  /** After so long without a word of the source, in ms, it is marked idle: nobody waits for it. */
  readonly idleAfterMs: number
  /** Transactions that wait to be taken in, at most: while the log is away, more are told and left out. */
  readonly maxWaiting: number
  /** Transactions that the node is asked for each heartbeat, at most. */
  readonly maxChecked: number
}

export interface FollowMempoolDeps {
  readonly source: MempoolSource
  readonly log: EventLog
  /** Ms; a clock at the edge: when a transaction became known is written into the log. */
  readonly now: () => number
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  readonly random: () => number
  readonly labels: (address: Address, timestamp: number) => readonly Label[]
  /** The calls that it wants to make. */
  readonly callsOf: (transaction: PooledTransaction) => readonly ChainCall[]
  readonly onTransition: (state: PendingState['type']) => void
  readonly onSize: (pending: number) => void
  readonly onError: (error: unknown) => void
}

/** What the ledger did, told after it is in the log. */
export interface LedgerNews {
  sealed(
    block: PoolBlock,
    transactions: readonly MinedTransaction[],
    reverted: readonly { readonly hash: Hash }[],
  ): void
  finalized(number: number): void
}

export interface Mempool extends LedgerNews {
  /** Resolves when the signal is aborted. */
  readonly done: Promise<void>
}

/** More is pending than the log takes. */
export class MempoolFloodError extends Error {
  readonly code = 'INGEST_MEMPOOL_FLOOD'
  readonly handling = 'dead-letter'
  readonly remedy = 'Look at why the log is slow or away; what was left out is told with its block all the same.'
}

const utf8 = new TextEncoder()

/** Read back at the start, at most: as many records as a full pool has told of itself, and some. */
const readBackFactor = 4

/**
 * Writes what becomes of pending transactions to the chain's mempool topic: what the source sees, and what the ledger
 * has sealed and reverted, folded by a {@link PendingPool}; and a watermark every heartbeat, `idle` after silence. A
 * record's time is when the ingestor learned of it, never backwards. A start reads back what is still open from the
 * topic; what was mined meanwhile is learned from the blocks that the ledger seals next, or from the node.
 */
export function followMempool(config: FollowMempoolConfig, deps: FollowMempoolDeps, signal: AbortSignal): Mempool {
  const { prefix, chainId, limits } = config
  const { source, log } = deps
  const topic = mempoolTopic(prefix, chainId)
  const pool = new PendingPool(limits)
  /** What happened, to be folded in order once the pool is there. */
  const events: ((now: number) => readonly Transition[])[] = []
  let waiting = 0
  let lastTime = 0
  let lastWord = deps.now()
  let newestSealed = -1
  let wake = () => {}

  /** The clock, never backwards. */
  const time = () => (lastTime = Math.max(lastTime, deps.now()))
  const happened = (event: (now: number) => readonly Transition[]) => {
    events.push(event)
    wake()
  }
  const fromNode = (transactions: readonly PooledTransaction[], event: (now: number) => readonly Transition[]) => {
    lastWord = deps.now()
    if (waiting + transactions.length > Math.max(config.maxWaiting, transactions.length)) {
      deps.onError(
        new MempoolFloodError(
          `${waiting} pending transactions wait to be written; ${transactions.length} were left out.`,
        ),
      )
      return
    }
    waiting += transactions.length
    happened((now) => {
      waiting -= transactions.length
      return event(now)
    })
  }
  const sink = {
    seen: (transactions: readonly PooledTransaction[]) => fromNode(transactions, (now) => pool.seen(transactions, now)),
    snapshot: (transactions: readonly PooledTransaction[]) =>
      fromNode(transactions, (now) => pool.snapshot(transactions, now)),
    failed: deps.onError,
  }

  function recordOf({ transaction, firstSeen, state }: Transition, now: number): NewRecord {
    const { from, nonce, hash, to, value, input, gas, maxFeePerGas, maxPriorityFeePerGas } = transaction
    const about = { chainId, from, nonce, hash, firstSeen, time: now }
    if (state.type !== 'pending') return record({ ...state, ...about }, from)
    const calls = [...deps.callsOf(transaction)]
    const named = new Set([from, ...(to === null ? [] : [to]), ...calls.flatMap(addressesOfCall)])
    const labels = [...named].sort(compare).flatMap((address) =>
      deps
        .labels(address, now)
        .map((label) => ({ address, class: label.class, source: label.source }))
        .sort((a, b) => compare(a.class, b.class) || compare(a.source, b.source)),
    )
    const body = { to, value, input, gas, maxFeePerGas, maxPriorityFeePerGas, source: source.name, calls, labels }
    return record({ ...state, ...about, ...body }, from)
  }
  const record = (value: MempoolRecord, from: Address | null): NewRecord => ({
    topic,
    partition: 0,
    key: from === null ? null : utf8.encode(from),
    value: mempoolCodec.encode(value),
  })

  /** Asks the node for those that it said nothing of. One that the ledger is past by, its block is told late. */
  async function check(now: number): Promise<void> {
    const hashes = pool.due(now, config.maxChecked)
    const answers = await Promise.allSettled(hashes.map((hash) => source.ask(hash, signal)))
    for (const [at, hash] of hashes.entries()) {
      const answer = answers[at]
      if (answer === undefined || signal.aborted) return
      if (answer.status === 'rejected') deps.onError(answer.reason)
      else if (answer.value.type !== 'mined') {
        const isThere = answer.value.type === 'pending'
        happened((then) => pool.checked(hash, isThere, then))
      } else {
        const { block } = answer.value
        if (block.number <= newestSealed) happened((then) => pool.minedLate(hash, block, then))
      }
    }
  }

  async function restore(): Promise<void> {
    const { beginning, end } = await log.offsets({ topic, partition: 0 })
    const from = Math.max(beginning, end - readBackFactor * limits.maxTransactions)
    const bodies = new Map<Hash, PooledTransaction>()
    for await (const { records } of readRange(log, { topic, partition: 0, offset: from }, end)) {
      for (const { value } of records) {
        const known = decoded(value)
        if (known === null) continue
        if (known.type === 'watermark') lastTime = Math.max(lastTime, known.watermark + 1)
        if (!('firstSeen' in known)) continue
        lastTime = Math.max(lastTime, known.time)
        if (known.type === 'pending') bodies.set(known.hash, pooledOf(known))
        const transaction = bodies.get(known.hash)
        // Told before what was read back: it ended long ago.
        if (transaction === undefined) continue
        pool.restore({ transaction, firstSeen: known.firstSeen, state: stateOf(known) }, known.time)
        if (known.type === 'evicted') bodies.delete(known.hash)
      }
    }
  }

  async function run(): Promise<void> {
    const again = { signal, random: deps.random, onRetry: deps.onError }
    await retry(() => log.createTopics([{ topic, partitions: 1 }]), again)
    // First the producer, then the reading: an earlier writer can add nothing after it was fenced.
    const producer = await openFeedProducer({ log, transactionalId: `${prefix}.${chainId}.mempool.ingestor`, ...again })
    await retry(restore, again)
    // Whatever a node sends, the blocks go on.
    const running = source.run(sink, signal).catch(deps.onError)
    let checking: Promise<void> | undefined
    let nextHeartbeatAt = 0
    let idle = false
    try {
      while (!signal.aborted) {
        const records: NewRecord[] = []
        for (const event of events.splice(0)) {
          const now = time()
          for (const transition of event(now)) {
            deps.onTransition(transition.state.type)
            records.push(recordOf(transition, now))
          }
        }
        deps.onSize(pool.pending)
        const now = time()
        if (records.length > 0) idle = false
        if (now >= nextHeartbeatAt) {
          nextHeartbeatAt = now + config.heartbeatMs
          pool.forgetOld(now)
          checking ??= check(now).finally(() => {
            checking = undefined
          })
          if (!idle && records.length === 0 && deps.now() - lastWord >= config.idleAfterMs) {
            idle = true
            records.push(record({ type: 'idle', time: now }, null))
          } else if (!idle) {
            records.push(record({ type: 'watermark', watermark: now - 1 }, null))
          }
        }
        await producer.append(records)
        if (events.length > 0) continue
        const over = new AbortController()
        const news = new Promise<void>((resolve) => {
          wake = resolve
        })
        await Promise.race([
          news,
          deps.wait(config.heartbeatMs, AbortSignal.any([signal, over.signal])).catch(() => {}),
        ])
        over.abort()
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      await producer.close()
      await Promise.all([running, checking])
    }
  }

  return {
    done: run(),
    sealed: (block, transactions, reverted) => {
      newestSealed = block.number
      for (const { hash } of reverted) happened((now) => pool.reverted(hash, now))
      happened((now) => pool.sealed(block, transactions, now))
    },
    finalized: (number) =>
      happened(() => {
        pool.finalized(number)
        return []
      }),
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

type PendingRecord = Extract<MempoolRecord, { readonly firstSeen: number }>

const pooledOf = (record: Extract<PendingRecord, { readonly type: 'pending' }>): PooledTransaction => {
  const { hash, from, nonce, to, value, input, gas, maxFeePerGas, maxPriorityFeePerGas } = record
  return { hash, from, nonce, to, value, input, gas, maxFeePerGas, maxPriorityFeePerGas }
}

function stateOf(record: PendingRecord): PendingState {
  switch (record.type) {
    case 'pending':
    case 'dropped':
    case 'evicted':
      return { type: record.type }
    case 'replaced':
      return { type: 'replaced', by: record.by }
    case 'mined-same':
    case 'mined-different':
      return { type: record.type, minedAs: record.minedAs, block: record.block, status: record.status }
  }
}

/** A stranger's bytes are no state of a transaction: readers put them aside. */
function decoded(value: Uint8Array): MempoolRecord | null {
  try {
    return mempoolCodec.decode(value)
  } catch (error) {
    if (error instanceof MalformedRecordError) return null
    throw error
  }
}
