import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { alertCodec, alertsTopic, type Alert } from '@tocsin/chain-model'
import { LogUnavailableError } from '@tocsin/event-log'
import { openSimulatedLog, type SimulatedLog } from '@tocsin/event-log/testing'
import { createLogger, createMetrics, loadSettings } from '@tocsin/service-kit'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emptyDatabase, reachableFolder, sampleAlert } from '../testing/index.ts'
import { parseSecret, signDelivery } from './channels/sign-delivery.ts'
import { openEmbeddedPostgres } from './embedded-postgres.ts'
import { alertsApiSettings, startAlertsApi, type AlertsApi, type AlertsApiConfig } from './index.ts'

const topic = alertsTopic('tocsin')
let log: SimulatedLog
let metrics: ReturnType<typeof createMetrics>
let said: string
let api: AlertsApi
let databaseUrl: string

/** However busy the machine. */
const inTheEnd = { timeout: 30_000, interval: 10 }

const logger = createLogger({ place: 'alerts-api', write: (line) => (said += line), now: () => 0 })

async function start(overrides: Partial<AlertsApiConfig> = {}): Promise<AlertsApi> {
  const { api: settings } = loadSettings({ api: alertsApiSettings }, {})
  const config = {
    ...settings,
    apiPort: 0,
    databaseUrl,
    topicPrefix: 'tocsin',
    allowPrivateWebhooks: true,
    ...overrides,
  }
  return (api = await startAlertsApi(config, { log, logger, metrics }, new AbortController().signal))
}

type Json = Readonly<Record<string, unknown>>
const ask = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`${api.url}${path}`, init)
  const text = await response.text()
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Json }
}
const get = async (path: string) => (await ask(path)).body
const post = (path: string, body: unknown) =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
const itemsOf = (body: Json) => body['items'] as readonly Json[]
const jsonOf = (alert: Alert): Json => JSON.parse(alertCodec.stringify(alert)) as Json

const append = async (values: readonly Uint8Array[], partition = 0) => {
  const producer = await log.openProducer('detector')
  await producer.append(values.map((value) => ({ topic, partition, key: null, value })))
  await producer.close()
}
const write = (...alerts: readonly Alert[]) => append(alerts.map((alert) => alertCodec.encode(alert)))
const total = async () => (await get('/api/stats'))['total']
const metric = async (line: string) => (await (await fetch(`${api.url}/metrics`)).text()).includes(line)

/** A client of the stream: what it has received so far. */
function follow(path: string, headers: Record<string, string> = {}) {
  const gone = new AbortController()
  const events: { readonly id: number; readonly alert: Json }[] = []
  let lastId = ''
  const done = (async () => {
    const response = await fetch(`${api.url}${path}`, { headers, signal: gone.signal })
    if (response.body === null || response.status !== 200) throw new Error(await response.text())
    let rest = ''
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const messages = (rest + text).split('\n\n')
      rest = messages.pop() ?? ''
      for (const message of messages) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(message)?.[1]
        lastId = field('id') ?? lastId
        const data = field('data')
        if (data !== undefined) events.push({ id: Number(lastId), alert: JSON.parse(data) as Json })
      }
    }
    return 'ended'
  })().catch((error: unknown) => {
    return gone.signal.aborted ? 'left' : String(error)
  })
  return { events, lastId: () => lastId, leave: () => gone.abort(), done }
}

beforeEach(async () => {
  said = ''
  metrics = createMetrics()
  log = openSimulatedLog()
  await log.createTopics([{ topic, partitions: 4 }])
  databaseUrl = await emptyDatabase()
})
afterEach(() => api.close())

const alert = sampleAlert('one')
const confirmed: Alert = { ...alert, revision: 2, status: 'confirmed' }

