import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pricesTopic, transactionsTopic, type Alert } from '@tocsin/chain-model'
import { detectorSettings, readFinalAlerts, startDetector } from '@tocsin/detector'
import { openEmbeddedLog } from '@tocsin/event-log'
import { chainsOf, ingestorSettings, startIngestor } from '@tocsin/ingestor'
import { serveHistory } from '@tocsin/ingestor/testing'
import { createMetrics, loadSettings, silentLogger } from '@tocsin/service-kit'
import type { JobProgress } from '@tocsin/stream-core'
import { describe, expect, test } from 'vitest'
import { until } from '../bad-input/expectations.ts'

const prefix = 'tocsin'
const last = 40
/** So many blocks make the last one final by any chain's rule. */
const beyond = 20

interface Node {
  readonly chainId: number
  readonly url: string
  /** USD, for each of the tokens. */
  readonly price: string
}

/** One ingestor and one detector over one log, until all that the nodes have is judged. @returns the final alerts by chain */
async function watch(nodes: readonly Node[], dead: readonly Node[] = []) {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-chains-'))
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
  const log = await openEmbeddedLog(join(folder, 'log'))
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
      onProgress: (now, chainId) => void progress.set(chainId, now),
    },
    ending.signal,
  )
  try {
    await Promise.all(ingestor.chains.slice(0, nodes.length).map(({ done }) => done))
    for (const { chainId } of nodes)
      for (const topic of [transactionsTopic(prefix, chainId), pricesTopic(prefix, chainId)]) {
        const { end } = await log.offsets({ topic, partition: 0 })
        await until(
          `${topic} is judged to its end`,
          () => (progress.get(chainId)?.inputs.find((input) => input.topic === topic)?.committed ?? 0) >= end,
        )
      }
    const alerts = new Map<number, readonly Alert[]>()
    for (const { chainId } of nodes) alerts.set(chainId, await readFinalAlerts(log, prefix, chainId))
    return { alerts, progress, exposition: await metrics.exposition() }
  } finally {
    ending.abort()
    await Promise.allSettled([ingestor.done, detector])
    await log.close()
  }
}

describe('several chains', () => {
  test('behavior: one ingestor and one detector find of each chain what they find of it alone, beside a dead node', async () => {
    const served = await Promise.all([31337, 8453].map((chainId) => serveHistory(chainId, last + beyond)))
    const [one, two] = served.map(({ httpUrl }) => httpUrl)
    const nodes: readonly Node[] = [
      { chainId: 31337, url: one ?? '', price: `1${'0'.repeat(32)}` },
      { chainId: 8453, url: two ?? '', price: `1${'0'.repeat(16)}` },
    ]
    try {
      const together = await watch(nodes, [{ chainId: 10, url: 'http://127.0.0.1:1', price: '1' }])
      const found = nodes.map(({ chainId }) => together.alerts.get(chainId) ?? [])
      expect(found.map((alerts) => alerts.length > 0)).toEqual([true, true])
      for (const [at, node] of nodes.entries()) {
        const alone = await watch([node])
        expect(found[at]).toEqual(alone.alerts.get(node.chainId))
        // Its own watermark, as far as its own last block, whatever the others' are.
        const watermarks = [together, alone].map(({ progress }) => progress.get(node.chainId)?.watermark)
        expect(watermarks[0]).toBe(watermarks[1])
        expect(together.exposition).toMatch(
          new RegExp(`^tocsin_detector_elements\\{chain="${node.chainId}"\\} [1-9]`, 'm'),
        )
      }
      expect(together.progress.get(10)?.watermark ?? null).toBeNull()
    } finally {
      await Promise.all(served.map((node) => node.close()))
    }
  }, 180_000)
})
