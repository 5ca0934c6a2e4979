import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openKafkaLog, type EventLog } from '@tocsin/event-log'
import { openKafkaLogOver, type DeliveryGuarantee } from '@tocsin/event-log/testing'
import { spawnGuarded } from '@tocsin/test/guarded-process'
import { measureTakeover } from '@tocsin/test/takeover'
import { generateLines } from './generate.ts'
import { bytesOf, textOf } from './jobs/bench-job.ts'
import { topicsOf, type CountingJob, type TimedEvent } from './kafka/counting-job.ts'
import { openCluster, type Cluster } from './kafka/cluster.ts'
import { load, watchShare } from './kafka/cpu-share.ts'
import { idlePipeline } from './kafka/idle-pipeline.ts'
import { now, percentiles } from './kafka/latencies.ts'
import { pipeline } from './kafka/pipeline.ts'
import { measure, median, rounded } from './measure.ts'
import { StreamCoreBench } from './stream-core.ts'

const tickMs = 5
const wallets = 1_000
/** Events a second, while processes come and go. */
const takeoverRate = 2_000

class JobProcess {
  readonly child: ChildProcess
  readonly running: Promise<void>
  constructor(options: CountingJob) {
    const entry = `./kafka/counting-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`
    const words = [...process.execArgv, fileURLToPath(new URL(entry, import.meta.url)), JSON.stringify(options)]
    const child = spawnGuarded([process.execPath, ...words])
    child.stderr.pipe(process.stderr)
    this.child = child
    this.running = once(createInterface({ input: child.stdout }), 'line').then(() => {})
  }
  async close(): Promise<void> {
    this.child.kill('SIGTERM')
    if (this.child.exitCode === null) await once(this.child, 'exit')
  }
}

interface LatencyOptions {
  readonly stages: 1 | 2
  readonly perSecond: number
  readonly seconds: number
  readonly commitIntervalMs: number
}

/**
 * Events that are due at an even rate, and how long after that their outputs could be read, committed. They are stamped
 * when they are due, so that what waits for a slow append counts. Whoever feeds the job does so without transactions,
 * acknowledged by all replicas: the transactions of the broker are then the job's.
 */
async function latency(cluster: Cluster, folder: string, options: LatencyOptions) {
  const { stages, perSecond, seconds, commitIntervalMs } = options
  const name = `latency-${stages}-${perSecond}-${Date.now()}`
  const topics = topicsOf(name)
  const brokers = [cluster.bootstrap]
  const log = openKafkaLogOver({ brokers, clientId: 'tocsin-bench' }, { delivery: 'at-least-once' })
  await log.createTopics(Object.values(topics).map((topic) => ({ topic, partitions: 1 })))
  const job = new JobProcess({ brokers, name, stages, commitIntervalMs, stateFolder: join(folder, name) })
  try {
    await job.running
    await drive(log, name, perSecond, 2) // the first commits are slow, and the JIT of the broker is cold
    const shares = { job: watchShare(job.child.pid), broker: watchShare(cluster.pid) }
    const times = await drive(log, name, perSecond, seconds)
    return {
      ...{ measure: 'latency', ...options, events: times.length, ...percentiles(times) },
      ...{ jobCpuShare: shares.job(), brokerCpuShare: shares.broker(), ...load() },
    }
  } finally {
    await job.close()
    await log.close()
  }
}

/** Sends for so many seconds and reads until all has come out. @returns the ms of each event. */
async function drive(log: EventLog, name: string, perSecond: number, seconds: number): Promise<readonly number[]> {
  const topics = topicsOf(name)
  const total = perSecond * seconds
  const producer = await log.openProducer(`${name}.feeder`)
  const { end } = await log.offsets({ topic: topics.output, partition: 0 })
  const reader = await log.openReader([{ topic: topics.output, partition: 0, offset: end }])
  const times: number[] = []
  const reading = (async () => {
    while (times.length < total) {
      for (const { records } of await reader.poll(100)) {
        const readAt = now()
        for (const { value } of records) times.push(readAt - Number(textOf(value)))
      }
    }
  })()
  const began = now()
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor(((now() - began) * perSecond) / 1000))
    if (due > sent) {
      const events = Array.from({ length: due - sent }, (_, index): TimedEvent => {
        const sentAt = began + ((sent + index + 1) * 1000) / perSecond
        return { ts: Math.floor(sentAt), wallet: `wallet-${(sent + index) % wallets}`, sentAt }
      })
      const recordOf = (event: TimedEvent) => bytesOf(JSON.stringify(event))
      await producer.append(
        events.map((event) => ({ topic: topics.input, partition: 0, key: null, value: recordOf(event) })),
      )
      sent = due
    }
    await setTimeout(tickMs)
  }
  await reading
  await Promise.all([reader.close(), producer.close()])
  return times
}