describe('startAlertsApi', () => {
  test('default: an alert of the log is listed, shown with its transitions, and counted', async () => {
    await start()
    await write(alert, confirmed)
    await expect
      .poll(() => get('/api/alerts'), inTheEnd)
      .toEqual({
        items: [jsonOf(confirmed)],
        nextCursor: null,
        lastEventId: '2',
      })
    expect(await get(`/api/alerts/${alert.id}`)).toEqual({
      ...jsonOf(confirmed),
      transitions: [
        { ...jsonOf(alert), sequence: 1, storedAt: expect.any(Number) as number },
        { ...jsonOf(confirmed), sequence: 2, storedAt: expect.any(Number) as number },
      ],
    })
    expect(await get('/api/stats')).toMatchObject({ total: 1, byStatus: { confirmed: 1, provisional: 0 } })
    expect(await get('/api/pipeline')).toMatchObject({
      ingestor: null,
      detector: null,
      alerts: { status: 'reading', lagRecords: 0, lastEventId: '2', deadLetters: 0 },
    })
    expect(await ask('/health/ready')).toMatchObject({ status: 200, body: { status: 'ready' } })
    expect(await metric('tocsin_alerts_transitions_total{status="confirmed"} 1')).toBe(true)
  })

  test('behavior: a second start goes on where the first was; nothing is stored twice', async () => {
    await start()
    await write(alert)
    await expect.poll(total, inTheEnd).toBe(1)
    await api.close()
    await write(confirmed)
    await start()
    await expect.poll(() => get('/api/alerts'), inTheEnd).toMatchObject({ lastEventId: '2' })
    expect(itemsOf(await get('/api/alerts'))).toEqual([jsonOf(confirmed)])
    expect(await metric('tocsin_alerts_repeated_records_total 0')).toBe(true)
  })

  test('behavior: the topic is waited for, said once, and then read', async () => {
    log = openSimulatedLog()
    await start()
    await expect
      .poll(() => said, inTheEnd)
      .toContain('[API_TOPIC_MISSING] The topic "tocsin.alerts" does not exist yet.')
    expect(await ask('/health/ready')).toMatchObject({ status: 503 })
    await log.createTopics([{ topic, partitions: 1 }])
    await write(alert)
    await expect.poll(total, inTheEnd).toBe(1)
    expect(said.match(/API_TOPIC_MISSING/g)).toHaveLength(1)
  })

  test('behavior: closing ends open streams', async () => {
    await start()
    const stream = follow('/api/alerts/stream')
    await expect.poll(stream.lastId, inTheEnd).toBe('0')
    await api.close()
    expect(await stream.done).toBe('ended')
  })

  test('error: a record that is no alert is put aside, counted and said; the others are stored', async () => {
    await start()
    await append([new TextEncoder().encode('{"id": 1}'), alertCodec.encode(alert)])
    await expect.poll(total, inTheEnd).toBe(1)
    expect(await get('/api/pipeline')).toMatchObject({ alerts: { deadLetters: 1, status: 'reading' } })
    expect(await metric('tocsin_alerts_dead_letters_total{code="MODEL_MALFORMED_RECORD"} 1')).toBe(true)
    expect(said).toMatch(/put aside.*partition=0 offset=0/)
  })

  test('error: what was trimmed from the log before it was read is a clear end, not a quiet one', async () => {
    await start()
    await write(alert)
    await expect.poll(total, inTheEnd).toBe(1)
    await api.close()
    await write(confirmed, { ...alert, revision: 3 })
    await log.trim({ topic, partition: 0 }, 2)
    await start()
    await expect(api.failure).rejects.toMatchObject({ code: 'LOG_OFFSET_OUT_OF_RANGE' })
    expect(said).toContain('[LOG_OFFSET_OUT_OF_RANGE] Offset 1 of tocsin.alerts/0 cannot be read')
    expect((await ask('/health/ready')).status).toBe(503)
    expect(await total()).toBe(1) // what is there can still be read
  })

  test('error: another log than the database belongs to', async () => {
    await start()
    await write(alert)
    await expect.poll(total, inTheEnd).toBe(1)
    await api.close()
    log = openSimulatedLog()
    await log.createTopics([{ topic, partitions: 4 }])
    await start()
    await expect(api.failure).rejects.toMatchObject({ code: 'API_LOG_REPLACED' })
    expect(said).toContain('tocsin.alerts/0 was read up to offset 1, but the log ends at 0.')
  })

  test('error: a port that is taken', async () => {
    await start()
    const first = api
    await expect(start({ apiPort: Number(new URL(first.url).port) })).rejects.toMatchObject({
      code: 'PORT_UNAVAILABLE',
    })
    api = first
  })

  test('error: the log goes away and comes back: what the database holds is served, and how far it is not known', async () => {
    let isAway = false
    const offsets = log.offsets.bind(log)
    log.offsets = (at) => (isAway ? Promise.reject(new LogUnavailableError('no broker answers')) : offsets(at))
    await start()
    await write(alert)
    await expect.poll(total, inTheEnd).toBe(1)
    isAway = true
    expect(await ask('/api/pipeline')).toMatchObject({
      status: 200,
      body: { alerts: { lagRecords: null, lastEventId: '1' } },
    })
    expect((await ask('/health/ready')).status).toBe(503)
    isAway = false
    expect(await get('/api/pipeline')).toMatchObject({ alerts: { lagRecords: 0 } })
    expect((await ask('/health/ready')).status).toBe(200)
    expect(said).not.toContain('ERROR')
  })

  test('error: the database goes away and comes back: nothing is lost, nothing twice, said once', async () => {
    const parent = await reachableFolder('restart')
    const folder = join(parent, 'postgres')
    let server = await openEmbeddedPostgres(folder, { logger, volatile: true })
    databaseUrl = server.url
    const names = Array.from({ length: 40 }, (_, index) => `alert ${index}`)
    try {
      await start()
      for (const name of names.slice(0, 10)) await write(sampleAlert(name))
      const stream = follow('/api/alerts/stream?lastEventId=0')
      await expect.poll(() => stream.events.length, inTheEnd).toBe(10)
      await server.close()
      for (const name of names.slice(10, 30)) await write(sampleAlert(name))
      await expect.poll(() => said, inTheEnd).toContain('[API_DATABASE_UNAVAILABLE]')
      expect(await ask('/api/alerts')).toMatchObject({ status: 503, body: { code: 'API_DATABASE_UNAVAILABLE' } })
      expect((await ask('/health/ready')).status).toBe(503)

      server = await openEmbeddedPostgres(folder, { logger, volatile: true })
      for (const name of names.slice(30)) await write(sampleAlert(name))
      await expect.poll(() => ask('/api/stats'), inTheEnd).toMatchObject({ body: { total: 40 } })
      expect((await get('/api/alerts'))['lastEventId']).toBe('40')
      stream.leave()
      const resumed = follow('/api/alerts/stream', { 'last-event-id': stream.lastId() || '0' })
      const ids = () => [...stream.events, ...resumed.events].map(({ id }) => id)
      await expect.poll(ids, inTheEnd).toEqual(names.map((_, index) => index + 1))
      resumed.leave()
    } finally {
      await api.close()
      await server.close()
      await rm(parent, { recursive: true, force: true })
    }
  })
})

