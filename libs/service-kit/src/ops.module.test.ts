import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { describe, expect, test } from 'vitest'
import { createMetrics } from './metrics.ts'
import { PortUnavailableError, startOpsServer, type Ops } from './ops-server.ts'
import { OpsModule } from './ops.module.ts'

type Get = (path: string) => Promise<{ status: number; type: string | null; body: string }>

const getFrom =
  (port: number): Get =>
  async (path) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
  }

const withNest = async (ops: Ops, use: (get: Get) => Promise<void>) => {
  const app = await NestFactory.create(OpsModule.forRoot(ops), { logger: false })
  await app.listen(0)
  try {
    await use(getFrom(Number(new URL(await app.getUrl()).port)))
  } finally {
    await app.close()
  }
}

const withServer = async (ops: Ops, use: (get: Get) => Promise<void>) => {
  const server = await startOpsServer({ ...ops, port: 0 })
  try {
    await use(getFrom(server.port))
  } finally {
    await server.close()
  }
}

describe.each([
  ['OpsModule', withNest],
  ['startOpsServer', withServer],
] as const)('%s', (_, run) => {
  test('error: a path that is no path is not found, and the next request is answered', async () => {
    await run({ metrics: createMetrics(), checks: {} }, async (get) => {
      expect((await get('//')).status).toBe(404)
      expect((await get('//[?x')).status).toBe(404)
      expect((await get('/health/live?x=//')).status).toBe(200)
    })
  })

  test('default: live, ready, and metrics as Prometheus reads them', async () => {
    const metrics = createMetrics()
    metrics.counter({ name: 'tocsin_test_blocks_total', help: 'Blocks.' }).inc()
    await run({ metrics, checks: { log: () => ({ status: 'up' }) } }, async (get) => {
      expect(await get('/health/live')).toMatchObject({ status: 200, body: '{"status":"live"}' })
      expect(await get('/health/ready')).toMatchObject({
        status: 200,
        body: '{"status":"ready","checks":{"log":{"status":"up"}}}',
      })
      const { status, type, body } = await get('/metrics')
      expect({ status, type }).toEqual({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' })
      expect(body).toContain('tocsin_test_blocks_total 1')
      expect((await get('/nothing')).status).toBe(404)
    })
  })

  test('error: 503 names what is away', async () => {
    const checks: Ops['checks'] = {
      log: () => ({ status: 'up' }),
      database: async () => {
        throw new Error('connection refused')
      },
    }
    await run({ metrics: createMetrics(), checks }, async (get) => {
      const { status, body } = await get('/health/ready')
      expect(status).toBe(503)
      expect(JSON.parse(body)).toEqual({
        status: 'not-ready',
        checks: { database: { status: 'down', reason: 'connection refused' }, log: { status: 'up' } },
      })
    })
  })
})

describe('startOpsServer', () => {
  test('error: the port is taken', async () => {
    const ops = { metrics: createMetrics(), checks: {} }
    const first = await startOpsServer({ ...ops, port: 0 })
    await expect(startOpsServer({ ...ops, port: first.port })).rejects.toThrow(PortUnavailableError)
    await first.close()
  })
})
