import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { guarded } from '../guarded-process.ts'
import { fetchJars } from '../maven-jars.ts'
import { root } from '../source-files.ts'

const run = promisify(execFile)

export interface KafkaBroker {
  /** `host:port`, for a client's `brokers`. */
  readonly bootstrap: string
  /** Where it came from, to say so in a test's output. */
  readonly from: string
  stop(): Promise<void>
}

/** Why there is no broker, as a sentence that says what to do. */
export interface NoKafkaBroker {
  readonly missing: string
}

const IMAGE = 'apache/kafka:4.1.0'
/**
 * A start takes 8 s of CPU, 5 s with {@link frugal}; where thirty processes want two cores it has taken more than 90 s.
 */
const READY_MS = 300_000
const POM = join(root, 'test/kafka-broker/pom.xml')

/**
 * A Kafka broker for tests: the one that `TOCSIN_TEST_KAFKA` names, or one in Docker, or one of Maven's jars on Java. Its
 * data is gone when it stops. Topics must be created, as in production.
 */
export async function startKafkaBroker(): Promise<KafkaBroker | NoKafkaBroker> {
  const given = process.env['TOCSIN_TEST_KAFKA']
  if (given) return { bootstrap: given, from: 'TOCSIN_TEST_KAFKA', stop: async () => {} }
  const reasons: string[] = []
  for (const start of [startInDocker, () => startOnJava()]) {
    try {
      return await start()
    } catch (error) {
      reasons.push(firstLine(error))
    }
  }
  const ways = 'Set TOCSIN_TEST_KAFKA to host:port, or start Docker, or install Java 17 and Maven.'
  return { missing: `no Kafka broker for the tests: ${reasons.join('; ')}. ${ways}` }
}

async function startInDocker(): Promise<KafkaBroker> {
  await run('docker', ['info'], { timeout: 10_000 }).catch(() => {
    throw new Error('no Docker daemon answers')
  })
  const [port] = await freePorts(1)
  const settings = Object.entries(
    brokerSettings({ client: `0.0.0.0:${port}`, advertised: `127.0.0.1:${port}`, controller: 29093 }),
  )
  const variables = settings.flatMap(([name, value]) => [
    '-e',
    `KAFKA_${name.toUpperCase().replaceAll('.', '_')}=${value}`,
  ])
  const { stdout } = await run('docker', ['run', '-d', '--rm', '-p', `${port}:${port}`, ...variables, IMAGE], {
    timeout: 300_000,
  })
  const container = stdout.trim()
  const stop = async () => void (await run('docker', ['rm', '-f', container]))
  try {
    await waitForPort(Number(port), () => undefined)
  } catch (error) {
    await stop()
    throw error
  }
  return { bootstrap: `127.0.0.1:${port}`, from: `Docker, ${IMAGE}`, stop }
}

/** What a broker is given beside the settings of every test broker. */
export interface MoreSettings {
  readonly settings: Readonly<Record<string, string>>
  /** Of `kafka-storage format`: users of SCRAM are there from the start. */
  readonly format: readonly string[]
}

/** @param moreIn Makes files in the broker's folder. */
export async function startOnJava(moreIn?: (folder: string) => Promise<MoreSettings>): Promise<KafkaBroker> {
  const kafka = await prepareKafka({ moreIn })
  const stop = async () => {
    await kafka.end('SIGTERM')
    await kafka.remove()
  }
  try {
    await kafka.start()
  } catch (error) {
    await stop()
    throw error
  }
  return { bootstrap: kafka.bootstrap, from: 'Maven and Java', stop }
}

/** A broker on Java whose process is the test's to end and to start again, on the same data and address. */
export interface KafkaProcess {
  /** What clients are told to connect to. */
  readonly bootstrap: string
  /** Of the process that was started last. */
  readonly pid: number
  /** Until it can be connected to. */
  start(): Promise<void>
  /** Until it has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** @returns when it has ended. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Its data. */
  remove(): Promise<void>
}

