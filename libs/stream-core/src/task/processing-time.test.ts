import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { testDriver, type TestDriver } from '../../testing/test-driver.ts'
import { clockSource, encodeClock } from '../clock.ts'
import type { KeyedProcessFunction } from '../process-function.ts'
import type { PlainSinkCodec } from '../sink.ts'
import type { SourceCodec, SourceRecord } from '../source.ts'
import { jsonStateCodec, numberCodec } from '../state/value-codecs.ts'
import { stringKey } from '../state/key-encoding.ts'
import { valueState } from '../state/state.ts'
import { StreamBuilder } from '../stream.ts'
import { maxTimestamp, minTimestamp } from '../time.ts'
import type { Topology } from '../topology.ts'
import { withIdleness, type WatermarkStrategy } from '../watermark-strategy.ts'
import { Task } from './task.ts'

interface Item {
  readonly key: string
  readonly wait: number
}

const json: SourceCodec<Item> = {
  decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<Item>, // written by the test
}
const asJson: PlainSinkCodec<unknown> = {
  encode: (output) => ({ key: null, value: Buffer.from(JSON.stringify(output)) }),
}

const seen = valueState('seen', numberCodec)

/** Emits each item, and again when the clock has run on for its `wait`. */
const echo: KeyedProcessFunction<string, Item, string> = {
  processElement({ key, wait }, ctx) {
    const state = ctx.state(seen)
    state.value = (state.value ?? 0) + 1
    const now = ctx.timers.currentProcessingTime
    ctx.emit(`${key} at ${now === minTimestamp ? 'no time' : now}`)
    ctx.timers.registerProcessingTimeTimer((now === minTimestamp ? 0 : now) + wait)
  },
  onTimer(timestamp, ctx) {
    ctx.emit(`${ctx.key} ${ctx.timeDomain} timer ${timestamp}, ${ctx.state(seen).value} seen`)
  },
}

const topologyOf = (
  options: {
    readonly epochs?: boolean
    readonly inputs?: readonly string[]
    readonly clock?: boolean
    readonly watermarks?: WatermarkStrategy<Item>
  } = {},
): Topology => {
  const { inputs = ['in'], epochs = false, watermarks = { type: 'in-log' } } = options
  const builder = new StreamBuilder({ job: 'echo', version: '1' })
  const [first, ...others] = inputs.map((topic) => builder.source(topic, { topic, codec: json, watermarks, epochs }))
  if (first === undefined) throw new Error('no input')
  if (options.clock === true) builder.source('clock', clockSource('clock'))
  const echoed = first
    .union(...others)
    .keyBy(({ key }) => key, stringKey)
    .process('echo', echo)
  if (epochs) {
    const codec = {
      idOf: (output: string) => output,
      encode: (output: string) => asJson.encode(output),
      outputCodec: jsonStateCodec<string>(),
    }
    echoed.sinkTo('out', { topic: 'out', codec })
  } else echoed.sinkPlainTo('out', { topic: 'out', codec: asJson })
  return builder.build()
}

const item = (timestamp: number, key: string, wait = 10): SourceRecord<Item> => ({
  type: 'element',
  timestamp,
  value: { key, wait },
})
const clock = (time: number): SourceRecord<never> => ({ type: 'clock', time })

const textOf = (driver: TestDriver) => driver.outputs().map(({ output }) => output)

