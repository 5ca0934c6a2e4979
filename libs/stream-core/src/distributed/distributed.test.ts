import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { priceHistory, storm, stormTopology, type ChainRecord, type PriceRecord } from '../../testing/storm.ts'
import {
  inProcessingTime,
  jsonStateCodec,
  listState,
  mapState,
  numberCodec,
  outputTag,
  session,
  sliding,
  StreamBuilder,
  stringCodec,
  stringKey,
  tumbling,
  valueState,
  type KeyedProcessFunction,
  type SourceCodec,
  type SourceRecord,
  type Topology,
} from '../index.ts'
import { Task } from '../task/task.ts'
import { encodeFrame } from './frame.ts'
import { FrameBuffer } from './frame-buffer.ts'
import { planJob } from './plan.ts'
import { compareStamps, controlTag, nodeTag, phases, stampAfter, type Stamp } from './stamp.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 25)

type Logs = Readonly<Record<string, readonly (readonly object[])[]>>

const deadLetters = {
  topic: 'dead',
  encode: ({ operator, reason, origin }: { operator: string; reason: string; origin: string }) =>
    Buffer.from(`${operator}: ${reason} at ${origin}`),
}

/** Outputs by sink and key, in order: what must not depend on how many tasks there are. */
class Outputs {
  readonly byKey = new Map<string, string[]>()

  take(task: Task): void {
    for (const { sink, record } of task.outputs.drain()) {
      const value = Buffer.from(record.value).toString()
      const key = record.key === null ? value : Buffer.from(record.key).toString()
      const name = `${sink} ${key}`
      this.byKey.set(name, [...(this.byKey.get(name) ?? []), value])
    }
  }
  get sorted(): readonly (readonly [string, readonly string[]])[] {
    return [...this.byKey].sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

/** Where they first differ, for each key: the rest follows from it. */
const firstDifferences = (one: Outputs['sorted'], other: Outputs['sorted']) =>
  [...new Set([...one, ...other].map(([name]) => name))].flatMap((name) => {
    const a = one.find(([of]) => of === name)?.[1] ?? []
    const b = other.find(([of]) => of === name)?.[1] ?? []
    const at = [...a, ...b].findIndex((_, index) => a[index] !== b[index])
    return at === -1 || a[at] === b[at] ? [] : [{ name, at, one: a[at], other: b[at] }]
  })

const recordsOf = (records: readonly object[], from = 0) =>
  records.map((record, index) => ({
    offset: from + index,
    key: null,
    value: Buffer.from(JSON.stringify(record)),
  }))

const runLocal = (topology: Topology, logs: Logs) => {
  const task = new Task({ topology, partitions: (topic) => logs[topic]?.length ?? 3, deadLetters })
  for (const input of task.inputs) {
    const records = logs[input.source.topic]?.[input.partition] ?? []
    input.offer(recordsOf(records), records.length)
  }
  const outputs = new Outputs()
  task.advance(Infinity)
  outputs.take(task)
  return outputs.sorted
}

/** All tasks of the plan, stepped in an order of `turns`; each commits after each of its turns. */
const runDistributed = (topology: Topology, logs: Logs, shards: number, turns: readonly [number, number][]) => {
  const partitions = (topic: string) => logs[topic]?.length ?? 3
  const plan = planJob({ topology, partitions, shards, topicOf: (name) => `internal.${name}` })
  const internal = new Map<string, { offset: number; key: null; value: Uint8Array }[]>()
  const outputs = new Outputs()
  let crossed = 0
  const tasks = plan.tasks.map((part) => {
    const task = new Task({ topology, partitions, deadLetters, part })
    return { task, frames: new FrameBuffer(part.writes), part }
  })
  const turn = ({ task, frames }: (typeof tasks)[number], limit: number): boolean => {
    for (const input of task.inputs) {
      const { topic } = input.source
      const log = logs[topic]?.[input.partition]
      const all = log === undefined ? (internal.get(`${topic}/${input.partition}`) ?? []) : recordsOf(log)
      const some = all.slice(input.fetchOffset, input.fetchOffset + limit)
      input.offer(some, input.fetchOffset + some.length)
    }
    const taken = task.advance(limit)
    outputs.take(task)
    frames.add(task.outputs.drainCrossings())
    const { progress } = task
    if (!frames.hasNews(progress)) return taken > 0
    crossed += frames.items
    for (const { topic, partition, value } of frames.records(progress)) {
      const name = `${topic}/${partition}`
      const records = internal.get(name) ?? []
      records.push({ offset: records.length, key: null, value })
      internal.set(name, records)
    }
    frames.sent(progress)
    return true
  }
  for (const [index, limit] of turns) {
    const task = tasks[index % tasks.length]
    if (task !== undefined) turn(task, limit)
  }
  for (let isMoving = true; isMoving;) isMoving = tasks.map((task) => turn(task, 1e6)).some((moved) => moved)
  expect(tasks.flatMap(({ task }) => task.inputs.map(({ queuedRecords }) => queuedRecords))).toEqual(
    tasks.flatMap(({ task }) => task.inputs.map(() => 0)),
  )
  return { outputs: outputs.sorted, crossed, tasks: tasks.length }
}

const turnsOf = fc.array(fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 9 })), { maxLength: 60 })
const shardsOf = fc.constantFrom(1, 2, 3, 8)

