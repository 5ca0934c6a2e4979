import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  jsonStateCodec,
  maxTimestamp,
  numberCodec,
  outputTag,
  sliding,
  slidingWindows,
  StreamBuilder,
  stringKey,
  tumbling,
  valueState,
  WindowShapeError,
  type KeyedContext,
  type PlainSinkCodec,
  type SourceCodec,
  type Timestamp,
} from '../src/index.ts'
import { WatermarkValve } from '../src/watermark.ts'
import { testDriver } from './test-driver.ts'

/**
 * Behaviour cases taken from Flink's and Kafka Streams' own tests, each run by its id. Those here concern what there is
 * by now: tumbling and sliding event-time windows, interval joins, watermark valves, window assignment, keyed functions.
 */
const file = resolve(
  process.env['TOCSIN_SHARED'] ?? resolve(import.meta.dirname, '../../../../shared'),
  'flink-cases.json',
)

type Time = number | string
interface Case {
  readonly id: string
  readonly kind: string
  readonly config: Readonly<Record<string, unknown>> & {
    readonly assigner?: { readonly type: string; readonly time: string; readonly size: number; readonly slide?: number }
    readonly trigger?: { readonly type: string; readonly purging?: boolean }
    readonly function?: string
    readonly evictor?: object
    readonly allowedLateness?: number
    readonly lower: number
    readonly lowerInclusive: boolean
    readonly upper: number
    readonly upperInclusive: boolean
    readonly channels: number
    readonly size: number
    readonly slide?: number
    readonly offset: number
    readonly type?: string
    readonly stagger?: string
  }
  readonly steps: readonly (readonly unknown[])[]
  readonly expected?: readonly (readonly unknown[])[]
  readonly expectedLate?: unknown
  readonly expectedPairs?: readonly (readonly [number, number])[]
  readonly assign?: readonly (readonly [number, readonly (readonly [number, number])[]])[]
  readonly invalid?: readonly (readonly number[])[]
}

const isThere = existsSync(file)
const cases = isThere ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly Case[] }).cases : []
const ofKind = (kind: string, where: (one: Case) => boolean = () => true) =>
  cases.filter((one) => one.kind === kind && where(one))

// Windows are cut by the remainder of a time, so the end of time has the one that 2^63 - 1 leaves by 1000.
const longMax = maxTimestamp - (maxTimestamp % 1000) - 1000 + 807
const timeOf = (time: Time): Timestamp => {
  if (typeof time === 'number') return time
  return time === 'LONG_MAX' ? maxTimestamp : longMax - Number(time.slice('LONG_MAX-'.length))
}

const never: SourceCodec<never> = {
  decode: () => {
    throw new Error('records are pushed')
  },
}
const unsent: PlainSinkCodec<unknown> = { encode: () => ({ key: null, value: new Uint8Array() }) }

test.runIf(process.env['CI'] !== undefined || isThere)('the cases are there', () => {
  expect(cases).toHaveLength(209)
})

/** Flink compares what comes between two watermarks without its order. */
const sortedBetweenWatermarks = (items: readonly (readonly unknown[])[]): unknown[] => {
  const sorted: unknown[] = []
  let run: string[] = []
  for (const item of items) {
    if (item[0] !== 'wm') {
      run.push(JSON.stringify(item))
      continue
    }
    sorted.push(...run.sort(), JSON.stringify(item))
    run = []
  }
  return [...sorted, ...run.sort()]
}

