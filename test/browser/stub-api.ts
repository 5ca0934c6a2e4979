import { createReadStream, existsSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { alertCodec, severities, type Alert } from '@tocsin/chain-model'

/** What the dashboard asks of the API, answered from memory: pages, one alert, the stream, and the rest. */
export interface StubApi {
  readonly url: string
  /** Stores a transition and sends it to every open stream that asked for it. */
  readonly push: (alert: Alert) => void
  /** Ends every open stream, as a restart of the API would. */
  readonly dropStreams: () => void
  /** How many streams are open. */
  readonly streams: () => number
  readonly close: () => Promise<void>
}

const folder = join(import.meta.dirname, '../../apps/dashboard/dist')
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
// As strict as the real server may ever be: the page must need nothing from elsewhere and no inline script.
const policy = "default-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Serves the built dashboard with a stub of alerts-api behind it, on a free port of this machine. */
export async function startStubApi(alerts: readonly Alert[]): Promise<StubApi> {
  if (!existsSync(join(folder, 'index.html')))
    throw new Error('The dashboard is not built. Run: npm run build -w @tocsin/dashboard')
  const transitions = new Map<string, Alert[]>()
  const streams = new Map<ServerResponse, URLSearchParams>()
  const stored: Alert[] = [] // by sequence: the first is 1
  const store = (alert: Alert) => {
    stored.push(alert)
    transitions.set(alert.id, [...(transitions.get(alert.id) ?? []), alert])
  }
  for (const alert of alerts) store(alert)

  const newestOf = (known: readonly Alert[]) => known.at(-1)
  const current = () =>
    [...transitions.values()]
      .flatMap((known) => newestOf(known) ?? [])
      .sort((a, b) => b.eventTime - a.eventTime || (a.id < b.id ? 1 : -1))

  const answer = (response: ServerResponse, status: number, text: string) => {
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(text)
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://stub')
    const { pathname, searchParams } = url
    if (pathname === '/api/alerts') {
      const limit = Number(searchParams.get('limit') ?? 50)
      const after = Number(searchParams.get('cursor') ?? 0)
      const found = current().filter((alert) => wanted(alert, searchParams))
      const items = found.slice(after, after + limit).map((alert) => alertCodec.stringify(alert))
      const nextCursor = found.length > after + limit ? `"${after + limit}"` : 'null'
      answer(
        response,
        200,
        `{"items":[${items.join(',')}],"nextCursor":${nextCursor},"lastEventId":"${stored.length}"}`,
      )
    } else if (pathname === '/api/alerts/stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      const seen = Number(request.headers['last-event-id'] ?? searchParams.get('lastEventId') ?? stored.length)
      response.write(`retry: 500\nid: ${seen}\n\n`)
      for (const [index, alert] of stored.entries()) if (index >= seen) send(response, searchParams, alert, index + 1)
      streams.set(response, searchParams)
      response.on('close', () => streams.delete(response))
    } else if (pathname.startsWith('/api/alerts/')) {
      const known = transitions.get(pathname.slice('/api/alerts/'.length)) ?? []
      const alert = newestOf(known)
      if (alert === undefined) answer(response, 404, '{"message":"No such alert."}')
      else {
        const all = known.map((transition) => alertCodec.stringify(transition)).join(',')
        answer(response, 200, `${alertCodec.stringify(alert).slice(0, -1)},"transitions":[${all}]}`)
      }
    } else if (pathname === '/api/stats') answer(response, 200, JSON.stringify(statsOf(current())))
    else if (pathname === '/api/detectors') answer(response, 200, JSON.stringify({ items: detectors }))
    else if (pathname === '/api/pipeline') answer(response, 200, JSON.stringify(pipeline(Date.now())))
    else if (pathname === '/api/webhooks') answer(response, 200, JSON.stringify({ items: webhooks }))
    else if (pathname.startsWith('/api/webhooks/'))
      answer(response, 200, JSON.stringify(deliveries(current(), Date.now())))
    else if (pathname.startsWith('/api/')) answer(response, 404, '{"message":"Not found."}')
    else {
      const file = join(folder, normalize(pathname === '/' ? '/index.html' : pathname))
      if (!file.startsWith(folder) || !existsSync(file)) return void response.writeHead(404).end()
      response.writeHead(200, {
        'content-type': types[extname(file)] ?? 'application/octet-stream',
        'content-security-policy': policy,
      })
      createReadStream(file).pipe(response)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // a TCP server's address is never a string

  return {
    url: `http://127.0.0.1:${port}/`,
    push: (alert) => {
      store(alert)
      for (const [response, params] of streams) send(response, params, alert, stored.length)
    },
    dropStreams: () => {
      for (const response of streams.keys()) response.end()
      streams.clear()
    },
    streams: () => streams.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function send(response: ServerResponse, params: URLSearchParams, alert: Alert, sequence: number): void {
  if (!wanted(alert, params)) return
  response.write(`id: ${sequence}\nevent: alert\ndata: ${alertCodec.stringify(alert)}\n\n`)
}

function wanted(alert: Alert, params: URLSearchParams): boolean {
  const is = (name: 'detector' | 'status' | 'severity' | 'key') =>
    params.get(name) === null || params.get(name) === alert[name]
  const from = params.get('from')
  const to = params.get('to')
  return (
    is('detector') &&
    is('status') &&
    is('severity') &&
    is('key') &&
    (from === null || alert.eventTime >= Number(from)) &&
    (to === null || alert.eventTime < Number(to))
  )
}

function statsOf(alerts: readonly Alert[]) {
  const count = (name: 'detector' | 'status' | 'severity') => {
    const counts: Record<string, number> = {}
    for (const alert of alerts) counts[alert[name]] = (counts[alert[name]] ?? 0) + 1
    return counts
  }
  return { byDetector: count('detector'), byStatus: count('status'), bySeverity: count('severity') }
}

const over = (doc: string, usd = '100000') => ({ name: 'over', default: usd, unit: 'USD', doc })
const detectors = [
  {
    id: 'pass-through',
    version: '1.0.0',
    severity: 'low',
    doc: 'A large transfer out to a wallet not seen before, within a minute of receiving the funds: money on its way through.',
    parameters: [
      over('what the transfer out must exceed', '10000'),
      { name: 'within', default: 60000, unit: 'ms', doc: 'from receiving to sending, inclusive' },
      { name: 'asset', default: 'same', unit: null, doc: 'whether in and out must be of the same asset: same or any' },
    ],
  },
  {
    id: 'price-deviation',
    version: '1.0.0',
    severity: 'medium',
    doc: 'A trade on a decentralised exchange whose price is far from that of the feed at the same time.',
    parameters: [
      { name: 'over', default: '5', unit: '%', doc: 'how far the trade must be from the feed' },
      { name: 'notional', default: '1000', unit: 'USD', doc: 'what the trade must be worth' },
      { name: 'within', default: 10000, unit: 'ms', doc: 'the window that holds both' },
      { name: 'join', default: 'window', unit: null, doc: 'how trade and price find each other: window or as-of' },
    ],
  },
  {
    id: 'running-total',
    version: '1.0.0',
    severity: 'low',
    doc: 'All that a wallet ever sent, added up: speaks on each transfer above the limit.',
    parameters: [over('the total that must be exceeded')],
  },
  {
    id: 'transfer-volume',
    version: '1.0.0',
    severity: severities[3],
    doc: 'More than a limit sent by one wallet within a window of time.',
    parameters: [
      over('the sum that must be exceeded'),
      { name: 'window', default: 'sliding', unit: null, doc: 'sliding, tumbling or trailing' },
      { name: 'size', default: 600000, unit: 'ms', doc: 'length of the window' },
      { name: 'exclude', default: ['exchange', 'pool'], unit: null, doc: 'labels of wallets that are left out' },
    ],
  },
]

const input = (topic: string, position: number, end: number, watermark: number) => ({
  topic,
  partition: 0,
  position,
  end,
  lag: end - position,
  watermark,
  idle: false,
})
const durations = (count: number, maxMs: number) => ({
  count,
  sumMs: count * 2,
  lastMs: 2,
  maxMs,
  buckets: [1, 2, 5, 10, 25, 50].map((leMs) => ({ leMs, count: Math.min(count, Math.round((count * leMs) / maxMs)) })),
})
const operator = (id: number, name: string, records: number, now: number) => ({
  id,
  name,
  operator: id === 0 ? 'source' : 'process',
  recordsIn: records,
  recordsOut: records,
  lateRecords: 0,
  keys: id,
  bytesInMemory: 4_096,
  timers: 0,
  watermark: now - 1_001,
})
const pipeline = (now: number) => ({
  ingestor: {
    status: 'following',
    chainId: 31_337,
    source: 'http://127.0.0.1:8545',
    head: 21_407_312,
    sealed: 21_407_312,
    finalized: 21_407_248,
    lagBlocks: 0,
    lastBlockAt: now - 1_900,
    reorgs: 3,
  },
  detector: {
    status: 'running',
    elements: 482_113,
    outputs: 131,
    deadLetters: 0,
    lateElements: 0,
    watermark: now - 1_001,
    openEpochs: 64,
    commits: 4_211,
    checkpoints: 57,
    lastCheckpointMs: 38,
    keys: 18_402,
    timers: 911,
    eventLoopDelayMs: { p50: 0.1, p99: 4.2, max: 31 },
    time: { busyTimeMsPerSecond: 210, idleTimeMsPerSecond: 740, backPressuredTimeMsPerSecond: 50 },
    commitDurations: durations(4_211, 3),
    checkpointDurations: durations(57, 38),
    operators: [operator(0, 'transactions', 482_113, now), operator(1, 'priced-transactions', 482_113, now)],
    restarts: { count: 0, nextAt: null, lastFailure: null },
    inputs: [
      input('tocsin.31337.transactions', 48_211, 48_211, now - 1_001),
      input('tocsin.1.prices', 9_120, 9_121, now - 400),
    ],
  },
  alerts: { status: 'reading', lagRecords: 0, deadLetters: 0, deliveries: { pending: 1, delivered: 412, dead: 1 } },
})

const webhooks = [
  {
    id: 'wh_01',
    url: 'https://hooks.example.org/tocsin',
    filter: { detectors: [], severities: ['high', 'critical'], statuses: [] },
    createdAt: 1_770_112_800_000,
    disabledAt: null,
  },
]

const deliveries = (alerts: readonly Alert[], now: number) => ({
  items: alerts.slice(0, 6).map((alert, index) => ({
    id: String(900 - index),
    messageId: `${alert.id}.${alert.revision}`,
    alertId: alert.id,
    revision: alert.revision,
    eventType: `alert.${alert.status}`,
    state: index === 1 ? 'pending' : index === 4 ? 'dead' : 'delivered',
    attempts: index === 1 ? 3 : 1,
    createdAt: now - index * 43_000,
    nextAttemptAt: index === 1 ? now + 42_000 : null,
    finishedAt: index === 1 ? null : now - index * 43_000 + 80,
    lastStatus: index === 1 ? 503 : index === 4 ? 410 : 204,
    lastError: index === 4 ? 'The receiver answered 410 and wants no more.' : null,
  })),
  nextCursor: null,
})
