import {
  deadLetterCodec,
  deadLettersTopic,
  MalformedRecordError,
  maxWatermark,
  pricesCodec,
  pricesTopic,
  type PricesRecord,
  type PriceTick,
} from '@tocsin/chain-model'
import { readRange, type EventLog, type NewRecord } from '@tocsin/event-log'
import { retry } from '@tocsin/service-kit'
import { openFeedProducer } from '../feeds/feed-producer.ts'
import { LedgerBrokenError } from '../ledger/resume-point.ts'
import { PriceGapError } from './exchange-price-source.ts'
import { BadPriceError, type PriceFile } from './price-file.ts'
import { outlierMarker } from './outliers.ts'
import type { PriceSource } from './price-source.ts'

const utf8 = new TextEncoder()

/** Whose prices, under which prefix. */
interface PricesOf {
  readonly prefix: string
  readonly chainId: number
}

const topicOf = ({ prefix, chainId }: PricesOf) => pricesTopic(prefix, chainId)

const pricesTransactionalId = ({ prefix, chainId }: PricesOf) => `${prefix}.${chainId}.prices.ingestor`

function priceRecord(of: PricesOf, record: PricesRecord): NewRecord {
  const key = record.type === 'price' ? utf8.encode(record.asset) : null
  return { topic: topicOf(of), partition: 0, key, value: pricesCodec.encode(record) }
}

/** What could not be read as a price, or is known to be missing, kept whole (cut at 64 KiB). */
const deadLetter = (prefix: string, { code, message, origin, text }: BadPriceError | PriceGapError): NewRecord => ({
  topic: deadLettersTopic(prefix),
  partition: 0,
  key: utf8.encode('ingestor/prices'),
  value: deadLetterCodec.encode({
    type: 'dead-letter',
    source: 'ingestor/prices',
    code,
    reason: message,
    origin,
    payload: Buffer.from(text).subarray(0, 65_536).toString('base64'),
  }),
})

const createTopics = (log: EventLog, of: PricesOf) =>
  log.createTopics([
    { topic: topicOf(of), partitions: 1 },
    { topic: deadLettersTopic(of.prefix), partitions: 1 },
  ])

const pricesPerAppend = 1000

/**
 * Writes a price file's ticks of one chain to its prices topic: by time, outliers marked, the file's bad lines to the dead
 * letters, and at the end the highest watermark. A second call goes on where the first one ended.
 * @throws {LedgerBrokenError} if the topic holds more than this file.
 */
export async function ingestPriceFile(options: {
  readonly file: PriceFile
  readonly log: EventLog
  readonly prefix: string
  readonly chainId: number
  readonly signal?: AbortSignal
  /** Told of an error of the log that is tried again. */
  readonly onRetry?: (error: unknown) => void
}): Promise<void> {
  const { file, log, prefix, chainId } = options
  const of = { prefix, chainId }
  const signal = options.signal ?? new AbortController().signal
  const records = withWatermarks(file.ticks.filter((tick) => tick.chainId === chainId).map(outlierMarker()))
  await retry(
    async () => {
      await createTopics(log, of)
      const producer = await log.openProducer(pricesTransactionalId(of))
      try {
        const written = await countRecords(log, topicOf(of))
        if (written > records.length)
          throw new LedgerBrokenError(
            `The topic ${topicOf(of)} holds ${written} records, this file gives ${records.length}.`,
          )
        for (let at = written; at < records.length; at += pricesPerAppend) {
          signal.throwIfAborted()
          const some = records.slice(at, at + pricesPerAppend).map((record) => priceRecord(of, record))
          // The bad lines go with the first prices, so that they are written once.
          await producer.append(at === 0 ? [...file.bad.map((bad) => deadLetter(prefix, bad)), ...some] : some)
        }
      } finally {
        await producer.close()
      }
    },
    { signal, random: Math.random, ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }) },
  )
}

