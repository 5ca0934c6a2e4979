import { integerKey, StreamBuilder, type SourceCodec, type Timestamp, type Topology } from '../../src/index.ts'
import { keyGroupOf, keyGroupOwner } from '../../src/distributed/key-groups.ts'
import type { CreateOperator } from '../../src/operators/operator.ts'
import { openMemoryStore } from '../../src/state/memory-store.ts'
import { stateCells } from '../../src/state/state-cells.ts'
import { Timers } from '../../src/timers.ts'
import { testDriver, type DriverCheckpoint, type TestDriver } from '../test-driver.ts'
import { expectEqual, unknownStep, type CaseRunner, type FlinkCase } from './case.ts'

type Fired = readonly [key: string, namespace: string, at: Timestamp]
type Domain = 'event' | 'processing'

interface TimerServiceCase extends FlinkCase {
  readonly config: { readonly domain: string; readonly onTimer?: string }
  readonly steps: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
}

interface Command {
  readonly type: 'register' | 'delete'
  readonly domain: Domain
  readonly timer: Fired
}

/** What a case's `onTimer` registers at its nth firing, said again. */
const callbacks: Readonly<Record<string, (nth: number, at: Timestamp) => Timestamp | undefined>> = {
  'first firing registers ciao@20, second registers ciao@30': (nth) => [20, 30][nth],
  'at 10 registers 15': (_nth, at) => (at === 10 ? 15 : undefined),
}

const never: SourceCodec<Command> = {
  decode: () => {
    throw new Error('Records are pushed.')
  },
}

/**
 * The timers of an operator, with namespaces, as no user's function has them: an operator of the case's own in a real
 * task, so that they are checkpointed and restored like any other's.
 */
class TimerInstance {
  readonly driver: TestDriver
  readonly fired: Record<Domain, Fired[]> = { event: [], processing: [] }
  #timers: Readonly<Record<Domain, Timers>> | undefined
  #firings = 0

