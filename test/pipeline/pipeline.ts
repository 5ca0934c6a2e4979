import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alertsApiSettings, startAlertsApi, type AlertJson } from '@tocsin/alerts-api'
import { emptyDatabase } from '@tocsin/alerts-api/testing'
import { alertCodec, alertsTopic, transactionsCodec, transactionsTopic, type Alert } from '@tocsin/chain-model'
import type { TestChain } from '@tocsin/demo'
import { detectorSettings, startDetector } from '@tocsin/detector'
import { type EventLog, openEmbeddedLog } from '@tocsin/event-log'
import { chainsOf, ingestorSettings, startIngestor } from '@tocsin/ingestor'
import { createMetrics, type Flags, loadSettings, type SettingsTable, silentLogger } from '@tocsin/service-kit'
import type { JobProgress } from '@tocsin/stream-core'
import { expect } from 'vitest'
import { writeChainFiles } from './chain-files.ts'

const prefix = 'tocsin'

/** Ingestor, detector and alerts API over one embedded log and a real PostgreSQL, with a webhook receiver. */
export interface Pipeline {
  readonly log: EventLog
  readonly url: string
  /** Until the chain's head has been sealed and the detector and the API have worked off all that is in the log. */
  caughtUp(): Promise<void>
  /** Every alert as the API shows it, by id. */
  alerts(): Promise<ReadonlyMap<string, AlertJson>>
  /** What the webhook receiver holds: the transitions of each alert in the order they came. */
  received(): ReadonlyMap<string, readonly Alert[]>
  stop(): Promise<void>
}

export async function startPipeline(chain: TestChain, parameters: readonly string[]): Promise<Pipeline> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-pipeline-'))
  const file = (name: string) => join(folder, name)
  const files = await writeChainFiles(chain, folder)
  const ending = new AbortController()
  const { signal } = ending
  const log = await openEmbeddedLog(file('log'))
  const logger = silentLogger
  const metrics = createMetrics()
  const settings = <const Table extends SettingsTable>(table: Table, flags: Flags) =>
    loadSettings({ table }, { env: {}, flags }).table

  const ingestor = startIngestor(
    chainsOf(
      settings(ingestorSettings, {
        rpc: chain.rpcUrl,
        from: '0',
        'poll-interval': '20 ms',
        'finality-depth': String(chain.finalityDepth),
        prices: files.prices,
        tokens: [files.tokens],
        labels: [files.labels],
        'chain-id': String(chain.chainId),
      }),
    ),
    { log, logger, metrics, prefix },
    signal,
  )
  let progress: JobProgress | undefined
  const detector = startDetector(
    {
      topicPrefix: prefix,
      ...settings(detectorSettings, {
        'chain-id': String(chain.chainId),
        param: [...parameters],
        'state-folder': file('state'),
        'checkpoint-interval': '200 ms',
      }),
    },
    {
      log,
      logger,
      metrics,
      clock: () => performance.now(),
      random: Math.random,
      onProgress: (now) => (progress = now),
    },
    signal,
  )
  const databaseUrl = await emptyDatabase()
  const api = await startAlertsApi(
    {
      topicPrefix: prefix,
      ...settings(alertsApiSettings, {
        port: '0',
        'database-url': databaseUrl,
        'allow-private-webhooks': 'true',
      }),
    },
    { log, logger, metrics },
    signal,
  )
  const failed = Promise.race([ingestor.done, detector, api.failure]).then(() => {
    if (!signal.aborted) throw new Error('A part of the pipeline ended by itself.')
  })
  failed.catch(() => {})

  const received = new Map<string, Alert[]>()
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { type, data } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { type: string; data: unknown }
      if (type.startsWith('alert')) {
        const alert = alertCodec.parse(JSON.stringify(data))
        const known = received.get(alert.id) ?? []
        if (!known.some(({ revision }) => revision === alert.revision)) received.set(alert.id, [...known, alert])
      }
      response.writeHead(204).end()
    })
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const address = receiver.address()
  if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
  const created = await fetch(`${api.url}/api/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: `http://127.0.0.1:${address.port}/` }),
  })
  expect(created.status, await created.clone().text()).toBe(201)

  const alerts = async () => {
    const all = new Map<string, AlertJson>()
    for (let cursor: string | null = ''; cursor !== null;) {
      const response = await fetch(
        `${api.url}/api/alerts?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      )
      const page = (await response.json()) as { items: AlertJson[]; nextCursor: string | null }
      for (const alert of page.items) all.set(alert.id, alert)
      cursor = page.nextCursor
    }
    return all
  }
  const transitionsInLog = async () => {
    const topic = alertsTopic(prefix)
    const ends = await Promise.all(
      Array.from({ length: await log.partitions(topic) }, (_, partition) => log.offsets({ topic, partition })),
    )
    return ends.reduce((sum, { end }) => sum + end, 0)
  }
  const eventually = async (what: string, holds: () => Promise<boolean> | boolean) => {
    const deadline = Date.now() + 60_000
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`Not so within 60 s: ${what}; detector at ${JSON.stringify(progress)}`)
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), failed])
    }
  }
  return {
    log,
    url: api.url,
    caughtUp: async () => {
      const head = await chain.chain.head()
      const topic = transactionsTopic(prefix, chain.chainId)
      await eventually('the head is sealed', async () => (await newestSealed(log, topic)) === head.hash)
      const { end } = await log.offsets({ topic, partition: 0 })
      await eventually(
        'the detector has committed all that comes of it',
        () => (progress?.inputs.find((input) => input.topic === topic)?.committed ?? -1) >= end,
      )
      const transitions = await transitionsInLog()
      await eventually('the receiver holds every transition', () => {
        const there = [...received.values()].reduce((sum, of) => sum + of.length, 0)
        return there >= transitions
      })
    },
    alerts,
    received: () => received,
    stop: async () => {
      ending.abort()
      await Promise.allSettled([ingestor.done, detector])
      await api.close()
      await log.close()
      receiver.closeAllConnections()
      receiver.close()
    },
  }
}

/** The hash of the newest block that is sealed and not reverted. */
async function newestSealed(log: EventLog, topic: string): Promise<string | null> {
  const { beginning, end } = await log.offsets({ topic, partition: 0 })
  const chain: (string | null)[] = []
  const reader = await log.openReader([{ topic, partition: 0, offset: beginning }])
  for (let next = beginning; next < end;) {
    for (const { records, nextOffset } of await reader.poll(100)) {
      for (const { value } of records) {
        const record = transactionsCodec.decode(value)
        if (record.type === 'sealed') chain.push(record.block.hash)
        if (record.type === 'reverted') chain.pop()
      }
      next = nextOffset
    }
  }
  await reader.close()
  return chain.at(-1) ?? null
}