interface Tick {
  readonly key: string
  readonly other: string
  readonly n: number
}
const tickCodec: SourceCodec<Tick> = {
  decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<Tick>,
}

/** Each function remembers the order in which it met what, so that any difference of order is one of outputs. */
const witnessed = <In>(name: string, describeIn: (value: In) => string): KeyedProcessFunction<string, In, Tick> => {
  const seen = listState(`${name}-seen`, jsonStateCodec<string>())
  const count = valueState(`${name}-count`, numberCodec)
  return {
    processElement(value, ctx) {
      const text = describeIn(value)
      ctx.state(seen).add(text)
      const n = (ctx.state(count).value ?? 0) + 1
      ctx.state(count).value = n
      ctx.timers.registerEventTimeTimer(ctx.timestamp + (n % 3) * 40)
      // Few, for what they emit fires others in turn, five stages deep.
      if (n % 6 === 1)
        ctx.timers.registerProcessingTimeTimer(Math.max(ctx.timers.currentProcessingTime, 0) + (n % 4) * 30)
      const all = ctx.state(seen).get()
      ctx.emit({ key: all.length % 2 === 0 ? 'a' : 'b', other: `${name}(${[...all].slice(-3).join(' ')})`, n })
      if (n % 2 === 0) ctx.emit({ key: 'c', other: `${name}2(${text})`, n: -n })
    },
    onTimer(timestamp, ctx) {
      if (ctx.timeDomain === 'processing') {
        ctx.emit({ key: ctx.key, other: `${name}!${timestamp}(${[...ctx.state(seen).get()].length})`, n: 0 })
        return
      }
      const all = ctx.state(seen).get()
      // What is emitted in processing time has no timestamp: below that nothing can be registered.
      if (timestamp % 3 === 0 && timestamp > -1000) ctx.timers.registerEventTimeTimer(timestamp - 7)
      ctx.emit({ key: ctx.key, other: `${name}@${timestamp}(${[...all].length})`, n: 0 })
      if (timestamp % 5 === 0) ctx.emit({ key: 'd', other: `${name}@@${ctx.key}${timestamp}`, n: 0 })
    },
  }
}