describe('GET /api/alerts', () => {
  const at = (index: number, overrides: Partial<Alert> = {}) =>
    sampleAlert(`alert ${index}`, { eventTime: 1_700_000_000_000 + Math.floor(index / 3) * 1_000, ...overrides })
  /** Newest first: by event time, then by id. */
  const newestFirst = (alerts: readonly Alert[]) =>
    [...alerts].sort((a, b) => b.eventTime - a.eventTime || (a.id < b.id ? 1 : -1)).map(({ id }) => id)
  const idsOf = (body: Json) => itemsOf(body).map(({ id }) => id)

  test('property: pages of any size hold every alert once, newest first, whatever comes meanwhile', async () => {
    await start()
    const before = Array.from({ length: 20 }, (_, index) => at(index))
    await write(...before)
    await expect.poll(total, inTheEnd).toBe(20)
    let written = 20
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 0, max: 40 }), async (limit, place) => {
        const known = written
        const seen: unknown[] = []
        let cursor: string | null = null
        do {
          const page: Json = await get(`/api/alerts?limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`)
          seen.push(...idsOf(page))
          cursor = page['nextCursor'] as string | null
          // An alert appears anywhere between the pages: it may be seen or not, and moves no other.
          if (written === known) {
            await write(sampleAlert(`later ${written}`, { eventTime: 1_700_000_000_000 + place * 250 }))
            written++
            await expect.poll(total, inTheEnd).toBe(written)
          }
        } while (cursor !== null)
        expect(new Set(seen).size).toBe(seen.length)
        const old = new Set(before.map(({ id }) => id))
        expect(seen.filter((id) => old.has(String(id)))).toEqual(newestFirst(before))
      }),
      { numRuns: 12 },
    )
  })

  test('behavior: filters narrow the list, alone and together', async () => {
    await start()
    const alerts = [
      at(0, { detector: 'a', severity: 'low', key: 'k1' }),
      at(3, { detector: 'b', severity: 'high', key: 'k2' }),
      at(6, { detector: 'b', severity: 'low', key: 'k1', status: 'retracted', revision: 2 }),
      at(9, { detector: 'c', severity: 'critical', key: 'k3', chainId: 137 }),
    ]
    await write(...alerts)
    await expect.poll(total, inTheEnd).toBe(4)
    const found = async (query: string) => {
      const ids = idsOf(await get(`/api/alerts?${query}`))
      return alerts.flatMap(({ id }, index) => (ids.includes(id) ? index : []))
    }
    expect(await found('detector=b')).toEqual([1, 2])
    expect(await found('detector=a,c')).toEqual([0, 3])
    expect(await found('detector=a&detector=c')).toEqual([0, 3])
    expect(await found('status=retracted')).toEqual([2])
    expect(await found('severity=low&key=k1')).toEqual([0, 2])
    expect(await found('chainId=137')).toEqual([3])
    expect(await found('from=1700000001000&to=1700000003000')).toEqual([1, 2])
    expect(await found('from=2023-11-14T22:13:22Z')).toEqual([2, 3])
    expect(await found('detector=none')).toEqual([])
  })

  test('error: a request that cannot be meant is answered with one sentence that names the field', async () => {
    await start()
    const sentence = async (path: string) => {
      const { status, body } = await ask(path)
      expect(body['statusCode']).toBe(status)
      return `${status} ${String(body['message'])}`
    }
    const nobody = '0'.repeat(64)
    const expected = {
      '/api/alerts?limit=0': '400 limit is "0"; expected an integer from 1 to 500.',
      '/api/alerts?status=open': '400 status is "open"; expected one of provisional, confirmed, retracted.',
      '/api/alerts?sevrity=high': '400 sevrity is no parameter of this request; did you mean severity?',
      '/api/alerts?cursor=x': '400 cursor is "x"; expected the nextCursor of an earlier answer.',
      '/api/alerts/1': `400 id is "1"; expected an alert's id, 64 lower-case hex digits.`,
      [`/api/alerts/${nobody}`]: `404 There is no alert ${nobody}.`,
      '/api/alerts/stream?lastEventId=x': '400 Last-Event-ID is "x"; expected an integer of at least 0.',
      '/api/webhooks/x/deliveries': '404 There is no webhook "x".',
      '/api/nothing': '404 Cannot GET /api/nothing',
    }
    const answers = await Promise.all(Object.keys(expected).map(async (path) => [path, await sentence(path)]))
    expect(Object.fromEntries(answers)).toEqual(expected)
  })
})

