import { testDriver } from '../test-driver.ts'
import { minTimestamp, StreamBuilder, withIdleness, type SourceCodec, type WatermarkStrategy } from '../../src/index.ts'
import { Input } from '../../src/task/input.ts'
import { WatermarkMultiplexer } from '../../src/watermark-multiplexer.ts'
import { WatermarkValve } from '../../src/watermark.ts'
import {
  expectEqual,
  expectThrown,
  timeOf,
  unknownStep,
  type CaseRunner,
  type CaseTime,
  type FlinkCase,
} from './case.ts'

interface SteppedCase extends FlinkCase {
  readonly steps: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
}

interface ValveCase extends SteppedCase {
  readonly config: { readonly channels: number }
}

export const runWatermarkValve: CaseRunner<ValveCase> = (one) => {
  const valve = new WatermarkValve(one.config.channels)
  const events: (readonly unknown[])[] = []
  for (const step of one.steps) {
    const [type, first, second, third] = step
    const before = { watermark: valve.watermark, isIdle: valve.isIdle }
    if (type === 'wm') valve.advance(first as number, second as number)
    else if (type === 'status') valve.setIdle(first as number, isIdle(second))
    else if (type === 'expect') expectEqual(events.shift(), first, 'event')
    else if (type === 'expectNone') expectEqual(events, [], 'events')
    else if (type === 'channel') {
      const channel = valve.snapshot().channels[first as number]
      const fields: Readonly<Record<string, unknown>> = { aligned: channel?.isAligned, watermark: channel?.watermark }
      expectEqual(fields[String(second)], third, `channel ${String(first)}`)
    } else throw unknownStep(step)
    if (valve.watermark !== before.watermark) events.push(['wm', valve.watermark])
    if (valve.isIdle !== before.isIdle) events.push(['status', valve.isIdle ? 'idle' : 'active'])
  }
}

const isIdle = (status: unknown): boolean => {
  if (status !== 'idle' && status !== 'active') throw new Error(`There is no status ${String(status)}.`)
  return status === 'idle'
}

export const runWatermarkMultiplexer: CaseRunner<SteppedCase> = (one) => {
  const multiplexer = new WatermarkMultiplexer<string>()
  let last: number | null = null
  let wasThere: boolean | undefined
  for (const step of one.steps) {
    const [type, first, second, third] = step
    const id = String(first)
    const before = multiplexer.watermark
    if (type === 'register') multiplexer.register(id)
    else if (type === 'unregister') wasThere = multiplexer.unregister(id)
    else if (type === 'periodic') multiplexer.settle()
    else if (type === 'wm' && second === 'immediate') multiplexer.advance(id, third as number)
    else if (type === 'wm' && second === 'deferred') multiplexer.defer(id, third as number)
    else if (type === 'idle' && second === 'immediate') multiplexer.setIdle(id, true)
    else if (type === 'idle' && second === 'deferred') multiplexer.deferIdle(id, true)
    else if (type === 'expectLast') expectEqual(last, first, 'last watermark')
    else if (type === 'expectIdle') expectEqual(multiplexer.isIdle, first, 'idle')
    else if (type === 'expectUnregistered') expectEqual(wasThere, first, 'unregistered')
    else throw unknownStep(step)
    if (multiplexer.watermark !== before) last = multiplexer.watermark
  }
}

interface GeneratorCase extends SteppedCase {
  readonly config: { readonly type: string; readonly boundMs?: number }
}

const never: SourceCodec<null> = {
  decode: () => {
    throw new Error('Records are pushed.')
  },
}

/** Flink's generators speak when they are asked periodically, ours after each element: the same at every such moment. */
export const runWatermarkGenerator: CaseRunner<GeneratorCase> = (one) => {
  const { type, boundMs } = one.config
  const strategyOf = (): WatermarkStrategy<null> => {
    if (type === 'ascending') return { type }
    if (type === 'bounded-out-of-orderness' && boundMs !== undefined) return { type, delay: boundMs }
    throw new Error(`There is no generator "${type}".`)
  }
  const builder = new StreamBuilder({ job: 'case', version: '1' })
  builder.source('in', { topic: 'in', codec: never, watermarks: strategyOf() })
  const driver = testDriver(builder.build())
  let last = minTimestamp
  for (const step of one.steps) {
    const [name, first] = step
    if (name === 'event') driver.push('in', { type: 'element', timestamp: first as number, value: null })
    else if (name === 'periodic') last = driver.watermark ?? minTimestamp
    else if (name === 'expectLast') expectEqual(last, timeOf(first as CaseTime), 'last watermark')
    else throw unknownStep(step)
  }
}

interface IdlenessCase extends SteppedCase {
  readonly config: { readonly timeoutMs: number }
}

/** Flink's timer asks a clock whenever it is checked; ours is told what the journaled one shows. */
export const runIdlenessTimer: CaseRunner<IdlenessCase> = (one) => {
  const create = () => withIdleness({ type: 'in-log' }, one.config.timeoutMs)
  const [first] = one.steps
  if (first?.[0] === 'construct') {
    expectEqual(first[1], 'error', 'construct')
    expectEqual(one.steps.length, 1, 'steps')
    expectThrown(create, 'construct')
    return
  }
  const input = new Input({ topic: 'in', codec: never, watermarks: create(), epochs: false }, 0, false)
  let now = 1000
  for (const step of one.steps) {
    const [type, value] = step
    if (type === 'startTimer') input.tick(now)
    else if (type === 'advance') now += value as number
    else if (type === 'activity') input.speak()
    else if (type === 'checkIdle') expectEqual(input.tick(now), value, 'idle')
    else throw unknownStep(step)
  }
}