/** A job that has nothing to do. */
async function idle(cluster: Cluster, folder: string, seconds: number) {
  const name = `idle-${Date.now()}`
  const log = openKafkaLog({ brokers: [cluster.bootstrap], clientId: 'tocsin-bench' })
  await log.createTopics(Object.values(topicsOf(name)).map((topic) => ({ topic, partitions: 1 })))
  const brokers = [cluster.bootstrap]
  const job = new JobProcess({ brokers, name, stages: 2, commitIntervalMs: 25, stateFolder: join(folder, name) })
  try {
    await job.running
    await setTimeout(1000 * Math.min(3, seconds)) // what starting it has left to do
    const shares = { job: watchShare(job.child.pid), broker: watchShare(cluster.pid) }
    await setTimeout(1000 * seconds)
    return { measure: 'idle', seconds, jobCpuShare: shares.job(), brokerCpuShare: shares.broker(), ...load() }
  } finally {
    await job.close()
    await log.close()
  }
}

/**
 * wallet-volume from topic to topic, exactly-once and without transactions: `passes` of each in turn, after one of each to
 * warm up, and their medians.
 */
async function* throughput(cluster: Cluster, folder: string, lines: number, passes: number) {
  const input = join(folder, 'transfers.ndjson')
  const generated = generateLines({ kind: 'transfers', lines, wallets: 100_000, draw: 'uniform', seed: 1 })
  await writeFile(input, [...generated].map((line) => `${line}\n`).join(''))
  const bench = await StreamCoreBench.open({ job: 'j1', input, kafka: cluster.bootstrap })
  const loose = openKafkaLogOver(
    { brokers: cluster.bootstrap.split(','), clientId: 'tocsin-bench' },
    { delivery: 'at-least-once' },
  )
  const measured = { 'exactly-once': [], 'at-least-once': [] } as Record<DeliveryGuarantee, ThroughputPass[]>
  const guarantees = Object.keys(measured) as DeliveryGuarantee[] // as written in the line above
  try {
    for (let turn = 0; turn <= passes; turn += 1) {
      for (const delivery of turn % 2 === 0 ? guarantees : guarantees.toReversed()) {
        const broker = watchShare(cluster.pid)
        const { pass } = await bench.pass(delivery === 'at-least-once' ? loose : undefined)
        const perSecond = Math.round(pass.events / pass.seconds)
        const { perCpuSecond, cpuSeconds, commits } = pass
        if (turn > 0)
          measured[delivery].push({ perSecond, perCpuSecond, cpuSeconds, commits, brokerCpuShare: broker() })
      }
    }
    const readAlone = await readInput(cluster, bench.inputTopic, lines)
    const of = (delivery: DeliveryGuarantee, field: keyof ThroughputPass) =>
      median(measured[delivery].map((pass) => pass[field] ?? 0))
    for (const delivery of guarantees) {
      yield {
        ...{ measure: 'throughput', job: 'j1', events: lines, delivery, passes, commits: of(delivery, 'commits') },
        ...{ perCpuSecond: of(delivery, 'perCpuSecond'), perSecond: of(delivery, 'perSecond') },
        ...{ ofAtLeastOnce: rounded(of(delivery, 'perCpuSecond') / of('at-least-once', 'perCpuSecond')) },
        ...{ ofAtLeastOnceBySecond: rounded(of(delivery, 'perSecond') / of('at-least-once', 'perSecond')) },
        brokerCpuShare: of(delivery, 'brokerCpuShare'),
        clientShareOfCpu: rounded(readAlone / of(delivery, 'cpuSeconds')),
        ...load(),
      }
    }
  } finally {
    await loose.close()
    await bench.close()
  }
}

interface ThroughputPass {
  readonly perSecond: number
  readonly perCpuSecond: number
  readonly cpuSeconds: number
  readonly commits: number
  /** While the plain program runs too. */
  readonly brokerCpuShare: number | null
}

/** @returns the CPU seconds of reading the input and doing nothing with it. */
async function readInput(cluster: Cluster, topic: string, lines: number): Promise<number> {
  const log = openKafkaLog({ brokers: [cluster.bootstrap], clientId: 'tocsin-bench' })
  const at = { topic, partition: 0 }
  const { end } = await log.offsets(at)
  const reader = await log.openReader([{ ...at, offset: 0 }])
  const span = measure(lines)
  for (let next = 0; next < end;) for (const { nextOffset } of await reader.poll(100)) next = nextOffset
  const { cpuSeconds } = span()
  await reader.close()
  await log.close()
  return cpuSeconds
}

