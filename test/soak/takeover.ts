import { setTimeout as wait } from 'node:timers/promises'
import { CountCluster, type CountProcess } from '../kafka-broker/count-cluster.ts'
import { startKafkaBroker } from '../kafka-broker/start-broker.ts'

export interface TakeoverOptions {
  readonly keys: number
  /** Events each second while processes come and go. */
  readonly rate: number
  readonly sessionTimeoutsMs: readonly number[]
}

const shards = 4
const keysAtOnce = 5000
const tickMs = 20
const settleMs = 5000
/** The first checkpoints of all keys are written, copied and compacted. */
const digestMs = 20_000
const patienceMs = 300_000
/** What the issue asks for. */
const handOverLimitMs = 500
const takeoverSlackMs = 1000

/** How long nothing came out after SIGTERM of a process, and after kill -9. */
export interface TakeoverReport {
  readonly sessionTimeoutMs: number
  readonly keys: number
  readonly rate: number
  readonly handOverMs: number
  readonly takeoverMs: number
  /** What the successor took to open each shard. */
  readonly openedMs: readonly number[]
  readonly keysWithWrongCounts: number
}

/** Whether it is as the issue asks, and the counts of every key are right. */
const holds = ({ sessionTimeoutMs, handOverMs, takeoverMs, keysWithWrongCounts }: TakeoverReport): boolean =>
  keysWithWrongCounts === 0 && handOverMs < handOverLimitMs && takeoverMs <= sessionTimeoutMs + takeoverSlackMs

/** As {@link measureTakeover}, at each session timeout, on a broker of its own. @returns whether all held */
export async function soakTakeover(options: TakeoverOptions): Promise<boolean> {
  const broker = await startKafkaBroker()
  if ('missing' in broker) {
    process.stderr.write(`${broker.missing}\n`)
    return false
  }
  try {
    let held = true
    for (const sessionTimeoutMs of options.sessionTimeoutsMs) {
      const report = await measureTakeover(broker.bootstrap, sessionTimeoutMs, options)
      const { keys, rate, handOverMs, takeoverMs, openedMs, keysWithWrongCounts } = report
      process.stdout.write(
        `session timeout ${sessionTimeoutMs} ms, ${keys} keys, ${rate} events/s: hand-over ${handOverMs} ms, ` +
          `takeover ${takeoverMs} ms (shards opened in ${openedMs.join(' and ')} ms), ` +
          `${keysWithWrongCounts} keys with wrong counts\n`,
      )
      held = holds(report) && held
    }
    return held
  } finally {
    await broker.stop()
  }
}

/** Two processes with a standby each over so many keys, under load; one is told to stop, and then one is killed. */
export async function measureTakeover(
  bootstrap: string,
  sessionTimeoutMs: number,
  { keys, rate }: Pick<TakeoverOptions, 'keys' | 'rate'>,
): Promise<TakeoverReport> {
  const name = `takeover-${sessionTimeoutMs}-${process.pid}`
  const cluster = await CountCluster.open({ bootstrap, name, shards, sessionTimeoutMs })
  const over = new AbortController()
  let feeding: Promise<void> = Promise.resolve()
  try {
    const two = [cluster.start(), cluster.start()]
    for (let from = 0; from < keys; from += keysAtOnce) {
      const some = Array.from({ length: Math.min(keysAtOnce, keys - from) }, (_, index) => from + index)
      await cluster.feed(some, { isQuiet: true })
    }
    feeding = feed(cluster, keys, rate, over.signal)
    await until(() => cluster.isFlowing && balanced(two))
    await wait(digestMs)

    const [leaving] = two
    const began = Date.now()
    leaving?.child.kill('SIGTERM')
    await leaving?.exited
    await until(() => cluster.processes.some((one) => one.owned().length === shards))
    await wait(settleMs)
    const handOverMs = cluster.longestGapMs(began)

    const joining = cluster.start()
    const rest = two.slice(1)
    await until(() => balanced([...rest, joining]))
    await wait(settleMs)
    const killed = Date.now()
    rest[0]?.child.kill('SIGKILL')
    await until(() => joining.owned().length === shards)
    await wait(settleMs)
    const takeoverMs = cluster.longestGapMs(killed)

    over.abort()
    await feeding
    await until(() => cluster.isComplete)
    const keysWithWrongCounts = cluster.differences().length
    const openedMs = joining.events.flatMap((event) =>
      event.type === 'taken' && event.at > killed ? [Math.round(event.tookMs)] : [],
    )
    return { sessionTimeoutMs, keys, rate, handOverMs, takeoverMs, openedMs, keysWithWrongCounts }
  } finally {
    over.abort()
    await feeding.catch(() => undefined)
    await cluster.close()
  }
}

const balanced = (processes: readonly CountProcess[]): boolean =>
  processes.every((one) => one.owned().length === shards / 2 && one.ready().length === shards / 2)

const feed = async (cluster: CountCluster, keys: number, rate: number, signal: AbortSignal): Promise<void> => {
  const began = performance.now()
  let fed = 0
  for (let next = 1; !signal.aborted;) {
    const due = Math.floor(((performance.now() - began) * rate) / 1000) - fed
    // Steps that a million has no divisor with: all keys come, in no order that a cache would like.
    const some = Array.from({ length: due }, () => (next = (next + 7_919) % keys))
    if (some.length > 0) await cluster.feed(some)
    fed += due
    await wait(tickMs)
  }
}

const until = async (isSo: () => boolean): Promise<void> => {
  const began = performance.now()
  while (!isSo()) {
    if (performance.now() - began > patienceMs) throw new Error(`what was awaited did not come in ${patienceMs} ms`)
    await wait(20)
  }
}
