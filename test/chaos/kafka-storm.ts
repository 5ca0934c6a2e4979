import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openTestChain, type TestChain } from '@tocsin/demo'
import { openKafkaLog, type EventLog } from '@tocsin/event-log'
import { seededRandom, type SeededRandom } from '@tocsin/stream-core/testing'
import { startPacedNode } from '../bad-input/paced-node.ts'
import { startKafkaProxy, transactionKeys, type KafkaProxy, type Meddling } from '../kafka-broker/kafka-proxy.ts'
import { prepareKafka, type KafkaProcess } from '../kafka-broker/start-broker.ts'
import { writeChainFiles } from '../pipeline/chain-files.ts'
import { sampleOf } from '../prometheus-text.ts'
import { ClusterProcess } from './cluster-process.ts'
import { openFillableDisk, type FillableDisk, type FillableDiskOptions } from './fillable-disk.ts'
import { nextBlock, parameters, wallets } from './fraud-traffic.ts'
import { describeFault, detectors, planFaults, roles, type DiskOwner, type Fault, type Role } from './kafka-faults.ts'
import { alertsDifference, areOnTheirWay, isOnItsWay, recordsDifference, type Alerts } from './output-difference.ts'
import { alertsOver, getJson, killPostgresIn, postgresIn, transitionsOver } from './restarted-tocsin.ts'
import { StormError } from './storm.ts'
import { ingestorFlags, readOutput, runUndisturbed, type PipelineOutput } from './undisturbed-run.ts'

/** What a storm over the cluster was made of, and what came out. */
export interface KafkaStormReport {
  readonly seed: number
  readonly faults: readonly string[]
  readonly blocks: number
  readonly alerts: number
  readonly transitions: number
  /** How often a process found that another one had taken over. */
  readonly fenced: number
  /** What a full disk was. */
  readonly disks: FillableDisk['kind']
}

export interface KafkaStormOptions {
  readonly seed: number
  /** These, or so many as the seed draws them; at most {@link mostFaults}: a longer storm is several. */
  readonly faults: number | readonly Fault[]
  readonly onFault?: () => void
  /** Loaded by each of the three processes before all else: to break them on purpose. */
  readonly preload?: string
  /** Whether the broker's own disk fills too. Default: it does not. */
  readonly brokerDisk?: boolean
}

/** The chain keeps 400 blocks. */
export const mostFaults = 40

const finalityDepth = 8
const blocksAFault = 8
const partsABlock = 6
const prefix = 'chaos'
/** A machine that does many things at once may take long; nothing is measured by it. */
const deadlineMs = 240_000
const blockPaceMs = 50
const shards = 2
/** Of what each process said, when a promise was broken. */
const linesTold = 15

/**
 * One storm over a cluster of real processes: `tocsin ingest`, two of `detect` that share two shards, and `serve` with
 * its PostgreSQL, over a real broker behind a proxy of ours, while a chain that was mined before is shown to them block by
 * block. What is done to them is the seed's; when they are hit within their work is the machine's. After half of the
 * faults they must first recover. In the end the topics and the database must hold, byte for byte, what an undisturbed
 * run over the same chain gives.
 * @throws {StormError}
 */
export async function runKafkaStorm(options: KafkaStormOptions): Promise<KafkaStormReport> {
  const { seed, onFault = () => {} } = options
  const random = seededRandom(seed)
  const plan =
    typeof options.faults === 'number' ? planFaults(random, options.faults, options.brokerDisk) : options.faults
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-kafka-storm-'))
  await chmod(folder, 0o755) // PostgreSQL may run as another user, and its data shall be here
  const events: string[] = []
  const cluster = await openCluster({ random, folder, blocks: blocksAFault * plan.length, preload: options.preload })
  try {
    const { expected, head, founded } = cluster
    for (const [index, fault] of plan.entries()) {
      // One block is left for the end: who comes back from a pause finds out that it was replaced when it next writes.
      cluster.showUpTo(founded + Math.ceil(((head - 1 - founded) * (index + 1)) / plan.length))
      events.push(describeFault(fault))
      await strike(fault, cluster)
      if (random.fraction() < 0.5) {
        events.push('until recovered')
        await recovered(cluster)
      } else await delay(random.integer(0, 500)) // the storm's own pace: the next one hits whatever is under way then
      onFault()
    }
    cluster.showUpTo(head)
    await recovered(cluster)
    await until(cluster, 'each process that was replaced has ended', async () =>
      roles.every((role) => cluster.processes[role].isAlone) ? '' : 'one runs beside its successor',
    )
    await recovered(cluster)
    await verifyOutput(cluster)
    const transitions = [...expected.alerts.values()].reduce((sum, { length }) => sum + length, 0)
    const fenced = roles.reduce((sum, role) => sum + takenOver(cluster.processes[role]), 0)
    const { kind: disks } = cluster.disks.broker
    const report = { seed, faults: events, blocks: head, alerts: expected.alerts.size, transitions, fenced, disks }
    await cluster.close()
    await rm(folder, { recursive: true, force: true })
    return report
  } catch (cause) {
    await Promise.all([
      ...roles.map((role) => writeFile(join(folder, `${role}.txt`), cluster.processes[role].output())),
      ...detectors.map((role) => cluster.disks[role].keep()),
      cluster.disks.broker.keep(),
    ])
    events.push(`kept in ${folder}`)
    const brokerLog = await readFile(join(folder, 'broker', 'broker.log'), 'utf8')
    const said = [
      ...roles.map((role) => lastLines(role, cluster.processes[role].output())),
      lastLines('broker', brokerLog),
    ]
    throw new StormError(seed, events, said.join('\n'), { cause })
  } finally {
    await cluster.close()
  }
}