const help = `Usage: npm run bench -- kafka [options]

On a Kafka broker, under exactly-once:
  latency     from when an event is due to when its output can be read, committed, of a job in a process of its own with
              one stateful stage, and with two that meet in a topic; commits every 25 ms
  throughput  wallet-volume (j1) from topic to topic in one process: events per CPU second of ours and per second; what
              reading alone takes of it (the client's share), and the broker beside it. In turn with it the same job at
              least once: outputs acknowledged by all replicas, then the progress marker, without a transaction
  pipeline    \`tocsin detect\` with all detectors, over blocks ten times a second: from when a block was due to when the
              alerts that it makes fire can be read, committed
  idle        a job of two stages without input
  idle-pipeline  \`tocsin ingest\`, \`detect\` and \`serve\` with PostgreSQL, at a quiet node of the recorded blocks that
              TOCSIN_SHARED names. Only if asked for
  takeover    a job of two processes with a standby each, a million keys, 2,000 events a second: how long nothing comes out
              after SIGTERM and after kill -9, at session timeouts of 2 and 6 s. Only if asked for: it takes minutes

  --kafka BOOTSTRAP  the cluster (default: a broker of our own, by Java and Maven)
  --rates LIST       events a second (default 100,1000,10000)
  --stages LIST      of latency (default 1,2)
  --seconds N        of each measure (default 10; to see little use of a core take more)
  --commit-interval MS  of latency (default 25)
  --block-every S    of idle-pipeline (default 0: the node has no new one)
  --lines N          of throughput (default 300000)
  --passes N         of throughput, of each guarantee (default 3)
  --keys N           of takeover (default 1000000)
  --only MEASURE     one of these
  --help             this text

One JSON line a measure on stdout, with the machine's load beside it, and one for people on stderr.
`

const measures = ['latency', 'pipeline', 'throughput', 'idle', 'idle-pipeline', 'takeover']

/** `npm run bench -- kafka [--kafka BOOTSTRAP] [--only MEASURE]`. */
export async function* kafka(args: readonly string[]): AsyncGenerator {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kafka: { type: 'string' },
      rates: { type: 'string', default: '100,1000,10000' },
      stages: { type: 'string', default: '1,2' },
      seconds: { type: 'string', default: '10' },
      'commit-interval': { type: 'string', default: '25' },
      'block-every': { type: 'string', default: '0' },
      lines: { type: 'string', default: '300000' },
      passes: { type: 'string', default: '3' },
      keys: { type: 'string', default: '1000000' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return
  }
  const rates = values.rates.split(',').map(Number)
  const stages = values.stages.split(',').map(Number)
  const [seconds, commitIntervalMs, lines, passes, keys] = [
    Number(values.seconds),
    Number(values['commit-interval']),
    Number(values.lines),
    Number(values.passes),
    Number(values.keys),
  ]
  const { only } = values
  const blockEvery = Number(values['block-every'])
  if (
    !stages.every((value) => value === 1 || value === 2) ||
    !(Number.isInteger(blockEvery) && blockEvery >= 0) ||
    ![...rates, seconds, commitIntervalMs, lines, passes, keys].every(
      (value) => Number.isInteger(value) && value > 0,
    ) ||
    !(only === undefined || measures.includes(only))
  )
    throw new Error(`Whole numbers and a known measure are needed.\n\n${help}`)
  const is = (name: string) => only === undefined || only === name
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-kafka-'))
  const cluster = await openCluster(values.kafka)
  const told = <T extends object>(answer: T): T => {
    process.stderr.write(
      `${Object.entries(answer)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(', ')}\n`,
    )
    return answer
  }
  try {
    if (is('idle')) yield told(await idle(cluster, folder, seconds))
    if (only === 'idle-pipeline') yield told(await idlePipeline(cluster, folder, seconds, blockEvery))
    if (is('pipeline'))
      for (const perSecond of rates) yield told(await pipeline(cluster, folder, { perSecond, seconds }))
    if (is('latency')) {
      for (const count of stages)
        for (const perSecond of rates)
          yield told(
            await latency(cluster, folder, { stages: count === 1 ? 1 : 2, perSecond, seconds, commitIntervalMs }),
          )
    }
    if (only === 'takeover') {
      for (const sessionTimeoutMs of [2_000, 6_000]) {
        const report = await measureTakeover(cluster.bootstrap, sessionTimeoutMs, { keys, rate: takeoverRate })
        yield told({ measure: 'takeover', ...report, ...load() })
      }
    }
    if (is('throughput')) for await (const answer of throughput(cluster, folder, lines, passes)) yield told(answer)
  } finally {
    await cluster.close()
    await rm(folder, { recursive: true, force: true })
  }
}
