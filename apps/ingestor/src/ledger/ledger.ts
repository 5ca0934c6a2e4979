import {
  transactionsCodec,
  transactionsTopic,
  type Finalized,
  type Reverted,
  type TransactionsRecord,
} from '@tocsin/chain-model'
import type { EventLog, NewRecord, Producer } from '@tocsin/event-log'
import type { LearnedFacts } from '../decode/learned-facts.ts'
import type { EncodedBlock } from '../decode/encode-block.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import type { CanonicalChain, ChainLink } from './advance.ts'
import { factTopicSpec, openFactTopic, type FactTopic } from './fact-topic.ts'
import { LedgerBrokenError, readResumePoint, type ResumePoint } from './resume-point.ts'

/** The transactional id of the one that writes a chain's ledger: a second one fences the first. */
export const ledgerTransactionalId = (prefix: string, chainId: number) => `${prefix}.${chainId}.ingestor`

/**
 * The block ledger of one chain: what is in the log and the only hand that writes there. Each method is one append, all
 * or nothing; after an error other than LogFullError or LogUnavailableError the ledger must be opened again, which reads
 * back what came of it.
 */
export interface Ledger {
  readonly nextSequence: number
  /** Null until {@link start}, in an empty log. */
  readonly chain: CanonicalChain | null
  /** Whether the chain's first link is known to be final; else it is only the parent of the first block. */
  readonly anchorIsFinal: boolean
  /** Makes `parent` the block that the first one must be built on. Nothing is written. */
  start(parent: ChainLink): void
  /**
   * Puts another block in the place of the first link, where that is not known to be final: the chain turned out to
   * branch off before the first block in the log. Nothing is written; the next append reverts all that is there.
   */
  reanchor(parent: ChainLink): void
  /**
   * Reverts `revert` (newest first) and appends the block, and says that `final` is final, if given. `final` may be the
   * block itself. What was learned up to the block is kept with it.
   */
  append(block: EncodedBlock, change: LedgerChange): Promise<void>
  finalize(final: ChainLink): Promise<void>
  close(): Promise<void>
}

export interface LedgerChange {
  readonly header: BlockHeader
  readonly revert: readonly ChainLink[]
  readonly final: ChainLink | null
}

/**
 * Opens the ledger where the log says it stands, and fences any other writer of this chain. `learned` is then what the blocks
 * in the log have taught, and is kept with those that are appended.
 */
export async function openLedger(
  log: EventLog,
  { prefix, chainId }: { readonly prefix: string; readonly chainId: number },
  learned: LearnedFacts,
): Promise<Ledger> {
  const topic = transactionsTopic(prefix, chainId)
  await log.createTopics([{ topic, partitions: 1 }])
  // First the producer, then the reading: an earlier writer can add nothing after it was fenced.
  const producer = await log.openProducer(ledgerTransactionalId(prefix, chainId))
  try {
    const point = await readResumePoint(log, prefix, chainId)
    if (point.ended)
      throw new LedgerBrokenError(`The topic ${topic} holds a recording to its end; nothing can follow it.`)
    if (point.nextSequence > 0 && point.chain === null)
      throw new LedgerBrokenError(`The topic ${topic} holds blocks without hashes, which nothing can be linked to.`)
    const facts = await openFactTopic(log, factTopicSpec(prefix, chainId), learned)
    if (point.nextSequence === 0) learned.rewind(0) // told by a log that was begun anew
    return chainLedger(producer, topic, chainId, point, facts)
  } catch (error) {
    await producer.close()
    throw error
  }
}

export const recordOf = (topic: string, record: TransactionsRecord): NewRecord =>
  encodedRecord(topic, transactionsCodec.encode(record))

const encodedRecord = (topic: string, value: Uint8Array): NewRecord => ({ topic, partition: 0, key: null, value })

function chainLedger(producer: Producer, topic: string, chainId: number, point: ResumePoint, facts: FactTopic): Ledger {
  let { nextSequence, chain, anchorIsFinal } = point
  const record = (each: TransactionsRecord) => recordOf(topic, each)
  const finalized = ({ number, hash, timestamp }: ChainLink): Finalized => ({
    type: 'finalized',
    chainId,
    block: { number, hash, timestamp },
  })
  /** The chain from `final` on. */
  const cut = (links: CanonicalChain, final: ChainLink): CanonicalChain => [
    final,
    ...links.filter(({ number }) => number > final.number),
  ]
  return {
    get nextSequence() {
      return nextSequence
    },
    get chain() {
      return chain
    },
    get anchorIsFinal() {
      return anchorIsFinal
    },
    start(parent) {
      chain = [parent]
      anchorIsFinal = false
    },
    reanchor(parent) {
      if (chain === null || anchorIsFinal) throw new LedgerBrokenError('A final block was to be replaced.')
      chain = [parent, ...chain.slice(1)]
    },
    async append({ transactions, prices, seal }, { header, revert, final }) {
      if (chain === null) throw new LedgerBrokenError('A block was appended before the ledger was started.')
      const reverted = revert.map(({ number, hash, timestamp }, at): Reverted => {
        const block = { number, hash, timestamp }
        return { type: 'reverted', chainId, sequence: nextSequence + at, block }
      })
      const [anchor, ...links] = chain
      const kept = links.slice(0, links.length - revert.length)
      const parent = kept.at(-1) ?? anchor
      if (parent.hash !== header.parentHash || header.hash !== seal.block.hash)
        throw new LedgerBrokenError(
          `Block ${header.number} was to be appended to block ${parent.number}, not its parent.`,
        )
      const sequence = nextSequence + reverted.length
      const taught = await facts.next()
      await producer.append([
        ...reverted.map(record),
        ...transactions.map((value) => encodedRecord(topic, value)),
        ...prices.map(record),
        record({ ...seal, sequence }),
        ...(final === null ? [] : [record(finalized(final))]),
        ...taught.records,
      ])
      facts.written(taught)
      const { number, hash, timestamp } = header
      nextSequence = sequence + 1
      chain = [anchor, ...kept, { number, hash, timestamp }]
      if (final === null) return
      chain = cut(chain, final)
      anchorIsFinal = true
    },
    async finalize(final) {
      if (chain === null) throw new LedgerBrokenError('A block was finalized before the ledger was started.')
      await producer.append([record(finalized(final))])
      chain = cut(chain, final)
      anchorIsFinal = true
    },
    close: () => producer.close(),
  }
}