const lastLines = (of: string, text: string) =>
  [`--- ${of}`, ...text.trimEnd().split('\n').slice(-linesTold)].map((line) => line.slice(0, 500)).join('\n')

interface Cluster {
  readonly chain: TestChain
  /** The blocks in which the wallets get their money, and the last one of all. */
  readonly founded: number
  readonly head: number
  readonly expected: PipelineOutput
  readonly proxy: KafkaProxy
  readonly broker: KafkaProcess
  readonly processes: Readonly<Record<Role, ClusterProcess>>
  readonly databaseFolder: string
  readonly disks: Readonly<Record<DiskOwner | 'broker', FillableDisk>>
  /** Over the proxy, as all others. */
  readonly log: EventLog
  /** Blocks up to this one are shown, one after the other. */
  showUpTo(number: number): void
  /** The newest block that may be shown. */
  shown(): number
  close(): Promise<void>
}

async function openCluster(options: {
  readonly random: SeededRandom
  readonly folder: string
  readonly blocks: number
  readonly preload: string | undefined
}): Promise<Cluster> {
  const { random, folder } = options
  const closing: (() => Promise<unknown> | void)[] = []
  const close = async () => {
    for (let end = closing.pop(); end !== undefined; end = closing.pop()) await end()
  }
  try {
    const chain = await openTestChain({ folder: join(folder, 'chain'), wallets, finalityDepth })
    closing.push(() => chain.stop())
    const { number: founded } = await chain.chain.head()
    await mineAll(chain, random, options.blocks)
    const { number: head } = await chain.chain.head()
    const files = await writeChainFiles(chain, folder)
    const expected = await runUndisturbed({ chain, files, parameters, folder: join(folder, 'undisturbed') })

    const openDisk = async (name: string, megabytes: number, writers: FillableDiskOptions['writers']) => {
      const disk = await openFillableDisk({ folder: join(folder, name), megabytes, writers })
      closing.push(() => disk.unmount())
      return disk
    }
    const proxies: KafkaProxy[] = []
    const brokerDisk = await openDisk('broker/data', 512, async () => [broker.pid])
    const broker = await prepareKafka({
      folder: join(folder, 'broker'),
      advertise: async (address) => {
        const opened = await startKafkaProxy(address)
        proxies.push(opened)
        return opened.bootstrap
      },
    })
    const [proxy] = proxies
    if (proxy === undefined) throw new Error('assertion: a broker asks what it is to advertise')
    closing.push(async () => {
      await broker.end('SIGKILL')
      await proxy.close()
    })
    await broker.start()
    const log = openKafkaLog({ brokers: [proxy.bootstrap], clientId: 'storm' })
    closing.push(() => log.close())

    const node = await startPacedNode(chain, { from: founded, upTo: founded, everyMs: blockPaceMs })
    closing.push(() => node.close())

    const { PATH = '', HOME = '', TMPDIR = '' } = process.env
    const env = {
      ...{ PATH, HOME, ...(TMPDIR && { TMPDIR }) },
      TOCSIN_KAFKA_BROKERS: proxy.bootstrap,
      TOCSIN_TOPIC_PREFIX: prefix,
      TOCSIN_OPS_PORT: '0',
      ...(options.preload !== undefined && { NODE_OPTIONS: `--import=${options.preload}` }),
    }
    const databaseFolder = join(folder, 'serve', 'postgres')
    const disks = {
      broker: brokerDisk,
      'detect-1': await openDisk('detect-1', 128, async () => [processes['detect-1'].pid]),
      'detect-2': await openDisk('detect-2', 128, async () => [processes['detect-2'].pid]),
      serve: await openDisk('serve', 256, async () => {
        const postgres = (await postgresIn(databaseFolder)) ?? 0
        const children = await readFile(`/proc/${postgres}/task/${postgres}/children`, 'utf8').catch(() => '')
        return [postgres, ...children.trim().split(' ').map(Number)]
      }),
    }
    const ops = /health and metrics are served.*\bport=(\d+)/
    const words = Object.entries({ ...ingestorFlags(chain, files), rpc: node.url })
    const detector = (name: string) =>
      new ClusterProcess({
        args: [
          ...['detect', '--chain-id', String(chain.chainId), '--checkpoint-interval', '500 ms'],
          ...['--shards', String(shards), '--session-timeout', '6 s', '--state-folder', join(folder, name, 'state')],
          ...parameters.flatMap((parameter) => ['--param', parameter]),
        ],
        env,
        listening: ops,
      })
    const processes = {
      ingest: new ClusterProcess({
        args: ['ingest', ...words.flatMap(([name, value]) => [`--${name}`, value])],
        env,
        listening: ops,
      }),
      'detect-1': detector('detect-1'),
      'detect-2': detector('detect-2'),
      serve: new ClusterProcess({
        args: ['serve', '--port', '0'],
        env: { ...env, TOCSIN_DATABASE_FOLDER: databaseFolder },
        listening: /serving.*\burl=(\S+)/,
      }),
    }
    closing.push(() => killPostgresIn(databaseFolder))
    for (const role of roles) closing.push(() => processes[role].close())
    return {
      ...{ chain, founded, head, expected, proxy, broker, processes, databaseFolder, disks, log, close },
      ...{ showUpTo: node.showUpTo, shown: node.limit },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Blocks full of frauds, then one past every window, then so many that all of it is final. */
async function mineAll(chain: TestChain, random: SeededRandom, blocks: number): Promise<void> {
  for (let n = 0; n < blocks; n++) {
    const parts = []
    for (let part = 0; part < partsABlock; part++) parts.push(await nextBlock(chain, random))
    const [first] = parts
    await chain.mine({ ...first, calls: parts.flatMap(({ calls = [] }) => calls) })
  }
  const { timestamp } = await chain.chain.head()
  await chain.mine({ timestamp: timestamp + 3_600 })
  for (let n = 0; n <= finalityDepth; n++) await chain.mine()
}

async function strike(fault: Fault, cluster: Cluster): Promise<void> {
  const { processes, broker, proxy } = cluster
  switch (fault.type) {
    case 'kill':
      return processes[fault.role].restart('SIGKILL')
    case 'terminate':
      return processes[fault.role].restart('SIGTERM')
    case 'pause':
      processes[fault.role].stop()
      await delay(fault.ms)
      return processes[fault.role].continue()
    case 'zombie': {
      if (fault.role === 'ingest') {
        // One that is stopped before it has opened its ledger would open it when it comes back, and be the newer one.
        await until(cluster, 'the ingestor has opened its ledger', async () =>
          ((await gauge(processes.ingest, 'tocsin_ingestor_head_block')) ?? 0) > 0 ? '' : 'it has not',
        )
        const goOn = processes.ingest.replaceStopped()
        return recovered(cluster).finally(goOn)
      }
      const [other = fault.role] = detectors.filter((role) => role !== fault.role)
      processes[fault.role].stop()
      return until(cluster, `${other} has taken all shards`, async () => {
        const owned = await gauge(processes[other], 'tocsin_detector_owned_shards')
        return owned === shards ? '' : `it has ${owned}`
      }).finally(() => processes[fault.role].continue())
    }
    case 'disk full':
      await cluster.disks[fault.role].fill()
      await delay(fault.ms)
      return cluster.disks[fault.role].free()
    case 'kill postgres':
      await killPostgresIn(cluster.databaseFolder)
      return
    case 'restart broker':
      await broker.end(fault.signal)
      return broker.start()
    case 'pause broker':
      process.kill(broker.pid, 'SIGSTOP')
      await delay(fault.ms)
      process.kill(broker.pid, 'SIGCONT')
      return
    case 'broker disk full': {
      await cluster.disks.broker.fill()
      // It finds out when it next writes, at the latest when it is asked to end.
      const ends = new AbortController()
      await Promise.race([broker.ended, delay(5_000, undefined, { signal: ends.signal }).catch(() => {})])
      ends.abort()
      await broker.end('SIGKILL')
      await cluster.disks.broker.free()
      return broker.start()
    }
    case 'cut':
      return proxy.cut()
    case 'cut commit':
      return cutOnce(proxy, (cut) => ({
        response: (apiKey) => (apiKey === transactionKeys.endTxn ? cut() : 'pass'),
      }))
    case 'cut before commit': {
      const writer = `tocsin-${fault.command}`
      return cutOnce(proxy, (cut) => ({
        request: (apiKey, clientId) => (apiKey === transactionKeys.endTxn && clientId === writer ? cut() : 'pass'),
      }))
    }
    case 'delay':
      proxy.meddle({ latencyMs: fault.latencyMs })
      await delay(fault.ms)
      return proxy.meddle({})
  }
}

/** Meddles until one message was cut. */
async function cutOnce(proxy: KafkaProxy, meddling: (cut: () => 'cut') => Meddling): Promise<void> {
  await new Promise<void>((resolve) => {
    const giveUp = setTimeout(resolve, 5_000) // nothing is committed while all is worked off
    const cut = () => {
      clearTimeout(giveUp)
      resolve()
      return 'cut' as const
    }
    proxy.meddle(meddling(cut))
  })
  proxy.meddle({})
}

/** Until all that is shown of the chain has come through to the database. @throws if a process broke, or on a hang. */
const recovered = (cluster: Cluster) => until(cluster, 'all is worked off', () => workLeft(cluster))

async function until({ processes }: Cluster, what: string, left: () => Promise<string>): Promise<void> {
  for (const deadline = Date.now() + deadlineMs; ;) {
    for (const role of roles) processes[role].assertWell()
    const now = await left().catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
    if (now === '') return
    if (Date.now() > deadline) throw new Error(`Not so within ${deadlineMs} ms: ${what}: ${now}`)
    await delay(200)
  }
}

async function workLeft({ processes, ...chain }: Cluster): Promise<string> {
  const sealed = await gauge(processes.ingest, 'tocsin_ingestor_head_block')
  if (sealed !== chain.shown()) return `the log stands at block ${sealed} of ${chain.shown()}`
  let owned = 0
  for (const role of detectors) {
    const metrics = await metricsOf(processes[role])
    const lag = sampleOf(metrics, 'tocsin_detector_lag_records') ?? 0
    if (lag > 0) return `${role} is ${lag} records behind`
    owned += sampleOf(metrics, 'tocsin_detector_owned_shards') ?? 0
  }
  if (owned !== shards) return `${owned} of ${shards} shards run`
  const { alerts } = await getJson<{ alerts: { status: string; lagRecords: number | null; deadLetters: number } }>(
    `${await processes.serve.url()}/api/pipeline`,
  )
  if (alerts.status !== 'reading') return `the API is ${alerts.status}`
  return alerts.lagRecords === 0 ? '' : `the API is ${alerts.lagRecords} records behind`
}

const metricsOf = async (process: ClusterProcess) => (await fetch(`${await process.url()}/metrics`)).text()

const gauge = async (process: ClusterProcess, name: string) => sampleOf(await metricsOf(process), name)

/** How often it was fenced: an ingestor then ends, a detector says it of each shard and joins anew. */
const takenOver = (process: ClusterProcess): number =>
  process.fenced + (process.output().match(/has taken a shard|have gone on without this process/g)?.length ?? 0)

/** Until topics and database hold what an undisturbed run gives, byte for byte. @throws on what is lost, twice or out of order */
async function verifyOutput(cluster: Cluster): Promise<void> {
  const { expected, log, chain, processes } = cluster
  const output = () => readOutput(log, prefix, chain.chainId)
  await verifySame(cluster, 'the records of the chain', async () => {
    const { transactions: found } = await output()
    const difference = recordsDifference(expected.transactions, found)
    return { difference, mayStillCome: areOnTheirWay(expected.transactions, found) }
  })
  const verifyAlerts = (place: string, wanted: Alerts, read: () => Promise<Alerts>) =>
    verifySame(cluster, `the alerts in ${place}`, async () => {
      const found = await read()
      return { difference: alertsDifference(wanted, found), mayStillCome: isOnItsWay(wanted, found) }
    })
  await verifyAlerts('the log', expected.alerts, async () => (await output()).alerts)
  const parsed = [...expected.alerts].map(([id, all]) => [id, all.map((one) => JSON.parse(one) as unknown)] as const)
  await verifyAlerts('the database', new Map(parsed), async () => storedAlerts(await processes.serve.url()))
}

interface Comparison {
  readonly difference: string | null
  readonly mayStillCome: boolean
}

/** What lacks may yet come; what should not have come is not waited for. */
async function verifySame(cluster: Cluster, what: string, compare: () => Promise<Comparison>): Promise<void> {
  const breach: string[] = []
  await until(cluster, `${what} are those of an undisturbed run`, async () => {
    const { difference, mayStillCome } = await compare()
    if (difference === null || mayStillCome) return difference ?? ''
    breach.push(difference)
    return ''
  })
  if (breach.length > 0) throw new Error(`Not those of an undisturbed run, ${what}: ${breach.join()}`)
}

async function storedAlerts(url: string): Promise<Alerts> {
  const stored = new Map<string, readonly unknown[]>()
  for (const id of (await alertsOver(url)).keys()) {
    const transitions = await transitionsOver(url, id)
    stored.set(
      id,
      transitions.map(({ sequence: _, storedAt: __, ...alert }) => alert),
    )
  }
  return stored
}