/** Three stages deep, with windows and a join of a stream with what was made of it; every stage depends on order. */
const deepTopology = (): Topology => {
  const builder = new StreamBuilder({ job: 'deep', version: '1' })
  const source = (topic: string, delay: number) =>
    builder.source<Tick>(topic, {
      topic,
      codec: tickCodec,
      watermarks: { type: 'bounded-out-of-orderness', delay },
    })
  const left = source('left', 0)
  const right = source('right', 30)
  const text = ({ key, other, n }: Tick) => `${key}/${other}/${n}`
  const short = (value: Tick) => text(value).slice(0, 60)
  const keyed = left.keyBy(({ key }) => key, stringKey)
  const first = keyed.process('first', witnessed('f', short))
  const side = outputTag<Tick>('late')
  const windows = right
    .union(left)
    .keyBy(({ other }) => other, stringKey)
    .window(sliding(90, 30))
    .allowedLateness(20)
    .sideOutputLateData(side)
    .aggregate<string, string, Tick>(
      'windows',
      {
        createAccumulator: () => '',
        add: ({ n }, all) => `${all}.${n}`,
        merge: (a, b) => a + b,
        getResult: (all) => all,
      },
      jsonStateCodec<string>(),
      (all, window, key, emit) => emit({ key, other: `w${window.start}${all}`, n: window.start }),
    )
  const joined = keyed.connect(first.keyBy(({ key }) => key, stringKey)).process<Tick>('joined', {
    processElement1: (value, ctx) => witnessed<Tick>('j', short).processElement({ ...value, key: 'l' }, ctx),
    processElement2: (value, ctx) => witnessed<Tick>('j', short).processElement({ ...value, key: 'r' }, ctx),
    onTimer: (timestamp, ctx) => witnessed<Tick>('j', short).onTimer?.(timestamp, ctx),
  })
  const late = windows.sideOutput(side).map((value) => ({ ...value, other: `late ${value.other}` }))
  const merged = first
    .union(windows, joined, late)
    .keyBy(({ key }) => key, stringKey)
    .process('merged', witnessed('m', short))
  const counts = merged
    .keyBy(({ key }) => key, stringKey)
    .window(tumbling(50))
    .aggregate<readonly string[], readonly string[], Tick>(
      'counts',
      {
        createAccumulator: () => [],
        add: (value, all) => [...all, short(value)],
        merge: (a, b) => [...a, ...b],
        getResult: (all) => all,
      },
      jsonStateCodec<readonly string[]>(),
      (all, window, key, emit) => emit({ key, other: `${window.start} ${all.join('|')}`, n: all.length }),
    )
  const encode = (value: Tick) => ({ key: Buffer.from(value.key), value: Buffer.from(text(value)) })
  counts.sinkPlainTo('counts-out', { topic: 'out', codec: { encode } })
  merged
    .keyBy(({ other }) => other.slice(0, 1), stringKey)
    .process('last', witnessed('z', short))
    .map((value) => ({ ...value, key: 'one' }))
    .keyBy(({ key }) => key, stringKey)
    .process('all', witnessed('all', short))
    .map((value) => ({ ...value, key: 'one' }))
    .sinkPlainTo('last-out', { topic: 'out', codec: { encode } })
  return builder.build()
}

