import {
  countTrigger,
  jsonStateCodec,
  mapState,
  numberCodec,
  session,
  stringKey,
  timestampCodec,
  type AggregateFunction,
  type DataStream,
  type KeyedProcessFunction,
  type SourceRecord,
  type Timestamp,
  type WatermarkStrategy,
} from '../../src/index.ts'
import { Input } from '../../src/task/input.ts'
import { nextInSequence, placeOf } from '../../src/task/place.ts'
import { testDriver } from '../test-driver.ts'
import { expectEqual, unknownStep, type CaseRunner, type FlinkCase } from './case.ts'
import { probedTopology, probeOf } from './probed-topology.ts'

/** As Kafka Streams tells of sessions: both bounds are of elements, and a count of null takes it back. */
type Session = readonly [key: string, start: Timestamp, end: Timestamp, count: number | null]

interface SessionCase extends FlinkCase {
  readonly config: { readonly gapMs: number; readonly graceMs: number; readonly agg?: string; readonly cache?: boolean }
  readonly steps: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
  readonly expectedOnUpdate?: readonly (readonly unknown[])[]
  readonly expectedOnUpdateAfterFlush?: readonly (readonly unknown[])[]
  readonly expectedOnClose?: readonly (readonly unknown[])[]
}

const countElements: AggregateFunction<string, number, number> = {
  createAccumulator: () => 0,
  add: (_element, count) => count + 1,
  merge: (a, b) => a + b,
  getResult: (count) => count,
}

const known = mapState(
  'sessions',
  timestampCodec,
  jsonStateCodec<{ readonly end: Timestamp; readonly count: number }>(),
)

/** The table of sessions that Kafka Streams' DSL makes of updates: what a merged session replaces is taken back first. */
const sessionTable: KeyedProcessFunction<string, Session, Session> = {
  processElement([key, start, end, count], ctx) {
    const sessions = ctx.state(known)
    for (const [other, held] of sessions) {
      if (other > end || held.end < start || (other === start && held.end === end)) continue
      sessions.delete(other)
      ctx.emit([key, other, held.end, null])
    }
    sessions.set(start, { end, count: count ?? 0 })
    ctx.emit([key, start, end, count])
  },
}

interface Told {
  readonly on: 'update' | 'close'
  readonly session: Session
}

export const runKafkaSession: CaseRunner<SessionCase> = (one) => {
  const { gapMs, graceMs, agg = 'count', cache = true } = one.config
  expectEqual(cache, one.expectedOnUpdate === undefined, 'a cache, which holds updates back')
  if (agg !== 'count') throw new Error(`There is no aggregate "${agg}".`)
  // Kafka's stream time closes a session when it is above its end + gap + grace: two below it is our watermark. Closed
  // sessions stay in Kafka's store for its retention and still merge, ours are gone; so time passes only where a case asks
  // for what is late or closed.
  const asksOfTime = one.expectedOnClose !== undefined || one.steps.some(({ length }) => length > 3)
  const watermarks: WatermarkStrategy<string> = asksOfTime
    ? { type: 'bounded-out-of-orderness', delay: 1 }
    : { type: 'in-log' }
  const driver = testDriver(
    probedTopology<string, Told>((source) => {
      const windows = () =>
        source
          .keyBy((key) => key, stringKey)
          .window(session(gapMs))
          .allowedLateness(graceMs)
      const told = (uid: string, stream: ReturnType<typeof windows>): DataStream<Session> =>
        stream.aggregate(uid, countElements, numberCodec, (count, { start, end }, key, emit) =>
          emit([key, start, end - gapMs, count]),
        )
      const updates = told('updates', windows().trigger(countTrigger(1)))
        .keyBy(([key]) => key, stringKey)
        .process('sessions', sessionTable)
        .map((of): Told => ({ on: 'update', session: of }))
      return updates.union(told('closes', windows()).map((of): Told => ({ on: 'close', session: of })))
    }, watermarks),
  )
  const take = probeOf<Told>(driver)
  const got: Told[] = []
  const sessionsOf = (key: unknown) => {
    const entries = driver.state('sessions')['sessions']?.[String(key)] ?? []
    return (entries as readonly (readonly [string, { end: number; count: number }])[]).map(
      ([start, { end, count }]) => [timestampCodec.decode(Buffer.from(start, 'latin1')), end, count],
    )
  }
  for (const step of one.steps) {
    const [type, key, value, fate] = step
    if (type === 'el') {
      const lateBefore = driver.lateElements
      driver.push('in', { type: 'element', timestamp: value as number, value: key })
      got.push(...take().map((output) => output.value))
      const isLate = driver.lateElements > lateBefore
      if (fate !== undefined || isLate)
        expectEqual(isLate ? 'dropped' : 'accepted', fate, `${String(key)} at ${String(value)}`)
    } else if (type === 'sessions') expectEqual(sessionsOf(key), value, `sessions of ${String(key)}`)
    else throw unknownStep(step)
  }
  const rows = (on: Told['on']) =>
    got.flatMap(({ on: when, session: [key, start, end, count] }) =>
      when === on ? [[key, start, end, count, end]] : [],
    )
  const updates = rows('update')
  if (one.expectedOnUpdate !== undefined) expectEqual(updates, one.expectedOnUpdate, 'updates')
  if (one.expectedOnUpdateAfterFlush !== undefined) {
    // Kafka's cache lets the last update of each session through, and its flush has an order of its own.
    const last = new Map(updates.map((row) => [JSON.stringify(row.slice(0, 3)), row]))
    const standing = [...last.values()].filter(([, , , count]) => count !== null)
    expectEqual(sorted(standing), sorted(one.expectedOnUpdateAfterFlush), 'updates after a flush')
  }
  if (one.expectedOnClose !== undefined) expectEqual(sorted(rows('close')), sorted(one.expectedOnClose), 'closed')
}

