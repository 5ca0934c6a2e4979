import {
  continuousEventTimeTrigger,
  countEvictor,
  countTrigger,
  deltaEvictor,
  eventTimeTrigger,
  global,
  inProcessingTime,
  jsonStateCodec,
  outputTag,
  processingTimeTrigger,
  purgingTrigger,
  session,
  sliding,
  stringKey,
  timeEvictor,
  tumbling,
  windowsBy,
  type DataStream,
  type Evictor,
  type TimeWindow,
  type Trigger,
  type WindowAssigner,
} from '../../src/index.ts'
import { testDriver, type DriverCheckpoint } from '../test-driver.ts'
import { expectEqual, timeOf, unknownStep, type CaseRunner, type CaseTime, type FlinkCase } from './case.ts'
import { probedTopology, probeOf, type Probed } from './probed-topology.ts'

type Element = readonly [key: string, value: number]
type Item = readonly ['rec', unknown, CaseTime] | readonly ['wm', CaseTime]

interface WindowOperatorCase extends FlinkCase {
  readonly config: {
    readonly assigner: {
      readonly type: string
      readonly time: string
      readonly size: number
      readonly slide: number
      readonly gap: number
      readonly endOfStream: boolean
    }
    readonly trigger: {
      readonly type: string
      readonly purging?: boolean
      readonly n: number
      readonly interval: number
      readonly note?: string
    }
    readonly evictor?: {
      readonly type: string
      readonly when: 'before' | 'after'
      readonly max: number
      readonly windowMs: number
      readonly threshold: number
      readonly delta?: string
    }
    readonly function: string
    readonly allowedLateness: number
    readonly lateSideOutput: boolean
  }
  readonly steps: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
  readonly expected: readonly Item[]
  readonly expectedLate?: readonly (readonly [Element, number])[]
  readonly checks?: readonly { readonly afterStep: number; readonly out?: number; readonly late?: number }[]
}

export const runWindowOperator: CaseRunner<WindowOperatorCase> = async (one) => {
  const { config, expectedLate = [], checks = [] } = one
  const late = outputTag<Element>('late')
  const driver = testDriver(probedTopology<Element, unknown>((source) => windowed(source, one, late)))
  const take = probeOf(driver)
  const got: Item[] = []
  const expected = one.expected.map((item): Item => {
    if (item[0] === 'wm') return ['wm', timeOf(item[1])]
    expectEqual(item[0], 'rec', 'what is expected')
    return ['rec', item[1], timeOf(item[2])]
  })
  const lates = () => driver.sideOutput('window', late).map(({ value, timestamp }) => [value, timestamp])
  let checkpoint: DriverCheckpoint | undefined
  for (const [index, step] of one.steps.entries()) {
    const [type, first, second] = step
    const { watermark } = driver
    if (type === 'el') driver.push('in', { type: 'element', value: first, timestamp: timeOf(second as CaseTime) })
    else if (type === 'wm') driver.push('in', { type: 'watermark', watermark: timeOf(first as CaseTime) })
    else if (type === 'pt') driver.advanceProcessingTime(first as number)
    else if (type === 'snapshot') checkpoint = await driver.checkpoint()
    else if (type === 'restore' && checkpoint !== undefined) await driver.restore(checkpoint)
    else throw unknownStep(step)
    const outputs = take()
    // What a watermark brings about comes before it.
    for (const output of outputs) expectEqual(output.watermark, watermark ?? timeOf('LONG_MIN'), 'watermark downstream')
    got.push(...outputs.map(({ value, timestamp }: Probed): Item => ['rec', value, timestamp]))
    if (type === 'wm') got.push(['wm', timeOf(first as CaseTime)])
    for (const { afterStep, out, late: lateCount } of checks) {
      if (afterStep !== index + 1) continue
      const what = `outputs after step ${afterStep}`
      if (out !== undefined) expectEqual(inRuns(got), inRuns(expected.slice(0, out)), what)
      if (out !== undefined) expectEqual(got.length, out, what)
      if (lateCount !== undefined) expectEqual(lates().length, lateCount, `late elements after step ${afterStep}`)
    }
  }
  const unreached = checks.filter(({ afterStep }) => afterStep < 1 || afterStep > one.steps.length)
  expectEqual(unreached, [], 'checks after steps that are not there')
  expectEqual(inRuns(got), inRuns(expected), 'outputs')
  expectEqual(lates(), expectedLate, 'late elements')
  expectEqual(config.lateSideOutput, one.expectedLate !== undefined, 'a side output of late elements')
  if (!config.lateSideOutput) expectEqual(driver.lateElements, 0, 'elements late without a side output')
}

/** Flink compares what comes between two watermarks without its order. */
const inRuns = (items: readonly Item[]): unknown[] => {
  const sorted: unknown[] = []
  let run: string[] = []
  for (const item of items) {
    if (item[0] === 'rec') run.push(JSON.stringify(item))
    else {
      sorted.push(...run.sort(), JSON.stringify(item))
      run = []
    }
  }
  return [...sorted, ...run.sort()]
}

