import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pricesTopic, transactionsTopic, type Alert } from '@tocsin/chain-model'
import { detectorSettings, readFinalAlerts, startDetector } from '@tocsin/detector'
import { openEmbeddedLog, readRange, type EventLog, type KafkaEventLog } from '@tocsin/event-log'
import { chainsOf, ingestorSettings, startIngestor } from '@tocsin/ingestor'
import { createMetrics, loadSettings, silentLogger } from '@tocsin/service-kit'
import type { JobProgress } from '@tocsin/stream-core'
import { until } from '../bad-input/expectations.ts'

export interface WatchedNode {
  readonly chainId: number
  readonly url: string
  /** USD, for each of the tokens. */
  readonly price: string
}

export interface WatchOptions {
  readonly nodes: readonly WatchedNode[]
  /** That never answer. */
  readonly dead?: readonly WatchedNode[]
  /** The last block that is read. */
  readonly last: number
  /** Stays open. Default: an embedded one for this time. */
  readonly kafka?: KafkaEventLog
  readonly prefix?: string
  /** To go on where an earlier time ended. Default: a new one. */
  readonly folder?: string
}

/** One ingestor and one detector over one log, until all that the nodes have is judged. @returns the final alerts by chain */
export async function watchChains(options: WatchOptions) {
  const { nodes, dead = [], last, kafka, prefix = 'tocsin' } = options
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'tocsin-chains-')))
  const all = [...nodes, ...dead]
  const prices = all.flatMap(({ chainId, price }) =>
    Array.from({ length: 40 }, (_, at) => {
      const asset = `0x${(at + 1).toString(16).padStart(40, 'a')}`
      return JSON.stringify({ asset, price, source: 'constant', chainId })
    }),
  )
  await writeFile(join(folder, 'prices.ndjson'), prices.join('\n'))
  const flags = {
    rpc: all.map(({ chainId, url }) => `${chainId}=${url}`),
    from: all.map(({ chainId }) => `${chainId}=1`),
    to: all.map(({ chainId }) => `${chainId}=${last}`),
    ...{ 'poll-interval': '20ms', prices: join(folder, 'prices.ndjson'), workers: '1' },
  }
  const chains = chainsOf(loadSettings({ table: ingestorSettings }, { env: {}, flags }).table)
  const config = loadSettings(
    { table: detectorSettings },
    {
      env: {},
      flags: {
        'chain-id': all.map(({ chainId }) => String(chainId)),
        'state-folder': join(folder, 'state'),
        detectors: ['running-total', 'transfer-volume'],
        'checkpoint-interval': '200 ms',
      },
    },
  ).table
  const log: EventLog = kafka ?? (await openEmbeddedLog(join(folder, 'log')))
  const metrics = createMetrics()
  const ending = new AbortController()
  const progress = new Map<number, JobProgress>()
  const deps = { log, logger: silentLogger, metrics }
  const ingestor = startIngestor(chains, { ...deps, prefix }, ending.signal)
  const detector = startDetector(
    { ...config, topicPrefix: prefix },
    {
      ...deps,
      clock: () => performance.now(),
      random: Math.random,
      ...(kafka !== undefined && { openGroup: (group) => kafka.group(group) }),
      onProgress: (now, chainId) => void progress.set(chainId, now),
    },
    ending.signal,
  )
  try {
    await Promise.all(ingestor.chains.slice(0, nodes.length).map(({ done }) => done))
    for (const { chainId } of nodes)
      for (const topic of [transactionsTopic(prefix, chainId), pricesTopic(prefix, chainId)]) {
        const end = await endOfRecords(log, topic)
        await until(`${topic} is judged to its end`, () => {
          const { inputs = [], lag } = progress.get(chainId) ?? {}
          return lag === 0 && (inputs.find((input) => input.topic === topic)?.committed ?? 0) >= end
        })
      }
    const alerts = new Map<number, readonly Alert[]>()
    for (const { chainId } of nodes) alerts.set(chainId, await readFinalAlerts(log, prefix, chainId))
    return { alerts, progress, exposition: await metrics.exposition() }
  } finally {
    ending.abort()
    await Promise.allSettled([ingestor.done, detector])
    if (kafka === undefined) await log.close()
  }
}

/** Behind the last record: a marker of Kafka's that follows it is none. */
async function endOfRecords(log: EventLog, topic: string): Promise<number> {
  const at = { topic, partition: 0 }
  const { beginning, end } = await log.offsets(at)
  let behind = beginning
  for await (const { records } of readRange(log, { ...at, offset: beginning }, end))
    behind = (records.at(-1)?.offset ?? behind - 1) + 1
  return behind
}
