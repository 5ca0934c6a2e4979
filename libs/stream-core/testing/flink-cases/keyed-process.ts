import {
  numberCodec,
  outputTag,
  stringKey,
  valueState,
  type KeyedProcessFunction,
  type OutputTag,
} from '../../src/index.ts'
import { testDriver, type DriverCheckpoint } from '../test-driver.ts'
import { expectEqual, timeOf, unknownStep, type CaseRunner, type CaseTime, type FlinkCase } from './case.ts'
import { probedTopology, probeOf } from './probed-topology.ts'

interface KeyedProcessCase extends FlinkCase {
  readonly config: { readonly function?: string }
  readonly steps: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
  readonly expected?: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
  readonly expectedSide?: Readonly<Record<string, readonly (readonly [unknown, number])[]>>
  readonly expectedError?: string
}

type Value = number | readonly [number, string]
type Function = KeyedProcessFunction<string, Value, unknown>

const stored = valueState('stored', numberCodec)
const sides = ['int-out', 'long-out'].map((id) => outputTag<unknown>(id))

/** The cases say in words what their functions do, in whichever time domain; these say it again. */
const functions: Readonly<Record<string, Function>> = {
  'emit value + current watermark + element timestamp': {
    processElement: (value, ctx) =>
      ctx.emit(`${String(value)}TIME:${ctx.timers.currentWatermark} TS:${shown(ctx.timestamp)}`),
  },
  'emit value + current processing time + element timestamp': {
    processElement: (value, ctx) =>
      ctx.emit(`${String(value)}TIME:${ctx.timers.currentProcessingTime} TS:${shown(ctx.timestamp)}`),
  },
  'on element: emit it and register event timer at watermark+5; on timer: emit 1777': {
    processElement: (value, ctx) => {
      ctx.emit(value)
      ctx.timers.registerEventTimeTimer(ctx.timers.currentWatermark + 5)
    },
    onTimer: (_timestamp, ctx) => ctx.emit(1777),
  },
  'on element: emit it and register processing timer at now+5; on timer: emit 1777': {
    processElement: (value, ctx) => {
      ctx.emit(value)
      ctx.timers.registerProcessingTimeTimer(nowOf(ctx.timers.currentProcessingTime) + 5)
    },
    onTimer: (_timestamp, ctx) => ctx.emit(1777),
  },
  'first element of key: emit INPUT:v, store v, register timer watermark+5; second: clear state and delete timer watermark+4; onTimer: emit STATE:stored':
    withState('event'),
  'as above in processing time': withState('processing'),
  'on element: register proc 3,5 and event 4,6; delete proc 3 and event 4; onTimer: emit PROC:1777 or EVENT:1777': {
    processElement: (_value, { timers }) => {
      for (const time of [3, 5]) timers.registerProcessingTimeTimer(time)
      for (const time of [4, 6]) timers.registerEventTimeTimer(time)
      timers.deleteProcessingTimeTimer(3)
      timers.deleteEventTimeTimer(4)
    },
    onTimer: (_timestamp, ctx) => ctx.emit(ctx.timeDomain === 'event' ? 'EVENT:1777' : 'PROC:1777'),
  },
  'emit IN:v to main, v to side int-out, v to side long-out': {
    processElement: (value, ctx) => {
      ctx.emit(`IN:${String(value)}`)
      for (const side of sides) ctx.output(side, value)
    },
  },
  'emit element string; currentKey must equal element key': {
    processElement: (value, ctx) => {
      const [key, text] = value as readonly [number, string]
      expectEqual(ctx.key, String(key), 'current key')
      ctx.emit(text)
    },
  },
}

/** The case says in words what is refused; so it is. */
const errors: Readonly<Record<string, string>> = {
  'emitting to a null/undefined output tag is rejected': 'STREAM_FUNCTION_FAILED',
}

/** Emits to a tag that is not there, which only a cast lets pass. */
const withoutTag: Function = {
  processElement: (value, ctx) => ctx.output(null as unknown as OutputTag<unknown>, value),
}

export const runKeyedProcess: CaseRunner<KeyedProcessCase> = async (one) => {
  const f = one.config.function === undefined ? withoutTag : functions[one.config.function]
  if (f === undefined) throw new Error(`There is no function "${String(one.config.function)}".`)
  const driver = testDriver(
    probedTopology<Value, unknown>((source) =>
      source.keyBy((value) => String(typeof value === 'number' ? value : value[0]), stringKey).process('process', f),
    ),
  )
  const takeProbed = probeOf(driver)
  const take = () => (one.expectedError === undefined ? takeProbed() : [])
  const got: (readonly unknown[])[] = []
  let checkpoint: DriverCheckpoint | undefined
  for (const step of one.steps) {
    const [type, first, second] = step
    const { watermark } = driver
    if (type === 'el') driver.push('in', { type: 'element', timestamp: timeOf(second as CaseTime), value: first })
    else if (type === 'wm') driver.push('in', { type: 'watermark', watermark: first as number })
    else if (type === 'pt') driver.advanceProcessingTime(first as number)
    else if (type === 'snapshot') checkpoint = await driver.checkpoint()
    else if (type === 'restore' && checkpoint !== undefined) await driver.restore(checkpoint)
    else throw unknownStep(step)
    for (const output of take()) {
      expectEqual(output.watermark, watermark ?? timeOf('LONG_MIN'), 'watermark downstream')
      got.push(['rec', output.value, output.timestamp])
    }
    if (type === 'wm') got.push(['wm', first])
  }
  if (one.expected !== undefined) expectEqual(got, one.expected, 'outputs')
  for (const [id, expected] of Object.entries(one.expectedSide ?? {})) {
    const side = driver.sideOutput('process', outputTag<unknown>(id))
    expectEqual(
      side.map(({ value, timestamp }) => [value, timestamp]),
      expected,
      `side output ${id}`,
    )
  }
  if (one.expectedSide !== undefined)
    expectEqual(
      Object.keys(one.expectedSide),
      sides.map(({ id }) => id),
      'sides',
    )
  if (one.expectedError !== undefined) {
    const codes = driver.deadLetters().map(({ code }) => code)
    expectEqual(codes, [errors[one.expectedError] ?? one.expectedError], 'failures')
  }
}

const shown = (timestamp: number): string => (timestamp === timeOf(null) ? 'null' : String(timestamp))
/** Flink's harness begins at 0, a journaled clock before all time. */
const nowOf = (processingTime: number): number => Math.max(processingTime, 0)

function withState(domain: 'event' | 'processing'): Function {
  const isEvent = domain === 'event'
  return {
    processElement: (value, ctx) => {
      const { timers } = ctx
      const now = isEvent ? timers.currentWatermark : nowOf(timers.currentProcessingTime)
      const state = ctx.state(stored)
      if (state.value === undefined) {
        ctx.emit(`INPUT:${String(value)}`)
        state.value = value as number
        if (isEvent) timers.registerEventTimeTimer(now + 5)
        else timers.registerProcessingTimeTimer(now + 5)
      } else {
        state.clear()
        if (isEvent) timers.deleteEventTimeTimer(now + 4)
        else timers.deleteProcessingTimeTimer(now + 4)
      }
    },
    onTimer: (_timestamp, ctx) => {
      expectEqual(ctx.timeDomain, domain, 'time domain')
      ctx.emit(`STATE:${String(ctx.state(stored).value)}`)
    },
  }
}