describe('GET /api/alerts/stream', () => {
  test('default: what happens from now on, each with its id', async () => {
    await start()
    await write(sampleAlert('before'))
    await expect.poll(total, inTheEnd).toBe(1)
    const stream = follow('/api/alerts/stream')
    await expect.poll(stream.lastId, inTheEnd).toBe('1')
    await write(alert, confirmed)
    await expect
      .poll(() => stream.events, inTheEnd)
      .toEqual([
        { id: 2, alert: jsonOf(alert) },
        { id: 3, alert: jsonOf(confirmed) },
      ])
    stream.leave()
  })

  test('behavior: goes on exactly where a page of the list ends', async () => {
    await start()
    await write(alert)
    await expect.poll(total, inTheEnd).toBe(1)
    const { lastEventId } = await get('/api/alerts')
    await write(confirmed)
    const stream = follow(`/api/alerts/stream?lastEventId=${String(lastEventId)}`)
    await expect.poll(() => stream.events.map(({ id }) => id), inTheEnd).toEqual([2])
    stream.leave()
  })

  test('behavior: a client that is cut off again and again misses nothing and sees nothing twice', async () => {
    await start()
    const count = 1_500 // more than are kept in memory
    const seen: number[] = []
    const writing = (async () => {
      for (let index = 0; index < count; index += 50)
        await write(...Array.from({ length: 50 }, (_, more) => sampleAlert(`alert ${index + more}`)))
    })()
    let lastId = '0'
    while (seen.length < count) {
      const stream = follow('/api/alerts/stream', { 'last-event-id': lastId })
      const enough = Math.min(count, seen.length + 170)
      await expect.poll(() => seen.length + stream.events.length, inTheEnd).toBeGreaterThanOrEqual(enough)
      stream.leave()
      await stream.done
      // A browser counts what it was shown, and sends the id of that.
      seen.push(...stream.events.map(({ id }) => id))
      lastId = String(seen.at(-1))
    }
    await writing
    expect(seen).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  })

  test('behavior: a client that does not read holds nobody up, and misses nothing when it does', async () => {
    await start()
    const { hostname, port } = new URL(api.url)
    const lazy = connect(Number(port), hostname)
    lazy.write('GET /api/alerts/stream?lastEventId=0 HTTP/1.1\r\nHost: tocsin\r\n\r\n')
    lazy.pause()
    const eager = follow('/api/alerts/stream?lastEventId=0')
    const long = 'x'.repeat(20_000) // 8 MB in all: more than the socket's buffers take
    for (let index = 0; index < 400; index += 20)
      await write(...Array.from({ length: 20 }, (_, more) => sampleAlert(`alert ${index + more}`, { sentence: long })))
    await expect.poll(() => eager.events.length, inTheEnd).toBe(400)
    let text = ''
    lazy.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    lazy.resume()
    const idsOfLazy = () => [...text.matchAll(/^id: (\d+)\nevent: alert$/gm)].map(([, id]) => Number(id))
    await expect.poll(() => idsOfLazy().length, inTheEnd).toBe(400)
    expect(idsOfLazy()).toEqual(eager.events.map(({ id }) => id))
    lazy.destroy()
    eager.leave()
  })

  test('behavior: filters hold back, and the id moves on all the same', async () => {
    await start()
    const stream = follow('/api/alerts/stream?status=confirmed&severity=high')
    await expect.poll(stream.lastId, inTheEnd).toBe('0')
    await write(alert, confirmed, sampleAlert('low', { status: 'confirmed', severity: 'low' }))
    await expect.poll(stream.lastId, inTheEnd).toBe('3')
    expect(stream.events).toEqual([{ id: 2, alert: jsonOf(confirmed) }])
    stream.leave()
  })
})