const sorted = (rows: readonly (readonly unknown[])[]): readonly string[] =>
  rows.map((row) => JSON.stringify(row)).sort()

type KeyedValue = readonly [key: number, value: string, at: Timestamp]

interface JoinCase extends FlinkCase {
  readonly config: { readonly before: number; readonly after: number; readonly graceMs: number; readonly type: string }
  readonly batches: readonly (readonly [
    side: string,
    elements: readonly KeyedValue[],
    expected: readonly KeyedValue[],
  ])[]
}

interface Sided {
  readonly side: string
  readonly key: number
  readonly value: string
}

/** An inner join that nothing is too late for: Kafka drops no element of it either, it only forgets old partners. */
export const runKafkaJoin: CaseRunner<JoinCase> = (one) => {
  const { before, after, graceMs, type } = one.config
  expectEqual({ graceMs, type }, { graceMs: 0, type: 'inner' }, 'the join that this runner knows')
  const codec = jsonStateCodec<Sided>()
  const driver = testDriver(
    probedTopology<Sided, readonly [number, string]>((source) => {
      const of = (side: string) =>
        source.filter((element) => element.side === side).keyBy(({ key }) => String(key), stringKey)
      return of('left')
        .intervalJoin(of('right'))
        .between(-before, after)
        .process('join', { left: codec, right: codec }, (left, right, ctx) =>
          ctx.emit([left.key, `${left.value}+${right.value}`]),
        )
    }),
  )
  const take = probeOf<readonly [number, string]>(driver)
  for (const [side, elements, expected] of one.batches) {
    if (side !== 'left' && side !== 'right') throw new Error(`There is no side ${side}.`)
    for (const [key, value, timestamp] of elements) {
      driver.push('in', { type: 'element', timestamp, value: { side, key, value } })
    }
    const got = take().map(({ value: [key, joined], timestamp }) => [key, joined, timestamp])
    expectEqual(got, expected, `joined by ${JSON.stringify(elements)}`)
  }
}

interface PartitionGroupCase extends FlinkCase {
  readonly steps: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
}

/** The merge of a task's inputs; one that has been given nothing yet is idle. */
export const runPartitionGroup: CaseRunner<PartitionGroupCase> = (one) => {
  const names = ['p1', 'p2']
  const decode = (bytes: Uint8Array): SourceRecord<null> => {
    return { type: 'element', timestamp: Number(Buffer.from(bytes).toString()), value: null }
  }
  const inputs = names.map(
    (topic) => new Input({ topic, codec: { decode }, watermarks: { type: 'in-log' }, epochs: false }, 0, false),
  )
  for (const input of inputs) input.isIdle = true
  for (const step of one.steps) {
    const [type, first, second] = step
    if (type === 'add') {
      const input = inputs[names.indexOf(String(first))]
      if (input === undefined) throw new Error(`There is no partition ${String(first)}.`)
      const offset = input.fetchOffset
      const times = second as readonly number[]
      input.isIdle = false
      input.offer(
        times.map((time, at) => ({ offset: offset + at, key: null, value: Buffer.from(String(time)) })),
        offset + times.length,
      )
    } else if (type === 'next') {
      const next = nextInSequence(inputs)
      const input = next === undefined ? undefined : inputs[next]
      const record = input?.peek()
      expectEqual(record?.type === 'element' ? record.timestamp : null, first, 'next')
      if (record !== undefined && input !== undefined) input.place = placeOf(record, input)
      input?.take()
    } else throw unknownStep(step)
  }
}

interface PunctuatorCase extends FlinkCase {
  readonly config: { readonly intervalMs: number; readonly firstAt: number; readonly onFire?: string }
  readonly steps: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
}

/** Kafka's wall-clock punctuation as a function of our timers: a gap is caught up by one firing, then the grid goes on. */
export const runPunctuator: CaseRunner<PunctuatorCase> = (one) => {
  const { intervalMs, firstAt, onFire } = one.config
  if (onFire !== undefined && onFire !== 'cancels itself') throw new Error(`There is no punctuator that ${onFire}.`)
  const driver = testDriver(
    probedTopology<null, Timestamp>((source) =>
      source
        .keyBy(() => 'key', stringKey)
        .process('punctuator', {
          processElement: (_element, { timers }) => timers.registerProcessingTimeTimer(firstAt),
          onTimer: (timestamp, ctx) => {
            ctx.emit(timestamp)
            if (onFire !== undefined) return
            const missed = Math.floor((ctx.timers.currentProcessingTime - timestamp) / intervalMs)
            ctx.timers.registerProcessingTimeTimer(timestamp + (missed + 1) * intervalMs)
          },
        }),
    ),
  )
  driver.push('in', { type: 'element', timestamp: 0, value: null })
  for (const step of one.steps) {
    const [type, first, second] = step
    if (type === 'now') {
      driver.advanceProcessingTime(first as number)
      expectEqual(driver.outputs().length, second, `firings at ${String(first)}`)
    } else if (type === 'next') {
      expectEqual(driver.processingTimers('punctuator')['key'] ?? [], first === null ? [] : [first], 'next')
    } else throw unknownStep(step)
  }
}
