import { alertCodec, alertsTopic, type Alert } from '@tocsin/chain-model'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import { createMetrics, loadSettings, silentLogger } from '@tocsin/service-kit'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { emptyDatabase, sampleAlert } from '../testing/index.ts'
import '../testing/global-setup.ts'
import { alertsApiSettings, startAlertsApi, type AlertsApi } from './index.ts'

const topic = alertsTopic('tocsin')
const log = openSimulatedLog()
const metrics = createMetrics()
let api: AlertsApi
const stop = new AbortController()

const get = async (path: string) => {
  const response = await fetch(`${api.url}${path}`)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const write = async (...alerts: readonly Alert[]) => {
  const producer = await log.openProducer('detector')
  await producer.append(
    alerts.map((alert) => ({ topic, partition: 0, key: Buffer.from(alert.id), value: alertCodec.encode(alert) })),
  )
  await producer.close()
}

const jsonOf = (alert: Alert) => JSON.parse(alertCodec.stringify(alert)) as Record<string, unknown>

beforeAll(async () => {
  await log.createTopics([{ topic, partitions: 4 }])
  const { api: settings } = loadSettings({ api: alertsApiSettings }, {})
  const config = {
    ...settings,
    apiPort: 0,
    databaseUrl: await emptyDatabase(inject('tocsinPostgresFolder')),
    topicPrefix: 'tocsin',
    allowPrivateWebhooks: true,
  }
  api = await startAlertsApi(config, { log, logger: silentLogger, metrics }, stop.signal)
})
afterAll(() => api.close())

describe('startAlertsApi', () => {
  test('default: an alert of the log is listed, shown with its transitions, and counted', async () => {
    const first = sampleAlert('first')
    const confirmed = { ...first, revision: 2, status: 'confirmed' } as const
    await write(first, confirmed)
    await expect
      .poll(() => get('/api/alerts'))
      .toEqual({
        status: 200,
        body: { items: [jsonOf(confirmed)], nextCursor: null, lastEventId: '2' },
      })
    const { body } = await get(`/api/alerts/${first.id}`)
    expect(body).toMatchObject({ id: first.id, status: 'confirmed' })
    expect(body['transitions']).toMatchObject([
      { ...jsonOf(first), sequence: 1 },
      { ...jsonOf(confirmed), sequence: 2 },
    ])
    expect((await get('/api/stats')).body).toMatchObject({ total: 1, byStatus: { confirmed: 1 } })
    expect((await get('/health/ready')).body).toMatchObject({ status: 'ready' })
    expect((await get('/api/pipeline')).body).toMatchObject({
      ingestor: null,
      alerts: { status: 'reading', lagRecords: 0 },
    })
    expect((await get('/api/openapi.json')).body).toMatchObject({ openapi: '3.1.0' })
  })
})