  constructor(onTimer: string | undefined) {
    const callback = onTimer === undefined ? () => undefined : callbacks[onTimer]
    if (callback === undefined) throw new Error(`There is no callback "${String(onTimer)}".`)
    this.driver = testDriver(
      this.#topology((context) => {
        const timers = { event: new Timers(context.undo), processing: new Timers(context.undo, 'processing') }
        context.register(timers.event)
        context.register(timers.processing)
        this.#timers = timers
        const fireNext = (domain: Domain, time: Timestamp): boolean => {
          const timer = timers[domain].take(time)
          if (timer === undefined) return false
          this.fired[domain].push([timer.key, timer.namespace, timer.at])
          const next = callback(this.#firings, timer.at)
          this.#firings += 1
          if (next !== undefined) timers[domain].register(timer.key, next, timer.namespace)
          return true
        }
        return {
          receivers: [
            {
              process: (value) => {
                const { type, domain, timer } = value as Command // the source is given nothing else
                const [key, namespace, at] = timer
                if (type === 'register') timers[domain].register(key, at, namespace)
                else timers[domain].delete(key, at, namespace)
              },
            },
          ],
          fireNext: (watermark) => fireNext('event', watermark),
          fireNextProcessingTime: (time) => fireNext('processing', time),
        }
      }),
    )
  }

  push(command: Command): void {
    this.driver.push('in', { type: 'element', timestamp: 0, value: command })
  }
  all(domain: Domain): readonly Fired[] {
    return [...(this.#timers?.[domain].all() ?? [])].map(({ key, namespace, at }) => [key, namespace, at])
  }

  #topology(create: CreateOperator): Topology {
    const builder = new StreamBuilder({ job: 'case', version: '1' })
    builder.source('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
    const { nodes, ...topology } = builder.build()
    const [source] = nodes
    if (source === undefined) throw new Error('The topology has its source.')
    const operator = { ...source, id: 1, uid: 'timers', operator: 'timers', inputs: [0], source: null, create }
    return { ...topology, nodes: [source, operator] }
  }
}

export const runTimerService: CaseRunner<TimerServiceCase> = async (one) => {
  const { domain: ofCase, onTimer } = one.config
  if (!['event', 'processing', 'both'].includes(ofCase)) throw new Error(`There is no domain "${ofCase}".`)
  const instance = new TimerInstance(onTimer)
  const split: TimerInstance[] = []
  let checkpoint: DriverCheckpoint | undefined
  const seen: Record<Domain, number> = { event: 0, processing: 0 }
  const takeFired = (domain: Domain): readonly Fired[] => {
    const fired = instance.fired[domain].slice(seen[domain])
    seen[domain] += fired.length
    return fired
  }
  const ownDomain = (): Domain => {
    if (ofCase !== 'event' && ofCase !== 'processing') throw new Error('The case does not say which domain.')
    return ofCase
  }
  for (const step of one.steps) {
    const [type, ...rest] = step
    const timerOfStep = (): Fired => named(rest as unknown as Fired)
    const [first, second] = rest
    if (type === 'reg') instance.push({ type: 'register', domain: ownDomain(), timer: timerOfStep() })
    else if (type === 'regE') instance.push({ type: 'register', domain: 'event', timer: timerOfStep() })
    else if (type === 'regP') instance.push({ type: 'register', domain: 'processing', timer: timerOfStep() })
    else if (type === 'del') instance.push({ type: 'delete', domain: ownDomain(), timer: timerOfStep() })
    else if (type === 'wm') instance.driver.push('in', { type: 'watermark', watermark: first as number })
    else if (type === 'pt') instance.driver.advanceProcessingTime(first as number)
    else if (type === 'count') expectEqual(allOf(instance).length, first, 'timers')
    else if (type === 'countNs') {
      expectEqual(
        allOf(instance).filter(([, namespace]) => namespace === first).length,
        second,
        `timers of ${String(first)}`,
      )
    } else if (type === 'fired') expectEqual(takeFired(ownDomain()), namedAll(first), 'fired, in order')
    else if (type === 'firedSet') expectEqual(sorted(takeFired(ownDomain())), sorted(namedAll(first)), 'fired')
    else if (type === 'firedProcSet') expectEqual(sorted(takeFired('processing')), sorted(namedAll(first)), 'fired')
    else if (type === 'firedEventSet') expectEqual(sorted(takeFired('event')), sorted(namedAll(first)), 'fired')
    else if (type === 'physical') {
      // Nothing is armed on a clock of the machine: what the journaled one makes due next is the first timer's time.
      expectEqual(dueNext(instance), first, 'due next')
    } else if (type === 'snapshot') checkpoint = await instance.driver.checkpoint()
    else if (type === 'restore' && checkpoint !== undefined) await instance.driver.restore(checkpoint)
    else if (type === 'restoreSplit' && checkpoint !== undefined) {
      for (const half of [0, 1]) {
        const part = new TimerInstance(onTimer)
        for (const { domain, timer } of await timersIn(checkpoint)) {
          if (halfOf(timer[0]) === half) part.push({ type: 'register', domain, timer })
        }
        await part.driver.restore(await part.driver.checkpoint())
        split.push(part)
      }
    } else if (type === 'expectInstance') {
      const part = split[(first as number) - 1]
      if (part === undefined) throw new Error(`There is no instance ${String(first)}.`)
      part.driver.advanceProcessingTime(10)
      part.driver.push('in', { type: 'watermark', watermark: 10 })
      const { proc, event } = second as { readonly proc: readonly Fired[]; readonly event: readonly Fired[] }
      expectEqual(sorted(part.fired.processing), sorted(namedAll(proc)), 'fired')
      expectEqual(sorted(part.fired.event), sorted(namedAll(event)), 'fired')
      expectEqual(allOf(part), [], 'timers left')
    } else throw unknownStep(step)
  }
}

const allOf = (instance: TimerInstance) => [...instance.all('event'), ...instance.all('processing')]
const dueNext = (instance: TimerInstance): readonly Timestamp[] => {
  const times = instance.all('processing').map(([, , at]) => at)
  return times.length === 0 ? [] : [Math.min(...times)]
}
/** The timers that a checkpoint holds, as any number of instances can take them over. */
const timersIn = async ({ store }: DriverCheckpoint) => {
  const tables = { event: 'timers/#timers', processing: 'timers/#processing-timers' } as const
  const timers: { readonly domain: Domain; readonly timer: Fired }[] = []
  for (const domain of ['event', 'processing'] as const) {
    const layouts = new Map([[tables[domain], 'timers' as const]])
    for await (const { key, sub } of stateCells(openMemoryStore(store), layouts)) {
      const at = integerKey.decode(Buffer.from(sub?.slice(0, 8) ?? '', 'latin1'))
      timers.push({ domain, timer: [key, sub?.slice(8) ?? '', at] })
    }
  }
  return timers
}
const sorted = (fired: readonly Fired[]): readonly string[] => fired.map((one) => JSON.stringify(one)).sort()

const halfOf = (key: string): number => keyGroupOwner(128, 2, keyGroupOf(key, 128))
/** Flink's test takes keys from the two halves of the key groups: k1 is one of the first, k2 one of the second. */
const keyNamed = (name: string): string => {
  const half = ['k1', 'k2'].indexOf(name)
  if (half === -1) return name
  for (let suffix = 0; ; suffix += 1) if (halfOf(`${name}-${suffix}`) === half) return `${name}-${suffix}`
}
const named = ([key, namespace, at]: Fired): Fired => [keyNamed(key), namespace, at]
const namedAll = (timers: unknown): readonly Fired[] => (timers as readonly Fired[]).map(named)