/** Each kind of operator that has two inputs or windows of its own, and a stage behind all of them that sees their order. */
const wideTopology = (): Topology => {
  const builder = new StreamBuilder({ job: 'wide', version: '1' })
  const source = (topic: string, delay: number) =>
    builder.source<Tick>(topic, { topic, codec: tickCodec, watermarks: { type: 'bounded-out-of-orderness', delay } })
  const left = source('left', 10)
  const right = source('right', 30)
  const keyOf = ({ key }: Tick) => key
  const keyed = left.keyBy(keyOf, stringKey)
  const others = right.keyBy(keyOf, stringKey)
  const codecs = { left: jsonStateCodec<Tick>(), right: jsonStateCodec<Tick>() }
  const named = (kind: string, key: string, detail: unknown): Tick => ({
    key,
    other: kind + JSON.stringify(detail),
    n: 0,
  })
  const numbers = (all: Iterable<Tick>) => [...all].map(({ n }) => n)

  const rules = mapState('rules', stringCodec, numberCodec)
  const seen = valueState('seen', numberCodec)
  const ruled = keyed.connect(right.broadcast(rules)).process<Tick>('ruled', {
    processElement(value, ctx) {
      ctx.state(seen).value = value.n
      ctx.emit(named('ruled', ctx.key, [value.n, [...ctx.broadcastState(rules)]]))
    },
    processBroadcastElement({ other, n }, ctx) {
      ctx.broadcastState(rules).set(other, n)
      if (n % 3 === 0) ctx.applyToKeyedState(seen, (key, kept, emit) => emit(named('told', key, [n, kept.value])))
    },
  })
  const lateLeft = outputTag<Tick>('late-left')
  const valid = keyed
    .temporalJoin(others)
    .leftOuter()
    .sideOutputLeftLateData(lateLeft)
    .process<Tick>('valid', codecs, (value, version, ctx) =>
      ctx.emit(named('valid', ctx.key, [value.n, version?.n ?? null])),
    )
  const paired = keyed
    .windowJoin(others)
    .window(tumbling(60))
    .allowedLateness(20)
    .process<Tick>('paired', codecs, (a, b, window, key, emit) => emit(named('paired', key, [window.start, a.n, b.n])))
  const grouped = keyed
    .coGroup(others)
    .window(session(25))
    .process<Tick>('grouped', codecs, (a, b, window, key, emit) =>
      emit(named('grouped', key, [window.start, window.end, numbers(a), numbers(b)])),
    )
  const near = keyed
    .intervalJoin(others)
    .between(-20, 20)
    .process<Tick>('near', codecs, (a, b, ctx) => ctx.emit(named('near', ctx.key, [a.n, b.n])))
  const sessions = keyed
    .window(session(20))
    .allowedLateness(30)
    .process<Tick>('sessions', codecs.left, (all, window, key, emit) =>
      emit(named('session', key, [window.start, window.end, numbers(all)])),
    )
  const clocked = others
    .window(inProcessingTime(tumbling(70)))
    .process<Tick>('clocked', codecs.right, (all, window, key, emit) =>
      emit(named('clocked', key, [window.start, numbers(all)])),
    )
  const encode = ({ key, other }: Tick) => ({ key: Buffer.from(key), value: Buffer.from(other) })
  ruled
    .union(valid, paired, grouped, near, sessions, clocked, valid.sideOutput(lateLeft))
    // One key meets all, so any difference of order is one of its outputs.
    .keyBy(() => 'all', stringKey)
    .process(
      'met',
      witnessed('met', ({ key, other }) => `${key} ${other}`.slice(0, 80)),
    )
    .sinkPlainTo('met-out', { topic: 'out', codec: { encode } })
  return builder.build()
}

const ticks: fc.Arbitrary<readonly SourceRecord<Tick>[]> = fc
  .array(
    fc.record({
      gap: fc.nat(40),
      back: fc.nat(50),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      other: fc.constantFrom('x', 'y', 'z'),
      clock: fc.boolean(),
    }),
    { maxLength: 9 },
  )
  .map((all) => {
    const records: SourceRecord<Tick>[] = []
    let now = 0
    all.forEach(({ gap, back, key, other, clock }, n) => {
      now += gap
      records.push({ type: 'element', timestamp: now - back, value: { key, other, n } })
      if (clock) records.push({ type: 'clock', time: now })
    })
    return [...records, { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }]
  })