describe('/api/webhooks', () => {
  test('default: made, listed, tried, fed in order with a signature that the secret proves, and ended', async () => {
    const received: { readonly headers: Record<string, unknown>; readonly body: string }[] = []
    const receiver = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => (body += text))
      request.on('end', () => {
        received.push({ headers: request.headers, body })
        response.end()
      })
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
    await start()

    const created = await post('/api/webhooks', { url, filter: { severities: ['high'] } })
    expect(created).toMatchObject({
      status: 201,
      body: { url, filter: { detectors: [], severities: ['high'], statuses: [] }, disabledAt: null },
    })
    const { secret, ...webhook } = created.body
    expect(await get('/api/webhooks')).toEqual({ items: [webhook] })
    const path = `/api/webhooks/${String(webhook['id'])}`

    const tried = await post(`${path}/test`, undefined)
    expect(tried.status).toBe(202)
    await expect.poll(() => received.length, inTheEnd).toBe(1)
    await write(alert, sampleAlert('low', { severity: 'low' }), confirmed)
    await expect.poll(() => received.length, inTheEnd).toBe(3)
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual([
      tried.body['messageId'],
      `${alert.id}_1`,
      `${alert.id}_2`,
    ])
    for (const { headers, body } of received) {
      const key = parseSecret(String(secret)) ?? new Uint8Array()
      const [id, sentAt] = [String(headers['webhook-id']), Number(headers['webhook-timestamp'])]
      expect(headers['webhook-signature']).toBe(signDelivery(id, sentAt, new TextEncoder().encode(body), [key]))
    }
    expect(received.slice(1).map(({ body }) => (JSON.parse(body) as Json)['data'])).toEqual([
      jsonOf(alert),
      jsonOf(confirmed),
    ])
    await expect
      .poll(async () => itemsOf(await get(`${path}/deliveries`)).map(({ state }) => state), inTheEnd)
      .toEqual(['delivered', 'delivered', 'delivered'])
    const firstPage = await get(`${path}/deliveries?limit=2`)
    const rest = await get(`${path}/deliveries?limit=2&cursor=${String(firstPage['nextCursor'])}`)
    expect([...itemsOf(firstPage), ...itemsOf(rest)].map(({ revision }) => revision)).toEqual([2, 1, null])
    expect(rest['nextCursor']).toBe(null)

    expect((await ask(path, { method: 'DELETE' })).status).toBe(204)
    expect((await ask(path, { method: 'DELETE' })).status).toBe(404)
    receiver.close()
  })

  test('error: a webhook that cannot be is refused, and why', async () => {
    await start({ allowPrivateWebhooks: false })
    const url = 'https://example.org'
    const cases: readonly (readonly [unknown, string])[] = [
      [[], 'body is []; expected an object such as {"url": "https://example.org/alerts"}.'],
      [{}, 'url is nothing; expected an http or https URL without a password in it.'],
      [{ url: 'ftp://example.org' }, 'url is "ftp://example.org"; expected an http or https URL'],
      [{ url: 'https://u:p@example.org' }, 'expected an http or https URL without a password in it.'],
      [{ url: 'http://192.168.1.1/' }, 'url is on 192.168.1.1, a private address; expected one of the public'],
      [{ url: 'http://localhost:80/' }, 'url is on localhost, a private address'],
      [{ url: 'http://[::ffff:10.0.0.1]/' }, 'a private address'],
      [{ url, secret: 'hunter2' }, 'secret is not as expected: whsec_ and the base64 of 24 to 64'],
      [{ url, filter: { statuses: ['open'] } }, 'filter.statuses is "open"; expected one of'],
      [{ url, filters: {} }, 'filters is no parameter of this request; did you mean filter?'],
    ]
    for (const [body, message] of cases)
      expect(await post('/api/webhooks', body)).toMatchObject({
        status: 400,
        body: { code: 'API_INVALID_REQUEST', message: expect.stringContaining(message) as string },
      })
    expect(await get('/api/webhooks')).toEqual({ items: [] })
  })

  test('error: a body that is no JSON', async () => {
    await start()
    const headers = { 'content-type': 'application/json' }
    expect(await ask('/api/webhooks', { method: 'POST', headers, body: '{' })).toMatchObject({
      status: 400,
      body: { code: 'API_INVALID_REQUEST' },
    })
  })
})