describe('processing time', () => {
  test('default: a timer fires at the first clock record at or after it', () => {
    const driver = testDriver(topologyOf())
    driver.push('in', item(5, 'a'), clock(100), item(6, 'b'))
    expect(driver.processingTimers('echo')).toEqual({ b: [110] })
    driver.advanceProcessingTime(109)
    driver.advanceProcessingTime(117)
    expect(driver.outputs().map(({ output }) => output)).toEqual([
      'a at no time',
      'a processing timer 10, 1 seen',
      'b at 100',
      'b processing timer 110, 1 seen',
    ])
  })
  test('behavior: timers due together fire in total order, by time and then by key', () => {
    const driver = testDriver(topologyOf())
    driver.push('in', item(5, 'c', 7), item(5, 'b', 7), item(5, 'a', 9), item(5, 'd', 3), clock(50))
    expect(driver.outputs().slice(4)).toMatchObject([
      { output: 'd processing timer 3, 1 seen' },
      { output: 'b processing timer 7, 1 seen' },
      { output: 'c processing timer 7, 1 seen' },
      { output: 'a processing timer 9, 1 seen' },
    ])
  })
  test('behavior: a clock that goes back is passed over', () => {
    const driver = testDriver(topologyOf())
    driver.push('in', clock(100), clock(60), item(5, 'a', 1))
    expect(driver.outputs()).toMatchObject([{ output: 'a at 100' }])
  })
  test('behavior: a reverted epoch takes back what its clock did', () => {
    const driver = testDriver(topologyOf({ epochs: true }))
    driver.push('in', clock(100), item(5, 'a', 10), { type: 'sealed', epoch: 1, watermark: 5 })
    const before = driver.dump()
    driver.push('in', clock(110), item(6, 'b', 10), { type: 'sealed', epoch: 2, watermark: 6 })
    expect([...driver.standing('out').keys()]).toEqual(['a at 100', 'a processing timer 110, 1 seen', 'b at 110'])
    driver.push('in', { type: 'reverted', epoch: 2 })
    expect(driver.dump()).toEqual(before)
    expect([...driver.standing('out').keys()]).toEqual(['a at 100'])
    driver.push('in', item(6, 'c', 10)) // as of the end of epoch 1
    expect([...driver.standing('out').keys()]).toEqual(['a at 100', 'c at 100'])
  })
  test('behavior: a clock topic stands at its times, and an element above its last record waits for the next', () => {
    const driver = testDriver(topologyOf({ clock: true }))
    driver.push('in', item(100, 'a'), item(130, 'b'))
    driver.push('clock', clock(120))
    expect(textOf(driver)).toEqual(['a at no time', 'a processing timer 10, 1 seen'])
    driver.push('clock', clock(140))
    expect(textOf(driver).slice(2)).toEqual(['b at 120']) // the clock waits too: something may yet come at 139
    driver.push('in', item(150, 'c'))
    expect(textOf(driver).slice(3)).toEqual(['b processing timer 130, 1 seen'])
    driver.push('clock', clock(160))
    expect(textOf(driver).slice(4)).toEqual(['c at 140'])
  })
  test('behavior: a partition in which only the clock goes on is idle after its time-out, and leads with its clock', () => {
    const watermarks = withIdleness<Item>({ type: 'ascending' }, 20)
    const driver = testDriver(topologyOf({ inputs: ['in', 'other'], watermarks }))
    driver.push('in', clock(1000), item(1001, 'a'), clock(1010), item(1022, 'b'), clock(1030))
    expect(driver.waiting).toBe(4) // `other` has said nothing
    driver.push('other', clock(1000), clock(1020))
    expect(textOf(driver)).toEqual([])
    driver.push('other', clock(1021)) // 21 ms of nothing but the clock
    expect(textOf(driver)).toEqual(['a at 1020'])
    expect(driver.watermark).toBe(1000)
    driver.push('other', clock(1025))
    expect(textOf(driver).slice(1)).toEqual(['b at 1021', 'a processing timer 1030, 1 seen'])
    expect(driver.watermark).toBe(1021)
    driver.push('other', item(900, 'late'), item(1030, 'c'))
    driver.push('in', item(1040, 'd'))
    expect(textOf(driver).slice(3)).toEqual(['late at 1030', 'c at 1030'])
    expect(driver.watermark).toBe(1021)
  })
  test('property: the same outputs, whenever and in whatever pieces the logs arrive', () => {
    const end: SourceRecord<Item> = { type: 'watermark', watermark: maxTimestamp }
    const pieces = fc.array(fc.record({ input: fc.nat(2), count: fc.integer({ min: 1, max: 5 }) }), { maxLength: 30 })
    let fired = 0
    const law = fc.property(
      history,
      history,
      fc.array(fc.nat(40), { maxLength: 12 }),
      pieces,
      (first, second, ticks, offers) => {
        let now = 1000
        const clocks = ticks.map((gap) => clock((now += gap)))
        const logs = [
          [...logOf(first), end],
          [...logOf(second), end],
          [...clocks, clock(5000)],
        ]
        const calm = fold(logs, [])
        expect(fold(logs, offers)).toEqual(calm)
        fired += calm.filter((output) => output.includes('timer')).length
      },
    )
    fc.assert(law, { numRuns: runs })
    expect(fired).toBeGreaterThan(runs)
  })
  test('property: restarted again and again it goes on as if nothing had happened', async () => {
    await fc.assert(
      fc.asyncProperty(history, history, fc.array(fc.integer({ min: 1, max: 8 })), async (first, second, gaps) => {
        const logs = { in: logOf(first), other: logOf(second), clock: [clock(1100), clock(1300), clock(5000)] }
        expect(await pushed(logs, gaps)).toEqual(await pushed(logs, []))
      }),
      { numRuns: 60 },
    )
  })
})

