import {
  continuousEventTimeTrigger,
  countTrigger,
  eventTimeTrigger,
  minTimestamp,
  processingTimeoutTrigger,
  purgingTrigger,
  type OnMergeContext,
  type TimeWindow,
  type Timestamp,
  type Trigger,
  type TriggerResult,
  type ValueState,
  type ValueStateDescriptor,
} from '../../src/index.ts'
import { expectEqual, unknownStep, type CaseRunner, type FlinkCase } from './case.ts'

type Bounds = readonly [start: number, end: number]

interface TriggerCase extends FlinkCase {
  readonly config: {
    readonly trigger: string
    readonly n?: number
    readonly intervalMs?: number
    readonly inner?: string
    readonly timeoutMs?: number
    readonly resetTimerOnNewRecord?: boolean
    readonly clearOnTimeout?: boolean
  }
  readonly steps?: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
  readonly mapping?: Readonly<Record<string, string>>
}

const resultNames: Readonly<Record<TriggerResult, string>> = {
  continue: 'CONTINUE',
  fire: 'FIRE',
  purge: 'PURGE',
  'fire-and-purge': 'FIRE_AND_PURGE',
}

export const runTrigger: CaseRunner<TriggerCase> = (one) => {
  if (one.mapping === undefined) runSteps(one)
  else {
    expectEqual(one.config.trigger, 'purging(inner)', 'trigger')
    runPurging(one.mapping)
  }
}

const windowOf = ([start, end]: Bounds): TimeWindow => ({ start, end })
const nameOf = ({ start, end }: TimeWindow): string => `${start}-${end}`

const triggerOf = ({ config }: TriggerCase): Trigger => {
  const { trigger, n, intervalMs, inner, timeoutMs, resetTimerOnNewRecord, clearOnTimeout } = config
  if (trigger === 'event-time') return eventTimeTrigger
  if (trigger === 'count' && n !== undefined) return countTrigger(n)
  if (trigger === 'continuous-event-time' && intervalMs !== undefined) return continuousEventTimeTrigger(intervalMs)
  const [, count] = /^count\((\d+)\)$/.exec(inner ?? '') ?? []
  if (trigger === 'processing-timeout' && timeoutMs !== undefined && count !== undefined) {
    const options = { resetOnElement: resetTimerOnNewRecord === true, clearOnTimeout: clearOnTimeout === true }
    return processingTimeoutTrigger(countTrigger(Number(count)), timeoutMs, options)
  }
  throw new Error(`There is no trigger "${trigger}".`)
}

/** A trigger's timers and state by window, as Flink's TriggerTestHarness keeps them. */
class TriggerHarness {
  watermark: Timestamp = minTimestamp
  processingTime: Timestamp = 0
  readonly eventTimers = new Map<string, Set<Timestamp>>()
  readonly processingTimers = new Map<string, Set<Timestamp>>()
  readonly #states = new Map<string, Map<string, unknown>>()

  get stateCount(): number {
    return [...this.#states.values()].reduce((count, { size }) => count + size, 0)
  }
  context(window: TimeWindow, merged: readonly TimeWindow[] = []): OnMergeContext {
    const name = nameOf(window)
    const timersOf = (timers: Map<string, Set<Timestamp>>) => ({
      add: (at: Timestamp) => void timers.set(name, (timers.get(name) ?? new Set()).add(at)),
      delete: (at: Timestamp) => void timers.get(name)?.delete(at),
    })
    const [event, processing] = [timersOf(this.eventTimers), timersOf(this.processingTimers)]
    return {
      currentWatermark: this.watermark,
      currentProcessingTime: this.processingTime,
      registerEventTimeTimer: event.add,
      deleteEventTimeTimer: event.delete,
      registerProcessingTimeTimer: processing.add,
      deleteProcessingTimeTimer: processing.delete,
      state: (descriptor) => this.#state(descriptor, name),
      mergeState: (descriptor, combine) => {
        const values = merged.flatMap((source) => {
          const { value } = this.#state(descriptor, nameOf(source))
          return value === undefined ? [] : [value]
        })
        for (const source of merged) this.#state(descriptor, nameOf(source)).clear()
        const [first, ...rest] = values
        if (first !== undefined) this.#state(descriptor, name).value = rest.reduce(combine, first)
      },
    }
  }
  /** The timers of a window that are due, the earliest first. */
  takeDue(timers: Map<string, Set<Timestamp>>, time: Timestamp): readonly (readonly [Timestamp, TimeWindow])[] {
    const due = [...timers].flatMap(([name, times]) =>
      [...times].filter((at) => at <= time).map((at) => [at, name] as const),
    )
    for (const [at, name] of due) timers.get(name)?.delete(at)
    return due
      .sort(([a], [b]) => a - b)
      .map(([at, name]) => {
        const [start = 0, end = 0] = name.split('-').map(Number)
        return [at, { start, end }] as const
      })
  }

  #state<T>(descriptor: ValueStateDescriptor<T>, name: string): ValueState<T> {
    const values = this.#states.get(descriptor.name) ?? new Map<string, unknown>()
    this.#states.set(descriptor.name, values)
    return {
      get value() {
        return values.get(name) as T | undefined // written by the setter below
      },
      set value(value) {
        if (value === undefined) values.delete(name)
        else values.set(name, value)
      },
      clear: () => void values.delete(name),
    }
  }
}