describe('planJob', () => {
  test('property: without epochs, many tasks give the outputs of one, in its order, however they take turns', () => {
    let crossings = 0
    fc.assert(
      fc.property(ticks, ticks, ticks, shardsOf, turnsOf, (first, second, third, shards, turns) => {
        const logs = { left: [first, second], right: [third] }
        const topology = deepTopology()
        const { outputs, crossed } = runDistributed(topology, logs, shards, turns)
        crossings += crossed
        expect(firstDifferences(outputs, runLocal(topology, logs))).toEqual([])
      }),
      { numRuns: runs },
    )
    expect(crossings).toBeGreaterThan(0)
  })

  test('property: joins, broadcast, sessions and windows of processing time too', () => {
    const kinds = new Set<string>()
    fc.assert(
      fc.property(ticks, ticks, ticks, shardsOf, turnsOf, (first, second, third, shards, turns) => {
        const logs = { left: [first, second], right: [third] }
        const topology = wideTopology()
        const { outputs } = runDistributed(topology, logs, shards, turns)
        for (const [, values] of outputs) {
          for (const value of values) for (const [kind] of value.matchAll(/[a-z]+(?=\[)/g)) kinds.add(kind)
        }
        expect(firstDifferences(outputs, runLocal(topology, logs))).toEqual([])
      }),
      { numRuns: runs },
    )
    const all = ['clocked', 'grouped', 'near', 'paired', 'ruled', 'session', 'told', 'valid']
    expect([...kinds].sort()).toEqual(all)
  })

  test('property: with epochs and reverts, many tasks give the outputs of one, in its order', () => {
    let retracted = 0
    fc.assert(
      fc.property(storm, priceHistory(0), priceHistory(1), shardsOf, turnsOf, ({ stormy }, a, b, shards, turns) => {
        const logs: Record<string, readonly (readonly (ChainRecord | PriceRecord)[])[]> = {
          prices: [a, b],
          chain: [stormy],
        }
        const topology = stormTopology()
        const { outputs } = runDistributed(topology, logs, shards, turns)
        retracted += outputs.flatMap(([, values]) => values).filter((value) => value.includes('retracted')).length
        expect(firstDifferences(outputs, runLocal(topology, logs))).toEqual([])
      }),
      { numRuns: runs },
    )
    expect(retracted).toBeGreaterThan(0)
  })

  test('property: idle inputs hold nobody up, and where one task reads all sources they change no output', () => {
    const withIdle = fc.tuple(ticks, fc.array(fc.nat(20), { maxLength: 3 })).map(([records, at]) =>
      at.reduce((all: readonly object[], index) => {
        const after = Math.min(index, all.length - 1)
        return [...all.slice(0, after), { type: 'idle', time: 0 }, ...all.slice(after)]
      }, records),
    )
    fc.assert(
      fc.property(withIdle, withIdle, withIdle, shardsOf, turnsOf, (first, second, third, shards, turns) => {
        const logs = { left: [first, second], right: [third] }
        const topology = deepTopology()
        // All that was written is read to its end, which `runDistributed` holds it to.
        runDistributed(topology, logs, shards, turns)
        const { outputs } = runDistributed(topology, logs, 1, [])
        expect(firstDifferences(outputs, runLocal(topology, logs))).toEqual([])
      }),
      { numRuns: Math.ceil(runs / 4) },
    )
  })

  test('behavior: who waits with a control record promises no more than what that record may let fire', () => {
    const topology = deepTopology()
    const partitions = (topic: string) => (topic === 'left' ? 2 : 1)
    const plan = planJob({ topology, partitions, shards: 2, topicOf: (name) => name })
    const part = plan.tasks.find(({ level }) => level === 1)
    const task = new Task({ topology, partitions, deadLetters, part })
    const step = { section: 0, place: 5, input: 0, offset: 0, ordinal: 0 }
    const control: Stamp = { step, phase: phases.watermark, tag: controlTag }
    const value = encodeFrame({
      items: [{ type: 'watermark', stamp: control, input: 0, watermark: 4 }],
      progress: stampAfter(control),
    })
    task.inputs[0]?.offer([{ offset: 0, key: null, value }], 1)
    expect(task.advance(Infinity)).toBe(0)
    const fired: Stamp = { ...control, tag: nodeTag(0) }
    expect(compareStamps(task.progress, fired)).toBeLessThan(0)
  })
})
