import { maxWatermark, transactionsTopic, type TransactionsRecord } from '@tocsin/chain-model'
import { CommitUnknownError, type EventLog, type NewRecord } from '@tocsin/event-log'
import { isRetryable, retry } from '@tocsin/service-kit'
import { blockDecoder, finalizedRecord, type DecodedBlock, type Knowledge } from './decode/decode-block.ts'
import { chainFacts } from './knowledge/chains.ts'
import { readAbis } from './knowledge/abi-files.ts'
import { bundledLabels, readLabelFile } from './knowledge/label-list.ts'
import { bundledTokens, readTokenFile } from './knowledge/token-list.ts'
import { ledgerTransactionalId, recordOf } from './ledger/ledger.ts'
import { LedgerBrokenError, readResumePoint } from './ledger/resume-point.ts'
import type { ChainPriceFeed } from './prices/chain-price-feeds.ts'
import { chainPricer } from './prices/chain-pricer.ts'
import { feedObserver } from './prices/feed-observation.ts'
import type { Recording } from './sources/recording-source.ts'

export interface DecodeOptions {
  /** Default: the bundled lists. */
  readonly knowledge?: Knowledge
  /** Only this chain of the recording. Default: all, one after the other by chain id. */
  readonly chainId?: number
  /** Whose prices are told with the blocks; of a Chainlink feed the aggregator must be named. Default: none. */
  readonly priceFeeds?: readonly ChainPriceFeed[]
}

/**
 * The bundled lists and then the user's files, which win over them, and the user's ABIs.
 * @throws {ListFileError} naming file and line; {@link AbiFileError} naming file and entry.
 */
export async function loadKnowledge(files: {
  readonly tokens?: readonly string[]
  readonly labels?: readonly string[]
  readonly abis?: readonly string[]
}): Promise<Knowledge> {
  const tokens = await Promise.all((files.tokens ?? []).map(readTokenFile))
  const labels = await Promise.all((files.labels ?? []).map(readLabelFile))
  const abis = await Promise.all((files.abis ?? []).map(readAbis))
  return {
    tokens: [...bundledTokens(), ...tokens.flat()],
    labels: [...bundledLabels(), ...labels.flat()],
    abis: abis.flat(),
  }
}

/** The records of one block of final history: its transactions, its seal and its finality. Written in one append. */
export interface RecordedBatch {
  readonly chainId: number
  readonly blockNumber: number
  readonly sequence: number
  readonly records: readonly TransactionsRecord[]
}

/**
 * The recording's blocks as the batches that ingestion writes. The last one of each chain is the watermark's. A block's
 * watermark never passes the next block: a recording may hold blocks closer together than its chain's slots.
 */
export async function* decodeBatches(recording: Recording, options: DecodeOptions = {}): AsyncGenerator<RecordedBatch> {
  const knowledge = options.knowledge ?? (await loadKnowledge({}))
  for (const { chainId, last } of recording.chains) {
    if (options.chainId !== undefined && options.chainId !== chainId) continue
    const decoder = blockDecoder(chainFacts(chainId), knowledge)
    const feeds = (options.priceFeeds ?? []).filter((feed) => feed.chainId === chainId)
    const observe = feedObserver(feeds)
    const pricer = chainPricer({ feeds, reader: null })
    let sequence = 0
    let previous: DecodedBlock | undefined
    const batchOf = async ({ transactions, seal }: DecodedBlock, nextTimestamp = Infinity): Promise<RecordedBatch> => {
      const watermark = Math.min(seal.watermark, nextTimestamp - 1)
      const prices = await pricer.price(seal.block, observe(transactions), never)
      const sealed = { ...seal, watermark, sequence }
      const records: TransactionsRecord[] = [...transactions, ...prices, sealed, finalizedRecord(seal)]
      return { chainId, blockNumber: seal.block.number, sequence: sequence++, records }
    }
    for await (const block of recording.blocks(chainId)) {
      if (previous !== undefined) yield await batchOf(previous, block.timestamp)
      previous = decoder.decode(block)
    }
    if (previous !== undefined) yield await batchOf(previous)
    yield { chainId, blockNumber: last, sequence, records: [{ type: 'watermark', watermark: maxWatermark }] }
  }
}

/** Nothing is waited for where nobody is asked. */
const never = new AbortController().signal