export interface PrepareKafkaOptions {
  /** Where its data and its log are. Default: a folder of its own in the system's for temporary files. */
  readonly folder?: string
  /** The address that clients are told, of a broker that listens at `address`. Default: that one. */
  readonly advertise?: (address: string) => Promise<string>
  /** Makes files in the broker's folder. */
  readonly moreIn?: ((folder: string) => Promise<MoreSettings>) | undefined
}

export async function prepareKafka(options: PrepareKafkaOptions = {}): Promise<KafkaProcess> {
  const { advertise = async (address) => address, moreIn = async () => ({ settings: {}, format: [] }) } = options
  await run('java', ['-version']).catch(() => {
    throw new Error('no Java')
  })
  const classpath = join(await fetchJars(POM), '*')
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'tocsin-kafka-')))
  const [client, controller] = await freePorts(2)
  const bootstrap = await advertise(`127.0.0.1:${client}`)
  const properties = join(folder, 'server.properties')
  const settings: Record<string, string> = {
    ...brokerSettings({ client: `127.0.0.1:${client}`, advertised: bootstrap, controller: controller ?? 0 }),
    'log.dirs': join(folder, 'data'),
  }
  const more = await moreIn(folder)
  for (const [name, value] of Object.entries(more.settings)) {
    // Listeners come beside the plain one, all else in its place.
    settings[name] = name.includes('listener') && settings[name] !== undefined ? `${settings[name]},${value}` : value
  }
  await writeFile(
    properties,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  const tool = ['-Xmx128m', '-cp', classpath, 'kafka.tools.StorageTool']
  const { stdout } = await run('java', [...tool, 'random-uuid'])
  const id = stdout.trim().split('\n').at(-1) ?? ''
  await run('java', [...tool, 'format', '-t', id, '-c', properties, ...more.format])
  const logFile = join(folder, 'broker.log')
  const java = ['java', `-XX:ErrorFile=${join(folder, 'crash-%p.log')}`, '-Xms256m', '-Xmx512m', ...frugal, ...logged]
  const words = [...java, '-cp', classpath, 'kafka.Kafka', properties]
  let child: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()
  return {
    bootstrap,
    get pid() {
      return child?.pid ?? 0
    },
    get ended() {
      return ended
    },
    start: async () => {
      const output = await open(logFile, 'a')
      const started = spawn('sh', ['-c', guarded, 'sh', ...words], { stdio: ['pipe', output.fd, output.fd] })
      child = started
      // The guard sees the end of its pipe and ends too.
      ended = once(started, 'exit').then(() => void started.stdin?.destroy())
      await output.close()
      try {
        await waitForPort(client ?? 0, () => (hasEnded(started) ? 'it ended at once' : undefined))
      } catch (error) {
        const said = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-3).join(' | ')
        throw new Error(`${firstLine(error)}; its log ends with: ${said}`, { cause: error })
      }
    },
    end: async (signal) => {
      if (child !== undefined && !hasEnded(child)) child.kill(signal)
      await ended
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** A broker of tests is started more often than it is hot: no compiler that optimises, no threads of a collector. */
const frugal = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const logger = '-Dorg.slf4j.simpleLogger'
const logged = [
  `${logger}.defaultLogLevel=warn`,
  `${logger}.showDateTime=true`,
  `${logger}.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX`,
]

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null

/** One node that is broker and controller, small, with its internal topics on itself. */
function brokerSettings(at: { client: string; advertised: string; controller: number }): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${at.controller}`,
    listeners: `PLAINTEXT://${at.client},CONTROLLER://127.0.0.1:${at.controller}`,
    'advertised.listeners': `PLAINTEXT://${at.advertised}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'log.cleaner.dedupe.buffer.size': '16777216',
  }
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address()
      server.close()
      await once(server, 'close')
      if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
      return address.port
    }),
  )
}

async function waitForPort(port: number, ended: () => string | undefined): Promise<void> {
  const start = performance.now()
  while (!(await accepts(port))) {
    const reason = ended()
    if (reason !== undefined) throw new Error(`the broker did not start: ${reason}`)
    if (performance.now() - start > READY_MS) throw new Error(`the broker did not start in ${READY_MS / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