const windowed = (
  source: DataStream<Element>,
  { config, test }: WindowOperatorCase,
  late: ReturnType<typeof outputTag<Element>>,
): DataStream<unknown> => {
  const codec = jsonStateCodec<Element>()
  const keyed = source.keyBy(([key]) => key, stringKey)
  const assigned = keyed.window(assignerOf(config.assigner))
  const trigger = triggerOf(config, test)
  const allowed = (trigger === null ? assigned : assigned.trigger(trigger)).allowedLateness(config.allowedLateness)
  const triggered = config.lateSideOutput ? allowed.sideOutputLateData(late) : allowed
  const windows = config.evictor === undefined ? triggered : triggered.evictor(evictorOf(config.evictor), codec)
  const result = resultOf(config.function)
  if (/^(incremental|evicting)/.test(config.function)) {
    return windows.reduce<unknown>(
      'window',
      (a, b) => [a[0], a[1] + b[1]],
      codec,
      (reduced, window, key, emit) => result([reduced], window, key).forEach(emit),
    )
  }
  return windows.process<unknown>('window', codec, (elements, window, key, emit) =>
    result(elements, window, key).forEach(emit),
  )
}

type ResultOf = (elements: readonly Element[], window: TimeWindow, key: string) => readonly unknown[]

const sumOf = (elements: readonly Element[]) => elements.reduce((sum, [, value]) => sum + value, 0)
const keyAndSum: ResultOf = (elements, _window, key) => [[key, sumOf(elements)]]
const sumAndBounds: ResultOf = (elements, { start, end }, key) => [[`${key}-${sumOf(elements)}`, start, end]]

/** The cases say in words what their functions emit; these say it again. */
const results: Readonly<Record<string, ResultOf>> = {
  'incremental reduce(sum); emits (key, sum)': keyAndSum,
  'apply: emits (key, sum of buffered values)': keyAndSum,
  'evicting + reduce: emits the reduced (key,sum)': keyAndSum,
  'incremental reduce(sum); emits (key-sum, windowStart, windowEnd)': sumAndBounds,
  'buffered; emits (key-sum, windowStart, windowEnd)': sumAndBounds,
  'buffered; emits every buffered element': (elements) => elements,
  'buffered; emits nothing': () => [],
  'buffered; emits "GOT: " + elements': (elements) => [
    `GOT: ${elements.map(([key, value]) => `(${key},${value})`).join(',')}`,
  ],
}
const resultOf = (description: string): ResultOf => {
  const result = results[description]
  if (result === undefined) throw new Error(`There is no function "${description}".`)
  return result
}

/** As the case's note says it in words: key1 3000; key2 1000 for a value of 10, else 2000; else 0. */
const gapOf = ([key, value]: Element): number => {
  if (key === 'key1') return 3000
  if (key === 'key2') return value === 10 ? 1000 : 2000
  return 0
}

const assignerOf = (assigner: WindowOperatorCase['config']['assigner']): WindowAssigner<Element> => {
  const { type, size, slide, gap, time } = assigner
  if (time !== 'event' && time !== 'processing') throw new Error(`There is no such time.`)
  if (type === 'global') return global({ firesAtEnd: assigner.endOfStream })
  const inEventTime = () => {
    if (type === 'tumbling') return tumbling(size)
    if (type === 'sliding') return sliding(size, slide)
    if (type === 'session') return session<Element>(gap)
    if (type === 'session-dynamic') return session<Element>(gapOf)
    if (type !== 'session-point') throw new Error(`There is no assigner "${type}".`)
    return windowsBy<Element>({
      name: 'point session',
      merges: true,
      assign: ([, value], start) => [{ start, end: value === 33 ? start : start + gap }],
    })
  }
  const assigned = inEventTime()
  if (time === 'event') return assigned
  if (assigned.type === 'global') throw new Error('Global windows have no time.')
  return inProcessingTime(assigned)
}

/** Null: the one that the assigner has by itself. */
const triggerOf = (config: WindowOperatorCase['config'], test: string | null): Trigger<Element> | null => {
  const { type, n, interval, purging = false } = config.trigger
  if (type === 'end-of-stream' && config.assigner.type === 'global') return null
  const triggers: Readonly<Record<string, () => Trigger<Element>>> = {
    'event-time': () => eventTimeTrigger,
    'processing-time': () => processingTimeTrigger,
    count: () => countTrigger(n),
    'continuous-event-time': () => continuousEventTimeTrigger(interval),
    custom: () => customTrigger(test, config.allowedLateness),
  }
  const create = triggers[type]
  if (create === undefined) throw new Error(`There is no trigger "${type}".`)
  return purging ? purgingTrigger(create()) : create()
}

/** The two triggers that Flink's tests write themselves. */
const customTrigger = (test: string | null, lateness: number): Trigger<Element> => {
  if (test === 'testCleanupTimerWithEmptyListStateForTumblingWindows2') {
    return {
      ...eventTimeTrigger,
      name: 'at the end and at the cleanup',
      onEventTime: (time, { end }) => (time === end - 1 || time === end - 1 + lateness ? 'fire-and-purge' : 'continue'),
    }
  }
  if (test !== 'testCleanupTimerWithEmptyStateNoResultForTumblingWindows') throw new Error(`No trigger of "${test}".`)
  return {
    name: 'always',
    onElement: () => 'fire',
    onEventTime: () => 'fire',
    onProcessingTime: () => 'fire',
    clear: () => undefined,
  }
}

const evictorOf = (evictor: NonNullable<WindowOperatorCase['config']['evictor']>): Evictor<Element> => {
  const { type, when, max, windowMs, threshold, delta } = evictor
  if (when !== 'before' && when !== 'after') throw new Error(`An evictor is before or after, not "${String(when)}".`)
  if (type === 'count') return countEvictor(max, { when })
  if (type === 'time') return timeEvictor(windowMs, { when })
  if (type === 'delta' && delta === 'newest.value - old.value')
    return deltaEvictor<Element>(threshold, ([, old], [, newest]) => newest - old, { when })
  throw new Error(`There is no evictor "${type}".`)
}
