import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AlertJson } from '@tocsin/alerts-api'
import { emptyDatabase } from '@tocsin/alerts-api/testing'
import { openTestChain, type TestChain } from '@tocsin/demo'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeProcesses, interpolate } from '../compose-file.ts'
import { originOf, sharedKafkaBroker } from '../kafka-broker/shared-broker.ts'
import { writeChainFiles } from '../pipeline/chain-files.ts'
import { root } from '../source-files.ts'
import { startTocsin, type Running } from '../tocsin-process.ts'

const broker = await sharedKafkaBroker()

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
  return address.port
}

async function eventually<T>(what: string, look: () => Promise<T | undefined>, processes: Processes): Promise<T> {
  for (const deadline = Date.now() + 90_000; ;) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    if (Date.now() > deadline) {
      const said = Object.values(processes).map(({ running }) => running.output().slice(-2_000))
      throw new Error(`Not so within 90 s: ${what}\n${said.join('\n----\n')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

type Processes = Record<string, { running: Running; readonly port: number; readonly start: () => Running }>

describe.skipIf('missing' in broker)(
  `docker-compose.yml, its processes started as it says (${originOf(broker)})`,
  () => {
    let chain: TestChain
    const processes: Processes = {}

    beforeAll(async () => {
      if ('missing' in broker) return
      const folder = await mkdtemp(join(tmpdir(), 'tocsin-compose-'))
      chain = await openTestChain({ folder: join(folder, 'chain'), wallets: ['ann', 'bob', 'cyd'], finalityDepth: 4 })
      // The wallets' own founding is long past, or what they pass on would count as passed through.
      await chain.mine({ timestamp: (await chain.chain.head()).timestamp + 3_600 })
      const files = await writeChainFiles(chain, folder)
      const database = await emptyDatabase()
      // What a user would write into .env; the prefix keeps runs on one broker apart.
      const dotEnv = {
        POSTGRES_PASSWORD: 'secret',
        TOCSIN_RPC: chain.rpcUrl,
        TOCSIN_CHAIN_ID: String(chain.chainId),
        TOCSIN_FROM: '0',
        TOCSIN_FINALITY_DEPTH: String(chain.finalityDepth),
        TOCSIN_POLL_INTERVAL: '50 ms',
        TOCSIN_PRICES: files.prices,
        TOCSIN_TOKENS: files.tokens,
        TOCSIN_LABELS: files.labels,
        TOCSIN_TOPIC_PREFIX: `compose-${Date.now()}`,
      }
      for (const [name, { command = [], environment = {} }] of composeProcesses) {
        const port = await freePort()
        // Hosts, ports and folders of the containers become those of this machine; all else is as it stands there.
        const here: Record<string, string> = {
          TOCSIN_KAFKA_BROKERS: broker.bootstrap,
          TOCSIN_DATABASE_URL: database,
          TOCSIN_DETECTOR_STATE_FOLDER: join(folder, 'detector'),
          TOCSIN_OPS_HOST: '127.0.0.1',
          TOCSIN_API_HOST: '127.0.0.1',
          TOCSIN_OPS_PORT: String(port),
          TOCSIN_API_PORT: String(port),
        }
        const env: Record<string, string> = { ...dotEnv }
        for (const [key, value] of Object.entries(environment)) env[key] = here[key] ?? interpolate(value, dotEnv)
        const [node, main, ...args] = command
        if (node !== 'node' || main !== 'cli/dist/main.js') throw new Error(`${name} runs ${command.join(' ')}`)
        const start = () => startTocsin(args, { cwd: root, env })
        processes[name] = { start, port, running: start() }
      }
    })
    afterAll(async () => {
      for (const { running } of Object.values(processes)) running.child.kill('SIGKILL')
      await Promise.all(Object.values(processes).map(({ running }) => running.finished))
      if (!('missing' in broker)) await chain.stop()
    })

    const api = async <T>(path: string) => {
      const response = await fetch(`http://127.0.0.1:${processes['alerts-api']?.port}${path}`)
      if (!response.ok) throw new Error(`${path}: ${response.status}`)
      return (await response.json()) as T
    }
    const alertsOf = async (detector: string) =>
      (await api<{ items: AlertJson[] }>(`/api/alerts?detector=${detector}`)).items
    const passOn = async (name: 'ann' | 'bob' | 'cyd', to: string) => {
      const wallet = chain.account(name)
      await chain.mine({ calls: [chain.transfer('usdc', wallet, chain.account(`${to} 1`).address, '20000')] })
      await chain.mine({ calls: [chain.transfer('native', wallet, chain.account(`${to} 1`).address, '1')] })
      await chain.mine({
        calls: [chain.transfer('usdc', chain.account(`${to} 1`), chain.account(`${to} 2`).address, '19000')],
      })
    }

    test('default: a fraud on the chain comes out as an alert, confirmed when it is final', async () => {
      await passOn('ann', 'first')
      for (let n = 0; n < 6; n++) await chain.mine()
      const [alert] = await eventually(
        'a confirmed pass-through',
        async () => {
          const found = await alertsOf('pass-through')
          return found.some(({ status }) => status === 'confirmed') ? found : undefined
        },
        processes,
      )
      expect(alert).toMatchObject({
        chainId: chain.chainId,
        key: chain.account('first 1').address,
        status: 'confirmed',
      })
    }, 120_000)

    test('behavior: each process is ready where its health check asks, and measured where Prometheus asks', async () => {
      for (const [name, { port }] of Object.entries(processes)) {
        const health = await fetch(`http://127.0.0.1:${port}/health/ready`)
        expect(health.status, `${name}: ${await health.text()}`).toBe(200)
        const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
        expect(await metrics(), name).toMatch(/^tocsin_\w+[ {]/m)
        if (name !== 'detector') continue
        // A shard that was taken up again on a slow machine counts anew: from the next block on.
        await chain.mine()
        const commits = /^tocsin_detector_commit_duration_seconds_count\{chain="\d+"\} [1-9]/m
        const measured = await eventually(
          'a measured commit',
          async () => {
            const text = await metrics()
            return commits.test(text) ? text : undefined
          },
          processes,
        )
        expect(measured).toMatch(/^tocsin_detector_commit_duration_seconds_bucket\{chain="\d+",le="10"\} [1-9]/m)
        expect(measured).toMatch(/^tocsin_detector_operator_records_in\{operator="transactions",chain="\d+"\} [1-9]/m)
        expect(measured).toMatch(/^tocsin_detector_time_ratio\{use="idle",chain="\d+"\} 0\.\d+/m)
      }
    })

    test('behavior: a detector killed with -9 and started again loses nothing and repeats nothing', async () => {
      const before = await alertsOf('pass-through')
      const detector = processes['detector']
      if (detector === undefined) throw new Error('assertion: docker-compose.yml has a detector')
      detector.running.child.kill('SIGKILL')
      await detector.running.finished
      await passOn('bob', 'second')
      detector.running = detector.start()
      await passOn('cyd', 'third')
      for (let n = 0; n < 6; n++) await chain.mine()
      const after = await eventually(
        'three confirmed alerts',
        async () => {
          const found = await alertsOf('pass-through')
          return found.filter(({ status }) => status === 'confirmed').length >= 3 ? found : undefined
        },
        processes,
      )
      expect(after.map(({ key }) => key).toSorted()).toEqual(
        ['first 1', 'second 1', 'third 1'].map((name) => chain.account(name).address).toSorted(),
      )
      expect(after.find(({ id }) => id === before[0]?.id)).toEqual(before[0])
      for (const { id } of after) {
        const { transitions } = await api<{ transitions: AlertJson[] }>(`/api/alerts/${id}`)
        expect(transitions.map(({ revision }) => revision).toSorted((a, b) => a - b)).toEqual(
          transitions.map((_, n) => n + 1),
        )
      }
    }, 150_000)

    test('behavior: SIGTERM ends each of them cleanly', async () => {
      for (const { running } of Object.values(processes)) running.child.kill('SIGTERM')
      for (const [name, { running }] of Object.entries(processes)) {
        const { code } = await running.finished
        expect(code, `${name}: ${running.output().slice(-1_000)}`).toBe(0)
      }
    }, 60_000)
  },
)