/** The records that {@link ingestRecording} would write to the transactions topic, in order. */
export async function* decodeRecording(
  recording: Recording,
  options: DecodeOptions = {},
): AsyncGenerator<TransactionsRecord> {
  for await (const { records } of decodeBatches(recording, options)) yield* records
}

export interface IngestRecordingOptions extends DecodeOptions {
  readonly recording: Recording
  readonly log: EventLog
  readonly prefix: string
  /** Blocks in one append, at most; an append also ends at about 4 MiB. Default 16. The records are the same for any. */
  readonly batchBlocks?: number
  readonly onProgress?: (progress: IngestProgress) => void
  /** Told of an error of the log that is tried again. */
  readonly onRetry?: (error: unknown, next: { readonly attempt: number; readonly delayMs: number }) => void
  readonly signal?: AbortSignal
}

export interface IngestProgress {
  readonly chainId: number
  /** Blocks of this chain in the log so far, and how many it is to be: those of the recording, or of the range. */
  readonly blocks: number
  readonly ofBlocks: number
  readonly blockNumber: number
  /** Of the blocks, those that an earlier run had written. */
  readonly before?: number
}

const maxAppendBytes = 4 << 20

/**
 * Writes the recording's blocks to the transactions topic of each of its chains, each block whole in one append, and at
 * its end the highest watermark. A second call goes on after the last sealed block in the log; what is there must be the
 * beginning of this recording.
 * @throws {LedgerBrokenError} the topic holds something else.
 */
export async function ingestRecording(options: IngestRecordingOptions): Promise<void> {
  const signal = options.signal ?? new AbortController().signal
  for (const { chainId } of options.recording.chains) {
    if (options.chainId !== undefined && options.chainId !== chainId) continue
    await retry(() => ingestChain(options, chainId, signal), {
      signal,
      random: Math.random,
      // Begun anew: only a new producer can tell what became of an append.
      ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }),
    })
  }
}

async function ingestChain(options: IngestRecordingOptions, chainId: number, signal: AbortSignal): Promise<void> {
  const { recording, log, prefix, batchBlocks = 16, onProgress } = options
  const topic = transactionsTopic(prefix, chainId)
  await log.createTopics([{ topic, partitions: 1 }])
  const producer = await log.openProducer(ledgerTransactionalId(prefix, chainId))
  const another = () =>
    new LedgerBrokenError(`The topic ${topic} holds other blocks than this recording, so it cannot go on with it.`)
  try {
    const { nextSequence, lastSealed, ended } = await readResumePoint(log, prefix, chainId)
    const ofBlocks = recording.chains.find((chain) => chain.chainId === chainId)?.blocks ?? 0
    if (nextSequence > ofBlocks) throw another()
    let waiting: NewRecord[] = []
    let [blocks, bytes] = [0, 0]
    const flush = async (done: number, blockNumber: number) => {
      if (waiting.length > 0) {
        const records = waiting
        await retry(() => producer.append(records), {
          signal,
          random: Math.random,
          shouldRetry: (error) => isRetryable(error) && !(error instanceof CommitUnknownError),
          ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }),
        })
      }
      waiting = []
      blocks = 0
      bytes = 0
      onProgress?.({ chainId, blocks: done, ofBlocks, blockNumber })
    }
    for await (const batch of decodeBatches(recording, { ...options, chainId })) {
      signal.throwIfAborted()
      const isEnd = batch.sequence === ofBlocks
      const seal = batch.records.find((record) => record.type === 'sealed')
      if (seal !== undefined && batch.sequence === nextSequence - 1) {
        const { number, hash } = seal.block
        if (lastSealed?.block.number !== number || lastSealed.block.hash !== hash) throw another()
      }
      if (batch.sequence < nextSequence || (isEnd && ended)) continue
      if (ended) throw another()
      const encoded = batch.records.map((record) => recordOf(topic, record))
      waiting.push(...encoded)
      blocks++
      bytes += encoded.reduce((sum, { value }) => sum + value.length, 0)
      if (isEnd || blocks >= batchBlocks || bytes >= maxAppendBytes)
        await flush(isEnd ? ofBlocks : batch.sequence + 1, batch.blockNumber)
    }
  } finally {
    await producer.close()
  }
}