const history = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constant('element'), gap: fc.nat(30), key: fc.constantFrom('a', 'b') }),
    },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('clock'), gap: fc.nat(40), key: fc.constant('') }) },
  ),
  { maxLength: 25 },
)
const logOf = (steps: readonly { type: string; gap: number; key: string }[]) => {
  let now = 1000
  return steps.map(({ type, gap, key }) => {
    now += gap
    return type === 'clock' ? clock(now) : item(now - (gap % 7), key, 15)
  })
}

const runs = 200

/** Offers the logs of `in`, `other` and `clock` in these pieces, then the rest. */
const fold = (
  logs: readonly (readonly SourceRecord<Item>[])[],
  offers: readonly { input: number; count: number }[],
) => {
  const task = new Task({
    topology: topologyOf({
      inputs: ['in', 'other'],
      clock: true,
      watermarks: withIdleness<Item>({ type: 'in-log' }, 50),
    }),
    partitions: () => 1,
    deadLetters: { topic: 'dead', encode: ({ reason }) => Buffer.from(reason) },
  })
  const outputs: string[] = []
  const offer = (index: number, count: number) => {
    const [input, log] = [task.inputs[index], logs[index]]
    if (input === undefined || log === undefined) throw new Error(`No input ${index}.`)
    const from = input.fetchOffset
    const records = log.slice(from, from + count).map((record, at) => ({
      offset: from + at,
      key: null,
      value: record.type === 'clock' && index === 2 ? encodeClock(record.time) : Buffer.from(JSON.stringify(record)),
    }))
    input.offer(records, from + records.length)
    task.advance(Infinity)
    outputs.push(...task.outputs.drain().map(({ record }) => String(Buffer.from(record.value))))
  }
  for (const { input, count } of offers) offer(input, count)
  for (const index of [2, 1, 0]) offer(index, Infinity)
  expect(task.inputs.map(({ queuedRecords }) => queuedRecords)).toEqual([0, 0, 0])
  return outputs
}

/** Pushes logs record by record, in turns; after each gap of so many it restores a checkpoint taken just then. */
const pushed = async (logs: Readonly<Record<string, readonly SourceRecord<Item>[]>>, gaps: readonly number[]) => {
  const watermarks = withIdleness<Item>({ type: 'ascending' }, 50)
  const driver = testDriver(topologyOf({ inputs: ['in', 'other'], clock: true, watermarks }))
  const restarts = new Set<number>()
  gaps.reduce((at, gap) => (restarts.add(at + gap), at + gap), 0)
  const longest = Math.max(...Object.values(logs).map(({ length }) => length))
  const turns = Array.from({ length: longest }, (_, index) => index).flatMap((index) =>
    Object.entries(logs).flatMap(([source, log]) => log.slice(index, index + 1).map((record) => ({ source, record }))),
  )
  for (const [index, { source, record }] of turns.entries()) {
    if (restarts.has(index)) await driver.restore(await driver.checkpoint())
    driver.push(source, record)
  }
  const { store } = await driver.checkpoint()
  const meta = JSON.parse(Buffer.from(store.meta ?? []).toString()) as { readonly snapshot: unknown }
  return { outputs: textOf(driver), snapshot: meta.snapshot, timers: driver.processingTimers('echo') }
}