describe.runIf(isThere)('window-operator', () => {
  type Element = readonly [string, number]
  const fits = ({ config: { assigner, trigger, evictor, function: f = '' } }: Case) =>
    assigner?.time === 'event' &&
    ['tumbling', 'sliding'].includes(assigner.type) &&
    trigger?.type === 'event-time' &&
    trigger.purging !== true &&
    evictor === undefined &&
    /emits \(key, sum/.test(f)

  test.for(ofKind('window-operator', fits).map((one) => [one.id, one] as const))('%s', ([, one]) => {
    const late = outputTag<Element>('late')
    const { assigner = { type: '', size: 0, slide: 0 }, allowedLateness = 0 } = one.config
    const builder = new StreamBuilder({ job: 'case', version: '1' })
    builder
      .source<Element>('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
      .keyBy(([key]) => key, stringKey)
      .window(assigner.type === 'tumbling' ? tumbling(assigner.size) : sliding(assigner.size, assigner.slide ?? 0))
      .allowedLateness(allowedLateness)
      .sideOutputLateData(late)
      .aggregate<number, number, readonly unknown[]>(
        'window',
        {
          createAccumulator: () => 0,
          add: ([, value], sum) => sum + value,
          merge: (a, b) => a + b,
          getResult: (sum) => sum,
        },
        numberCodec,
        (sum, { end }, key, emit) => emit(['rec', [key, sum], end - 1]),
      )
      .sinkPlainTo('out', { topic: 'out', codec: unsent })
    const driver = testDriver(builder.build())
    const got: (readonly unknown[])[] = []
    let seen = 0
    for (const [type, first, second] of one.steps) {
      if (type === 'el') {
        driver.push('in', { type: 'element', timestamp: timeOf(second as Time), value: first })
      } else if (type === 'wm') driver.push('in', { type: 'watermark', watermark: timeOf(first as Time) })
      else if (type !== 'snapshot' && type !== 'restore') throw new Error(`No step ${String(type)}.`)
      got.push(
        ...driver
          .outputs()
          .slice(seen)
          .map(({ output }) => output as readonly unknown[]),
      )
      seen = driver.outputs().length
      if (type === 'wm') got.push(['wm', timeOf(first as Time)])
    }
    const expected = (one.expected ?? []).map(([type, first, second]) =>
      type === 'wm' ? [type, timeOf(first as Time)] : [type, first, timeOf(second as Time)],
    )
    expect(sortedBetweenWatermarks(got)).toEqual(sortedBetweenWatermarks(expected))
    const lates = driver.sideOutput('window', late).map(({ value, timestamp }) => [value, timestamp])
    expect(lates).toEqual(one.expectedLate ?? [])
  })
})

describe.runIf(isThere)('interval-join', () => {
  interface Sided {
    readonly side: string
    readonly at: Timestamp
  }
  // The two that expect an error feed elements without a timestamp, which a SourceRecord cannot be.
  const fits = ({ id }: Case) => !id.includes('testFailsWithNoTimestamps')

  test.for(
    ofKind('interval-join', fits).flatMap((one) => [
      [one.id, 'left', one] as const,
      ...(one.steps[0]?.[0] === 'fill' ? [[one.id, 'right', one] as const] : []),
    ]),
  )('%s, %s first', ([, firstSide, one]) => {
    const { lower, lowerInclusive, upper, upperInclusive } = one.config
    const codec = jsonStateCodec<Sided>()
    const builder = new StreamBuilder({ job: 'case', version: '1' })
    const source = builder.source<Sided>('in', {
      topic: 'in',
      codec: never,
      watermarks: { type: 'in-log' },
    })
    const of = (side: string) => source.filter((element) => element.side === side).keyBy(() => 'key', stringKey)
    of('left')
      .intervalJoin(of('right'))
      .between(lowerInclusive ? lower : lower + 1, upperInclusive ? upper : upper - 1)
      .process<readonly [number, number]>('join', { left: codec, right: codec }, (left, right, { emit }) =>
        emit([left.at, right.at]),
      )
      .sinkPlainTo('out', { topic: 'out', codec: unsent })
    const driver = testDriver(builder.build())
    const element = (side: string, at: Timestamp) =>
      driver.push('in', { type: 'element', timestamp: at, value: { side, at } })
    const watermarks = { left: -Infinity, right: -Infinity }
    const watermark = (side: string, at: Timestamp) => {
      watermarks[side === 'left' ? 'left' : 'right'] = at
      const least = Math.min(watermarks.left, watermarks.right)
      if (Number.isFinite(least)) driver.push('in', { type: 'watermark', watermark: least })
    }
    const pairs = () => driver.outputs().map(({ output }) => output as readonly [number, number])
    const sorted = (list: readonly (readonly [number, number])[]) => [...list].sort(([a, b], [c, d]) => a - c || b - d)
    const buffer = (side: string) => {
      const entries = driver.state('join')[`#${side}`]?.['key'] as readonly (readonly [number, unknown])[] | undefined
      return entries?.map(([at]) => at) ?? []
    }
    let expectedSince = 0
    for (const [type, first, second] of one.steps) {
      if (type === 'fill') {
        for (const side of firstSide === 'left' ? ['left', 'right'] : ['right', 'left']) {
          for (let at = first as number; at <= (second as number); at += 1) {
            element(side, at)
            watermark(side, at)
          }
        }
      } else if (type === 'el') element(first as string, second as number)
      else if (type === 'wm') watermark(first as string, second as number)
      else if (type === 'leftBuffer') expect(buffer('left')).toEqual(first)
      else if (type === 'rightBuffer') expect(buffer('right')).toEqual(first)
      else if (type === 'expectPairs') {
        expect(sorted(pairs().slice(expectedSince))).toEqual(first)
        expectedSince = pairs().length
      } else if (type !== 'snapshot' && type !== 'restore') throw new Error(`No step ${String(type)}.`)
    }
    if (one.expectedPairs !== undefined) expect(sorted(pairs())).toEqual(sorted(one.expectedPairs))
    if (one.expectedLate !== undefined) expect(driver.lateElements).toBe(2)
  })
})

describe.runIf(isThere)('watermark-valve', () => {
  test.for(ofKind('watermark-valve').map((one) => [one.id, one] as const))('%s', ([, one]) => {
    const valve = new WatermarkValve(one.config.channels)
    const events: (readonly unknown[])[] = []
    for (const [type, first, second, third] of one.steps) {
      const before = { watermark: valve.watermark, isIdle: valve.isIdle }
      if (type === 'wm') valve.advance(first as number, second as number)
      else if (type === 'status') valve.setIdle(first as number, second === 'idle')
      else if (type === 'expect') expect(events.shift()).toEqual(first)
      else if (type === 'expectNone') expect(events).toEqual([])
      else if (type === 'channel') {
        const channel = valve.snapshot().channels[first as number]
        expect(second === 'aligned' ? channel?.isAligned : channel?.watermark).toBe(third)
      } else throw new Error(`No step ${String(type)}.`)
      if (valve.watermark !== before.watermark) events.push(['wm', valve.watermark])
      if (valve.isIdle !== before.isIdle) events.push(['status', valve.isIdle ? 'idle' : 'active'])
    }
  })
})

describe.runIf(isThere)('window-assigner', () => {
  const fits = ({ config: { type, stagger } }: Case) =>
    stagger === undefined && (type === 'tumbling' || type === 'sliding')

  test.for(ofKind('window-assigner', fits).map((one) => [one.id, one] as const))('%s', ([, one]) => {
    const { size, slide = size, offset } = one.config
    for (const [timestamp, windows] of one.assign ?? []) {
      const got = slidingWindows(timestamp, size, slide, offset).map(({ start, end }) => [start, end])
      expect(got.toReversed()).toEqual(windows)
    }
  })
  test.for(ofKind('window-assigner-invalid', fits).map((one) => [one.id, one] as const))('%s', ([, one]) => {
    for (const [size = 0, second = 0, third = 0] of one.invalid ?? []) {
      const create = () => (one.config.type === 'tumbling' ? tumbling(size, second) : sliding(size, second, third))
      expect(create).toThrow(WindowShapeError)
    }
  })
})

describe.runIf(isThere)('keyed-process', () => {
  type Context = KeyedContext<string, readonly [unknown, Timestamp]>
  interface Function {
    readonly processElement: (value: number, ctx: Context) => void
    readonly onTimer?: (timestamp: Timestamp, ctx: Context) => void
  }
  const stored = valueState('stored', numberCodec)
  /** The case says in words what its function does; these say it again. */
  const functions: Readonly<Record<string, Function>> = {
    testTimestampAndWatermarkQuerying: {
      processElement: (value, ctx) =>
        ctx.emit([`${value}TIME:${ctx.timers.currentWatermark} TS:${ctx.timestamp}`, ctx.timestamp]),
    },
    testEventTimeTimers: {
      processElement: (value, ctx) => {
        ctx.emit([value, ctx.timestamp])
        ctx.timers.registerEventTimeTimer(ctx.timers.currentWatermark + 5)
      },
      onTimer: (timestamp, ctx) => ctx.emit([1777, timestamp]),
    },
    testEventTimeTimerWithState: {
      processElement: (value, ctx) => {
        const state = ctx.state(stored)
        if (state.value === undefined) {
          ctx.emit([`INPUT:${value}`, ctx.timestamp])
          state.value = value
          ctx.timers.registerEventTimeTimer(ctx.timers.currentWatermark + 5)
        } else {
          state.clear()
          ctx.timers.deleteEventTimeTimer(ctx.timers.currentWatermark + 4)
        }
      },
      onTimer: (timestamp, ctx) => ctx.emit([`STATE:${ctx.state(stored).value}`, timestamp]),
    },
  }
  const functionOf = ({ id }: Case) => functions[id.slice(id.lastIndexOf('/') + 1)]

  test.for(ofKind('keyed-process', (one) => functionOf(one) !== undefined).map((one) => [one.id, one] as const))(
    '%s',
    ([, one]) => {
      const f = functionOf(one)
      if (f === undefined) throw new Error('unreachable: filtered above')
      const builder = new StreamBuilder({ job: 'case', version: '1' })
      builder
        .source<number>('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
        .keyBy((value) => String(value), stringKey)
        .process<readonly [unknown, Timestamp]>('process', f)
        .sinkPlainTo('out', { topic: 'out', codec: unsent })
      const driver = testDriver(builder.build())
      const got: (readonly unknown[])[] = []
      let seen = 0
      for (const [type, first, second] of one.steps) {
        if (type === 'el') driver.push('in', { type: 'element', timestamp: second as number, value: first })
        else driver.push('in', { type: 'watermark', watermark: first as number })
        const outputs = driver.outputs().slice(seen)
        got.push(...outputs.map(({ output }) => ['rec', ...(output as readonly unknown[])]))
        seen += outputs.length
        if (type === 'wm') got.push(['wm', first])
      }
      expect(driver.deadLetters()).toEqual([])
      expect(got).toEqual(one.expected)
    },
  )
})