/**
 * Says in the prices topic that nobody need wait for it: or else the detector, which takes no block before it knows the
 * prices up to it, would wait for ever for the first, or for the next after a run that had prices. Where another
 * ingestor writes prices to the topic, its next record takes this back. It holds from where the topic stands, not from now:
 * the blocks of a backfill are older than that, and their timers would wait for it.
 */
export async function declareNoPrices(options: {
  readonly log: EventLog
  readonly prefix: string
  readonly chainId: number
  readonly signal: AbortSignal
}): Promise<void> {
  const { log, prefix, chainId, signal } = options
  const of = { prefix, chainId }
  await retry(
    async () => {
      await createTopics(log, of)
      // Under an id of its own: it must not fence an ingestor that has prices.
      const producer = await log.openProducer(`${prefix}.${chainId}.prices.none`)
      try {
        await producer.append([priceRecord(of, { type: 'idle', time: 0 })])
      } finally {
        await producer.close()
      }
    },
    { signal, random: Math.random },
  )
}

/** How far apart the watermarks of a price file are, at least, in ms: finer ones would only make timers fire no later. */
const watermarkEveryMs = 1000

/**
 * Ticks, which are in order of time, with the watermarks that say so: without them no window would close and no state
 * be dropped before the end of the file. At the end the highest: nothing follows.
 */
function withWatermarks(ticks: readonly PriceTick[]): readonly PricesRecord[] {
  let last = 0
  const records = ticks.flatMap((tick): readonly PricesRecord[] => {
    if (tick.time - 1 < last + watermarkEveryMs) return [tick]
    last = tick.time - 1
    return [{ type: 'watermark', watermark: last }, tick]
  })
  return [...records, { type: 'watermark', watermark: maxWatermark }]
}

/** An earlier run without prices left `idle` in the topic, and a stranger may have left anything: neither is of a file. */
function isOfFile(value: Uint8Array): boolean {
  try {
    return pricesCodec.decode(value).type !== 'idle'
  } catch (error) {
    if (error instanceof MalformedRecordError) return false
    throw error
  }
}

/** Offsets may have gaps (a Kafka transaction leaves markers), so records are counted and not offsets. */
async function countRecords(log: EventLog, topic: string): Promise<number> {
  const { beginning, end } = await log.offsets({ topic, partition: 0 })
  let count = 0
  for await (const { records } of readRange(log, { topic, partition: 0, offset: beginning }, end))
    count += records.filter(({ value }) => isOfFile(value)).length
  return count
}

export interface FollowPricesConfig {
  readonly prefix: string
  /** A source may tell of several; the others' are left to who follows these. */
  readonly chainId: number
  /** A price may come so much later than its time, in ms: the watermark stays so far behind. */
  readonly outOfOrdernessMs: number
  /** How often the watermark moves while prices come, in ms. */
  readonly heartbeatMs: number
  /** After so long without a price, in ms, the feed is marked idle: nobody waits for it. */
  readonly idleAfterMs: number
  /** Prices that wait to be written, at most; more than that are an error of the feed and told, never lost silently. */
  readonly maxWaiting: number
}

export interface FollowPricesDeps {
  readonly sources: readonly PriceSource[]
  readonly log: EventLog
  /** Ms; a clock at the edge: what it decides is written into the log. */
  readonly now: () => number
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  readonly random: () => number
  readonly onPrice?: (tick: PriceTick) => void
  readonly onError: (error: unknown) => void
}

export class PriceFloodError extends Error {
  readonly code = 'INGEST_PRICE_FLOOD'
  readonly handling = 'dead-letter'
  readonly remedy = 'The feed sends more than the log takes. Ask it for fewer assets, or look at why the log is slow.'
}

/** Clocks differ by less. A price from later would hold all others back until its time has come. */
const maxAheadMs = 60_000