describe('the dashboard', () => {
  const html = { headers: { accept: 'text/html,*/*' } }

  test('default: its files, and its page for whatever path a browser opens', async () => {
    const folder = await reachableFolder('dashboard')
    await mkdir(join(folder, 'assets'))
    await writeFile(join(folder, 'index.html'), '<title>Tocsin</title>')
    await writeFile(join(folder, 'assets', 'main-1a2b.js'), 'export {}')
    await start({ dashboardFolder: folder })
    const open = async (path: string, init?: RequestInit) => {
      const response = await fetch(`${api.url}${path}`, init)
      return { status: response.status, cache: response.headers.get('cache-control'), text: await response.text() }
    }
    const page = { status: 200, cache: 'no-cache', text: '<title>Tocsin</title>' }
    expect(await open('/', html)).toEqual(page)
    expect(await open('/')).toEqual(page)
    expect((await open('/', { method: 'HEAD' })).status).toBe(200)
    expect(await open('/alerts/abc?x=1', html)).toEqual(page)
    expect((await open('/alerts/abc')).status).toBe(404)
    expect(await open('/assets/main-1a2b.js')).toEqual({
      status: 200,
      cache: 'public, max-age=31536000, immutable',
      text: 'export {}',
    })
    expect((await open('/assets/gone.js')).status).toBe(404)
    expect((await open('/api/nothing', html)).status).toBe(404)
    await rm(folder, { recursive: true })
  })

  test('error: it is not built: how to', async () => {
    await start()
    expect(await (await fetch(`${api.url}/`, html)).text()).toContain('npm run build')
  })
})

describe('/api/docs', () => {
  test('default: an OpenAPI document whose every reference leads somewhere, and a page for it', async () => {
    await start()
    const document = await get('/api/openapi.json')
    const { schemas } = document['components'] as { readonly schemas: Json }
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    )
    expect([...new Set(references)].filter((name) => !(String(name) in schemas))).toEqual([])
    expect(Object.keys(document['paths'] as Json).sort()).toEqual([
      '/api/alerts',
      '/api/alerts/stream',
      '/api/alerts/{id}',
      '/api/detectors',
      '/api/pipeline',
      '/api/stats',
      '/api/webhooks',
      '/api/webhooks/{id}',
      '/api/webhooks/{id}/deliveries',
      '/api/webhooks/{id}/test',
      '/health/live',
      '/health/ready',
      '/metrics',
    ])
    expect(schemas['Alert']).toMatchObject({ type: 'object', properties: { eventTime: { type: 'integer' } } })
    expect(await (await fetch(`${api.url}/api/docs`)).text()).toContain('swagger-ui')
  })
})