const countTimers = (timers: Map<string, Set<Timestamp>>, window?: TimeWindow): number =>
  [...timers].reduce((sum, [name, { size }]) => sum + (window === undefined || name === nameOf(window) ? size : 0), 0)

const runSteps = (one: TriggerCase): void => {
  const trigger = triggerOf(one)
  const harness = new TriggerHarness()
  const expectFired = (fired: readonly (readonly [string, TriggerResult])[], window: unknown, result: unknown) => {
    if (window === undefined || window === null) {
      expectEqual(result, window === null ? 'no timer' : undefined, 'a result without a window')
      if (window === null) expectEqual(fired, [], 'firings')
      return
    }
    const expected = [[nameOf(windowOf(window as Bounds)), result]]
    expectEqual(
      fired.map(([name, got]) => [name, resultNames[got]]),
      expected,
      'firings',
    )
  }
  for (const step of one.steps ?? []) {
    const [type, first, second] = step
    if (type === 'el') {
      const window = windowOf(first as Bounds)
      const result = trigger.onElement(null, window.start, window, harness.context(window))
      expectEqual(resultNames[result], second, `an element of ${nameOf(window)}`)
    } else if (type === 'wm') {
      harness.watermark = first as number
      const due = harness.takeDue(harness.eventTimers, harness.watermark)
      const fired = due.map(
        ([at, window]) => [nameOf(window), trigger.onEventTime(at, window, harness.context(window))] as const,
      )
      expectFired(fired, second, step[3])
    } else if (type === 'pt') {
      harness.processingTime = first as number
      const due = harness.takeDue(harness.processingTimers, harness.processingTime)
      const fired = due.map(
        ([at, window]) => [nameOf(window), trigger.onProcessingTime(at, window, harness.context(window))] as const,
      )
      expectFired(fired, second, step[3])
    } else if (type === 'clear') trigger.clear(windowOf(first as Bounds), harness.context(windowOf(first as Bounds)))
    else if (type === 'merge') {
      const sources = (second as readonly Bounds[]).map(windowOf)
      trigger.onMerge?.(windowOf(first as Bounds), harness.context(windowOf(first as Bounds), sources))
      for (const source of sources) trigger.clear(source, harness.context(source))
    } else if (type === 'state') expectEqual(harness.stateCount, first, 'states')
    else if (type === 'eventTimers' || type === 'procTimers') {
      const timers = type === 'eventTimers' ? harness.eventTimers : harness.processingTimers
      const window = Array.isArray(first) ? windowOf(first as unknown as Bounds) : undefined
      expectEqual(countTimers(timers, window), window === undefined ? first : second, type)
    } else throw unknownStep(step)
  }
}

/** Of each result that the inner trigger gives, by each of its methods, what the purging one makes of it. */
const runPurging = (mapping: Readonly<Record<string, string>>): void => {
  expectEqual(Object.keys(mapping).sort(), Object.values(resultNames).sort(), 'results')
  const window = { start: 0, end: 2 }
  for (const [result, name] of Object.entries(resultNames) as [TriggerResult, string][]) {
    const calls: string[] = []
    const inner: Trigger = {
      name: 'inner',
      onElement: () => result,
      onEventTime: () => result,
      onProcessingTime: () => result,
      onMerge: () => void calls.push('merge'),
      clear: () => void calls.push('clear'),
    }
    const purging = purgingTrigger(inner)
    const context = new TriggerHarness().context(window)
    const got = [
      purging.onElement(null, 0, window, context),
      purging.onEventTime(1, window, context),
      purging.onProcessingTime(1, window, context),
    ]
    expectEqual(
      got.map((one) => resultNames[one]),
      got.map(() => mapping[name]),
      name,
    )
    purging.onMerge?.(window, context)
    purging.clear(window, context)
    expectEqual(calls, ['merge', 'clear'], 'forwarded')
  }
}