/**
 * Writes live sources to a chain's prices topic: ticks as they come, outliers marked; a watermark every heartbeat (the least
 * time that the sources have reached, or now, less the allowed out-of-orderness, never backwards), and `idle` after
 * silence of all; the next tick ends that. Bad prices go to the dead letters. Runs until the signal is aborted.
 */
export async function followPrices(
  config: FollowPricesConfig,
  deps: FollowPricesDeps,
  signal: AbortSignal,
): Promise<void> {
  const { log, now, sources } = deps
  const marked = outlierMarker()
  /** How far each source has come that tells it. */
  const clocks = new Map<PriceSource, { readonly reached: number; readonly heardAt: number }>()
  const { prefix } = config
  const waiting: NewRecord[] = []
  let lastPriceAt = now()
  let watermark = 0
  let nextHeartbeatAt = lastPriceAt
  let idle = false
  let wake = () => {}
  const put = (record: NewRecord) => {
    waiting.push(record)
    wake()
  }
  const failed = (error: unknown) => {
    deps.onError(error)
    const isToBeKept = error instanceof BadPriceError || error instanceof PriceGapError
    if (isToBeKept && waiting.length < config.maxWaiting) put(deadLetter(prefix, error))
  }
  const push = (tick: PriceTick) => {
    if (tick.chainId !== config.chainId) return
    const ahead = tick.time - now()
    if (ahead > maxAheadMs) {
      const at = { origin: tick.source, text: pricesCodec.stringify(tick) }
      failed(new BadPriceError({ ...at, reason: `the time of a price of ${tick.asset} is ${ahead} ms from now` }))
      return
    }
    if (waiting.length >= config.maxWaiting) {
      deps.onError(
        new PriceFloodError(`${waiting.length} prices wait to be written; one of ${tick.source} was left out.`),
      )
      return
    }
    lastPriceAt = now()
    const told = marked(tick)
    put(priceRecord(config, told))
    deps.onPrice?.(told)
  }
  const again = { signal, random: deps.random, onRetry: deps.onError }
  await retry(() => createTopics(log, config), again)
  const running = Promise.all(
    sources.map((source) =>
      source.run(push, failed, signal, {
        reached: (time) => {
          lastPriceAt = now()
          clocks.set(source, { reached: Math.max(time, clocks.get(source)?.reached ?? 0), heardAt: lastPriceAt })
        },
        silent: () => clocks.delete(source),
      }),
    ),
  )
  /** Of all sources: none of them comes with an older price, but for the out-of-orderness. */
  const reachedBy = (time: number) =>
    [...clocks.values()]
      .filter(({ heardAt }) => time - heardAt < config.idleAfterMs)
      .reduce((least, { reached }) => Math.min(least, reached), time)
  const producer = await openFeedProducer({ log, transactionalId: pricesTransactionalId(config), ...again })
  try {
    while (!signal.aborted) {
      const hasPrices = waiting.some(({ topic, key }) => topic === topicOf(config) && key !== null)
      const records = waiting.splice(0)
      if (hasPrices) idle = false
      if (!idle) {
        const time = now()
        idle = !hasPrices && time - lastPriceAt >= config.idleAfterMs
        if (idle) records.push(priceRecord(config, { type: 'idle', time }))
        else if (time >= nextHeartbeatAt && reachedBy(time) - config.outOfOrdernessMs - 1 > watermark) {
          nextHeartbeatAt = time + config.heartbeatMs
          watermark = reachedBy(time) - config.outOfOrdernessMs - 1
          records.push(priceRecord(config, { type: 'watermark', watermark }))
        }
      }
      await producer.append(records)
      if (waiting.length > 0) continue
      const over = new AbortController()
      const news = new Promise<void>((resolve) => {
        wake = resolve
      })
      await Promise.race([news, deps.wait(config.heartbeatMs, AbortSignal.any([signal, over.signal])).catch(() => {})])
      over.abort()
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await producer.close()
    await running
  }
}
