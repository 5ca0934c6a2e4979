import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { testDriver } from '../testing/test-driver.ts'
import {
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  countEvictor,
  countTrigger,
  cumulative,
  deltaEvictor,
  eventTimeTrigger,
  global,
  inProcessingTime,
  jsonStateCodec,
  neverTrigger,
  numberCodec,
  outputTag,
  processingTimeoutTrigger,
  purgingTrigger,
  session,
  sliding,
  StreamBuilder,
  stringKey,
  timeEvictor,
  TopologyError,
  tumbling,
  valueState,
  windowsBy,
  type AggregateFunction,
  type DataStream,
  type KeyedStream,
  type TimeWindow,
  type Trigger,
  type WindowAssigner,
  type WindowedStream,
} from './index.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 100)

/** `id` names the element, so that a window's contents can be told. */
interface Element {
  readonly key: string
  readonly id: number
  readonly at: number
}
type Step =
  | { readonly type: 'element'; readonly element: Element }
  | { readonly type: 'watermark'; readonly at: number }
  | { readonly type: 'clock'; readonly at: number }
/** A window that fired: `key`, its bounds, the ids of what its function saw. */
type Fired = readonly [key: string, start: number, end: number, ids: readonly number[]]
/** What each step brought about, and which elements were too late. */
interface Told {
  readonly fired: readonly (readonly Fired[])[]
  readonly late: readonly number[]
}

const never = {
  decode: () => {
    throw new Error('records are pushed')
  },
}
const elementCodec = jsonStateCodec<Element>()
const idsCodec = jsonStateCodec<readonly number[]>()
const ids: AggregateFunction<Element, readonly number[], readonly number[]> = {
  createAccumulator: () => [],
  add: ({ id }, seen) => [...seen, id],
  merge: (a, b) => [...a, ...b],
  getResult: (seen) => seen,
}
const fired = (seen: readonly number[], { start, end }: TimeWindow, key: string): Fired => [key, start, end, seen]

const lateTag = outputTag<Element>('late')

/** Runs a topology of one window over the steps; what fires is in order of the library. */
const run = (steps: readonly Step[], windows: (keyed: KeyedStream<string, Element>) => DataStream<Fired>): Told => {
  const builder = new StreamBuilder({ job: 'windows', version: '1' })
  const keyed = builder
    .source<Element>('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
    .keyBy(({ key }) => key, stringKey)
  windows(keyed).sinkPlainTo('out', {
    topic: 'out',
    codec: { encode: () => ({ key: null, value: new Uint8Array() }) },
  })
  const driver = testDriver(builder.build())
  let seen = 0
  const told = steps.map((step) => {
    if (step.type === 'element') {
      driver.push('in', { type: 'element', timestamp: step.element.at, value: step.element })
    } else if (step.type === 'watermark') driver.push('in', { type: 'watermark', watermark: step.at })
    else driver.advanceProcessingTime(step.at)
    const outputs = driver.outputs().slice(seen)
    seen += outputs.length
    return outputs.map(({ output }) => output as Fired)
  })
  expect(driver.deadLetters()).toEqual([])
  return { fired: told, late: driver.sideOutput('windows', lateTag).map(({ value }) => value.id) }
}

/** As `run` with accumulators, or with all elements. */
const runBoth = (
  steps: readonly Step[],
  assigner: WindowAssigner<Element>,
  lateness: number,
): { readonly accumulated: Told; readonly buffered: Told } => {
  const windowed = (keyed: KeyedStream<string, Element>) =>
    keyed.window(assigner).allowedLateness(lateness).sideOutputLateData(lateTag)
  return {
    accumulated: run(steps, (keyed) =>
      windowed(keyed).aggregate('windows', ids, idsCodec, (seen, window, key, emit) => emit(fired(seen, window, key))),
    ),
    buffered: run(steps, (keyed) =>
      windowed(keyed).process<Fired>('windows', elementCodec, (elements, window, key, emit) =>
        emit(
          fired(
            elements.map(({ id }) => id),
            window,
            key,
          ),
        ),
      ),
    ),
  }
}

/** The order of elements in a window, and of windows that fire in one step, does not matter to the models below. */
const inAnyOrder = ({ fired: steps, late }: Told): Told => ({
  fired: steps.map((step) =>
    step
      .map(([key, start, end, seen]): Fired => [key, start, end, seen.toSorted((a, b) => a - b)])
      .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  ),
  late,
})

const firings = (told: Told): number => told.fired.flat().length

/** Time goes on by fits and starts; elements and watermarks lag behind it. */
const history = (options: { readonly clock?: boolean } = {}): fc.Arbitrary<readonly Step[]> =>
  fc
    .array(
      fc.record({
        kind: fc.constantFrom(...(['element', 'element', 'element', 'watermark'] as const), 'clock' as const),
        key: fc.constantFrom('a', 'b'),
        goOn: fc.nat(7),
        back: fc.nat(14),
      }),
      { maxLength: 40, size: 'max' },
    )
    .map((draws) => {
      let now = -10
      let clock = 0
      const steps = draws.flatMap(({ kind, key, goOn, back }, id): Step[] => {
        now += goOn
        if (kind === 'element') return [{ type: 'element', element: { key, id, at: now - back } }]
        if (kind === 'watermark') return [{ type: 'watermark', at: now - (back % 4) }]
        clock += goOn
        return options.clock === true ? [{ type: 'clock', at: clock }] : []
      })
      return [
        { type: 'clock', at: 0 },
        ...steps,
        { type: 'watermark', at: now + 100 },
        { type: 'clock', at: clock + 100 },
      ]
    })

const mod = (value: number, modulus: number): number => ((value % modulus) + modulus) % modulus
const upTo = (from: number, to: number): readonly number[] =>
  Array.from({ length: Math.max(to - from + 1, 0) }, (_, i) => from + i)

interface Kind {
  readonly name: string
  readonly assigner: WindowAssigner<Element>
  readonly merges: boolean
  /** By definition: of all windows there are those that hold the time. */
  readonly windowsOf: (element: Element, time: number) => readonly TimeWindow[]
}

const slidingKind = (size: number, slide: number, offset: number): Kind => ({
  name: `sliding ${size} by ${slide} from ${offset}`,
  assigner: size === slide ? tumbling(size, offset) : sliding(size, slide, offset),
  merges: false,
  windowsOf: (_element, time) =>
    upTo(time - size + 1, time)
      .filter((start) => mod(start - offset, slide) === 0)
      .map((start) => ({ start, end: start + size })),
})
const cumulativeKind = (steps: number, step: number, offset: number): Kind => ({
  name: `cumulative ${steps} times ${step} from ${offset}`,
  assigner: cumulative(steps * step, step, offset),
  merges: false,
  windowsOf: (_element, time) =>
    upTo(time - steps * step + 1, time)
      .filter((start) => mod(start - offset, steps * step) === 0)
      .flatMap((start) => upTo(1, steps).map((n) => ({ start, end: start + n * step })))
      .filter(({ end }) => end > time),
})
const sessionKind = (gap: number): Kind => ({
  name: `session ${gap}`,
  assigner: session(gap),
  merges: true,
  windowsOf: (_element, time) => [{ start: time, end: time + gap }],
})
const gapOf = ({ id }: Element) => 1 + (id % 6)
const dynamicSessionKind: Kind = {
  name: 'session of the element',
  assigner: session(gapOf),
  merges: true,
  windowsOf: (element, time) => [{ start: time, end: time + gapOf(element) }],
}
/** Windows of one's own that merge, of no length now and then. */
const pointKind: Kind = {
  name: 'points',
  assigner: windowsBy<Element>({
    name: 'points',
    merges: true,
    assign: ({ id }, at) => [{ start: at, end: at + (id % 4) }],
  }),
  merges: true,
  windowsOf: ({ id }, time) => [{ start: time, end: time + (id % 4) }],
}
const kind: fc.Arbitrary<Kind> = fc.oneof(
  fc
    .record({ size: fc.integer({ min: 1, max: 12 }), slide: fc.integer({ min: 1, max: 14 }), offset: fc.nat(13) })
    .map(({ size, slide, offset }) => slidingKind(size, slide, (offset % slide) * (offset % 2 === 0 ? 1 : -1))),
  fc
    .record({ steps: fc.integer({ min: 1, max: 4 }), step: fc.integer({ min: 1, max: 5 }), offset: fc.nat(19) })
    .map(({ steps, step, offset }) => cumulativeKind(steps, step, offset % (steps * step))),
  fc.integer({ min: 1, max: 8 }).map(sessionKind),
  fc.constant(dynamicSessionKind),
  fc.constant(pointKind),
)

interface Lived {
  readonly key: string
  start: number
  end: number
  ids: number[]
}

const tell = ({ key, start, end, ids: seen }: Lived): Fired => [key, start, end, [...seen]]

/** The window of `windows` that `assigned` is, or what it and those that it merges with become; and the others. */
const takeOut = (windows: readonly Lived[], key: string, assigned: TimeWindow, merges: boolean) => {
  const lived: Lived = { key, ...assigned, ids: [] }
  let rest = windows
  const isPart = (other: Lived) =>
    other.key === key &&
    (merges
      ? other.start <= lived.end && lived.start <= other.end
      : other.start === lived.start && other.end === lived.end)
  for (let part = rest.find(isPart); part !== undefined; part = rest.find(isPart)) {
    rest = rest.filter((other) => other !== part)
    lived.start = Math.min(lived.start, part.start)
    lived.end = Math.max(lived.end, part.end)
    lived.ids.push(...part.ids)
  }
  return { lived, rest }
}

/** Windows that fire at their ends, by definition: a list of windows with their elements, all looked at at every step. */
const inEventTime = (steps: readonly Step[], { windowsOf, merges }: Kind, lateness: number): Told => {
  let watermark = -Infinity
  let windows: readonly Lived[] = []
  const late: number[] = []
  const told = steps.map((step): readonly Fired[] => {
    if (step.type === 'clock') return []
    if (step.type === 'watermark') {
      const before = watermark
      watermark = Math.max(watermark, step.at)
      const due = windows.filter(({ end }) => before < end - 1 && end - 1 <= watermark).map(tell)
      windows = windows.filter(({ end }) => end - 1 + lateness > watermark)
      return due
    }
    const { key, id, at } = step.element
    const due: Fired[] = []
    let isTaken = false
    for (const assigned of windowsOf(step.element, at)) {
      const { lived, rest } = takeOut(windows, key, assigned, merges)
      if (lived.end - 1 + lateness <= watermark) continue
      isTaken = true
      lived.ids.push(id)
      windows = [...rest, lived]
      if (lived.end - 1 <= watermark) due.push(tell(lived))
    }
    if (!isTaken && at + lateness <= watermark) late.push(id)
    return due
  })
  return inAnyOrder({ fired: told, late })
}

/** The same by the clock: an element belongs where the clock stands, and none is late. */
const inClockTime = (steps: readonly Step[], { windowsOf, merges }: Kind): Told => {
  let clock = 0
  let windows: readonly Lived[] = []
  const told = steps.map((step): readonly Fired[] => {
    if (step.type === 'watermark') return []
    if (step.type === 'clock') {
      if (step.at <= clock) return []
      clock = step.at
      const due = windows.filter(({ end }) => end - 1 <= clock).map(tell)
      windows = windows.filter(({ end }) => end - 1 > clock)
      return due
    }
    const { key, id } = step.element
    for (const assigned of windowsOf(step.element, clock)) {
      const { lived, rest } = takeOut(windows, key, assigned, merges)
      lived.ids.push(id)
      windows = [...rest, lived]
    }
    return []
  })
  return inAnyOrder({ fired: told, late: [] })
}

describe('WindowedStream', () => {
  test('property: windows of any kind fire with what belongs to them by definition, and tell what is late', () => {
    let windows = 0
    let late = 0
    fc.assert(
      fc.property(history(), kind, fc.constantFrom(0, 0, 1, 5, 30), (steps, one, lateness) => {
        const expected = inEventTime(steps, one, lateness)
        const { accumulated, buffered } = runBoth(steps, one.assigner, lateness)
        expect(inAnyOrder(accumulated)).toEqual(expected)
        expect(inAnyOrder(buffered)).toEqual(expected)
        windows += firings(expected)
        late += expected.late.length
      }),
      { numRuns: 4 * runs },
    )
    expect(windows).toBeGreaterThan(10 * runs)
    expect(late).toBeGreaterThan(runs)
  })

  interface Counted extends Lived {
    /** Since it fired last. */
    count: number
  }

  test('property: a count trigger fires at every nth element of a window, and purging forgets what fired', () => {
    let windows = 0
    const aligned = kind.filter(({ merges }) => !merges)
    fc.assert(
      fc.property(history(), aligned, fc.integer({ min: 1, max: 4 }), fc.boolean(), (steps, one, n, isPurging) => {
        const trigger = isPurging ? purgingTrigger(countTrigger(n)) : countTrigger(n)
        let watermark = -Infinity
        const accepted = new Map<string, number[]>()
        const told = steps.map((step): readonly Fired[] => {
          if (step.type === 'watermark') watermark = Math.max(watermark, step.at)
          if (step.type !== 'element') return []
          const { key, id, at } = step.element
          return one.windowsOf(step.element, at).flatMap(({ start, end }): readonly Fired[] => {
            if (end - 1 <= watermark) return []
            const name = `${key} ${start} ${end}`
            const all = [...(accepted.get(name) ?? []), id]
            accepted.set(name, all)
            if (all.length % n !== 0) return []
            return [[key, start, end, isPurging ? all.slice(-n) : all]]
          })
        })
        const expected = inAnyOrder({ fired: told, late: [] })
        const got = run(steps, (keyed) =>
          keyed
            .window(one.assigner)
            .trigger(trigger)
            .aggregate('windows', ids, idsCodec, (seen, window, key, emit) => emit(fired(seen, window, key))),
        )
        expect(inAnyOrder(got).fired).toEqual(expected.fired)
        windows += firings(expected)
      }),
      { numRuns: 2 * runs },
    )
    expect(windows).toBeGreaterThan(0)
  })

  test('property: the counts of sessions that merge add up', () => {
    let windows = 0
    fc.assert(
      fc.property(history(), fc.integer({ min: 4, max: 14 }), fc.integer({ min: 2, max: 4 }), (steps, gap, n) => {
        let watermark = -Infinity
        let sessions: Counted[] = []
        const told = steps.map((step): readonly Fired[] => {
          if (step.type === 'watermark') {
            watermark = Math.max(watermark, step.at)
            sessions = sessions.filter(({ end }) => end - 1 > watermark)
          }
          if (step.type !== 'element') return []
          const { key, id, at } = step.element
          const joined = sessions.filter((other) => other.key === key && other.start <= at + gap && at <= other.end)
          const [start, end] = [
            Math.min(at, ...joined.map((one) => one.start)),
            Math.max(at + gap, ...joined.map((one) => one.end)),
          ]
          if (end - 1 <= watermark) return []
          const grown: Counted = {
            key,
            start,
            end,
            ids: [...joined.flatMap((one) => one.ids), id],
            count: joined.reduce((sum, one) => sum + one.count, 1),
          }
          sessions = [...sessions.filter((other) => !joined.includes(other)), grown]
          if (grown.count < n) return []
          grown.count = 0
          return [[key, start, end, [...grown.ids]]]
        })
        const expected = inAnyOrder({ fired: told, late: [] })
        const got = run(steps, (keyed) =>
          keyed
            .window(session(gap))
            .trigger(countTrigger(n))
            .aggregate('windows', ids, idsCodec, (seen, window, key, emit) => emit(fired(seen, window, key))),
        )
        expect(inAnyOrder(got).fired).toEqual(expected.fired)
        windows += firings(expected)
      }),
      { numRuns: 2 * runs },
    )
    expect(windows).toBeGreaterThan(runs / 2)
  })

  test('property: a continuous trigger fires at each interval from the first element on, and at the end', () => {
    let windows = 0
    const aligned = kind.filter(({ merges }) => !merges)
    fc.assert(
      fc.property(history(), aligned, fc.integer({ min: 1, max: 5 }), (steps, one, interval) => {
        let watermark = -Infinity
        const all = new Map<string, { readonly window: Lived; next: number }>()
        const told = steps.map((step): readonly Fired[] => {
          if (step.type === 'watermark') {
            const due: Fired[] = []
            const to = Math.max(watermark, step.at)
            for (const held of all.values()) {
              const { key, start, end, ids: seen } = held.window
              if (to <= watermark || watermark >= end - 1) continue // it did not advance, or the window is gone
              const fire = () => due.push([key, start, end, [...seen]])
              if (held.next <= Math.min(to, end - 2)) {
                fire()
                held.next = Math.trunc(to / interval) * interval + interval
              }
              if (to >= end - 1) fire()
            }
            watermark = to
            return due
          }
          if (step.type !== 'element') return []
          const { key, id, at } = step.element
          for (const { start, end } of one.windowsOf(step.element, at)) {
            if (end - 1 <= watermark) continue
            const name = `${key} ${start} ${end}`
            const held = all.get(name) ?? {
              window: { key, start, end, ids: [] },
              next: Math.trunc(at / interval) * interval + interval, // as Java's remainder has it
            }
            all.set(name, held)
            held.window.ids.push(id)
          }
          return []
        })
        const expected = inAnyOrder({ fired: told, late: [] })
        const got = run(steps, (keyed) =>
          keyed
            .window(one.assigner)
            .trigger(continuousEventTimeTrigger(interval))
            .aggregate('windows', ids, idsCodec, (seen, window, key, emit) => emit(fired(seen, window, key))),
        )
        expect(inAnyOrder(got).fired).toEqual(expected.fired)
        windows += firings(expected)
      }),
      { numRuns: 2 * runs },
    )
    expect(windows).toBeGreaterThan(10 * runs)
  })

  test('property: evictors leave what they say, before the function or after it', () => {
    let evicted = 0
    const evictorOf = {
      count: (n: number, when: 'before' | 'after') => countEvictor<Element>(n, { when }),
      time: (n: number, when: 'before' | 'after') => timeEvictor<Element>(n, { when }),
      delta: (n: number, when: 'before' | 'after') =>
        deltaEvictor<Element>(n, (old, last) => Math.abs(last.id - old.id), { when }),
    }
    /** By definition: whether one of `elements` stays. */
    const stays = {
      count: (n: number, elements: readonly Element[], index: number) => elements.length - index <= n,
      time: (n: number, elements: readonly Element[], index: number) =>
        elements.every(({ at }) => at - (elements[index]?.at ?? 0) < n),
      delta: (n: number, elements: readonly Element[], index: number) =>
        Math.abs((elements.at(-1)?.id ?? 0) - (elements[index]?.id ?? 0)) < n,
    }
    fc.assert(
      fc.property(
        history(),
        fc.constantFrom('count', 'time', 'delta'),
        fc.constantFrom('before', 'after'),
        fc.nat(12),
        fc.integer({ min: 1, max: 4 }),
        (steps, type, when, n, every) => {
          const kept = new Map<string, readonly Element[]>()
          const arrived = new Map<string, number>()
          const told = steps.map((step): readonly Fired[] => {
            if (step.type !== 'element') return []
            const { key } = step.element
            const all = [...(kept.get(key) ?? []), step.element]
            const nth = (arrived.get(key) ?? 0) + 1
            arrived.set(key, nth)
            const left = nth % every === 0 ? all.filter((_, index) => stays[type](n, all, index)) : all
            kept.set(key, left)
            evicted += all.length - left.length
            if (nth % every !== 0) return []
            return [[key, -1, -1, (when === 'before' ? left : all).map(({ id }) => id)]]
          })
          const windowed = (keyed: KeyedStream<string, Element>) =>
            keyed.window(global()).trigger(countTrigger(every)).evictor(evictorOf[type](n, when), elementCodec)
          const processed = run(steps, (keyed) =>
            windowed(keyed).process<Fired>('windows', elementCodec, (elements, _window, key, emit) =>
              emit([key, -1, -1, elements.map(({ id }) => id)]),
            ),
          )
          expect(processed.fired).toEqual(told)
          const aggregated = run(steps, (keyed) =>
            windowed(keyed).aggregate<readonly number[], readonly number[], Fired>(
              'windows',
              ids,
              idsCodec,
              (seen, _window, key, emit) => emit([key, -1, -1, seen]),
            ),
          )
          // An aggregate of nothing is nothing.
          expect(aggregated.fired).toEqual(told.map((step) => step.filter(([, , , seen]) => seen.length > 0)))
        },
      ),
      { numRuns: 3 * runs },
    )
    expect(evicted).toBeGreaterThan(5 * runs)
  })

  test('property: windows in processing time go by the journaled clock alone', () => {
    let windows = 0
    fc.assert(
      fc.property(history({ clock: true }), kind, (steps, one) => {
        const assigner = inProcessingTime(one.assigner)
        const expected = inClockTime(steps, one)
        const got = run(steps, (keyed) =>
          keyed
            .window(assigner)
            .aggregate('windows', ids, idsCodec, (seen, window, key, emit) => emit(fired(seen, window, key))),
        )
        expect(inAnyOrder(got).fired).toEqual(expected.fired)
        windows += firings(expected)
      }),
      { numRuns: 2 * runs },
    )
    expect(windows).toBeGreaterThan(0)
  })

  const at = (key: string, id: number, time: number): Step => ({ type: 'element', element: { key, id, at: time } })
  const watermark = (time: number): Step => ({ type: 'watermark', at: time })
  const clock = (time: number): Step => ({ type: 'clock', at: time })
  const byAggregate =
    (change: (windows: WindowedStream<string, Element>) => WindowedStream<string, Element>, assigner = windowOf10) =>
    (keyed: KeyedStream<string, Element>) =>
      change(keyed.window(assigner)).aggregate<readonly number[], readonly number[], Fired>(
        'windows',
        ids,
        idsCodec,
        (seen, window, key, emit) => emit(fired(seen, window, key)),
      )
  const windowOf10: WindowAssigner<Element> = tumbling(10)

  test('behavior: windows that are due together fire by time, then key, then start, however they came', () => {
    const steps = [at('b', 0, 5), at('a', 1, 25), at('a', 2, 7), at('b', 3, 14), watermark(100)]
    const inOrder: readonly Fired[] = [
      ['a', 0, 10, [2]],
      ['b', 0, 10, [0]],
      ['a', 0, 20, [2]],
      ['b', 0, 20, [0, 3]],
      ['a', 20, 30, [1]],
      ['a', 20, 40, [1]],
    ]
    const ended = (told: Told) => told.fired.at(-1)
    expect(
      ended(
        run(
          steps,
          byAggregate((windows) => windows, cumulative(20, 10)),
        ),
      ),
    ).toEqual(inOrder)
    // The same by timers.
    const byTimers = byAggregate((windows) => windows.trigger(purgingTrigger(eventTimeTrigger)), cumulative(20, 10))
    expect(ended(run(steps, byTimers))).toEqual(inOrder)
  })

  test('behavior: an element of sliding windows is added once and changes one cell, by panes', () => {
    let adds = 0
    const counting = {
      ...ids,
      add: (element: Element, seen: readonly number[]) => {
        adds += 1
        return ids.add(element, seen)
      },
    }
    const cells = (trigger: Trigger) => {
      adds = 0
      const builder = new StreamBuilder({ job: 'windows', version: '1' })
      builder
        .source<Element>('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
        .keyBy(({ key }) => key, stringKey)
        .window(sliding(60, 5))
        .trigger(trigger)
        .aggregate('windows', counting, idsCodec)
        .sinkPlainTo('out', { topic: 'out', codec: { encode: () => ({ key: null, value: new Uint8Array() }) } })
      const driver = testDriver(builder.build())
      driver.push('in', { type: 'element', timestamp: 7, value: { key: 'a', id: 0, at: 7 } })
      const { '#panes': panes, '#windows': windows } = driver.state('windows')
      return { adds, cells: [panes ?? windows].flatMap((table) => Object.values(table ?? {})).flat().length }
    }
    expect(cells(eventTimeTrigger)).toEqual({ adds: 1, cells: 1 })
    expect(cells(purgingTrigger(eventTimeTrigger))).toEqual({ adds: 12, cells: 12 })
  })

  test('behavior: a session grows by an element as cheaply among a thousand sessions as alone', () => {
    const looked = (sessions: number) => {
      let merges = 0
      const counting = {
        ...ids,
        merge: (a: readonly number[], b: readonly number[]) => {
          merges += 1
          return ids.merge(a, b)
        },
      }
      const apart = upTo(1, sessions).map((n) => at('a', n, n * 100))
      const steps = [...apart, at('a', -1, 150), at('a', -2, 108), at('a', -3, 116), watermark(1e6)]
      const told = run(steps, (keyed) =>
        keyed
          .window(session(10))
          .aggregate('windows', counting, idsCodec, (seen, window, key, emit) => emit(fired(seen, window, key))),
      )
      expect(told.fired.at(-1)?.slice(0, 2)).toEqual([
        ['a', 100, 126, [1, -2, -3]],
        ['a', 150, 160, [-1]],
      ])
      return merges
    }
    expect(looked(1000)).toBe(looked(1))
  })

  test('behavior: a late session that merges with a new element fires again at its new end', () => {
    const steps = [at('a', 0, 0), watermark(12), at('a', 1, 3), at('a', 2, 9), watermark(18), watermark(40)]
    expect(
      run(
        steps,
        byAggregate((windows) => windows.allowedLateness(20), session(10)),
      ).fired,
    ).toEqual([[], [['a', 0, 10, [0]]], [['a', 0, 13, [0, 1]]], [], [['a', 0, 19, [0, 1, 2]]], []])
  })

  test('behavior: a session that grew is not cleaned up when it would have been, had it not', () => {
    // Not extended it would go at 9 + 5.
    const steps = [at('a', 0, 0), at('a', 1, 8), watermark(15), at('a', 2, 9), watermark(40)]
    expect(
      run(
        steps,
        byAggregate((windows) => windows.allowedLateness(5), session(10)),
      ).fired,
    ).toEqual([[], [], [], [], [['a', 0, 19, [0, 1, 2]]]])
  })

  test('behavior: reduce begins with the first element, and without a function the result itself goes on', () => {
    const steps = [at('a', 1, 0), at('a', 2, 5), at('b', 3, 6), watermark(9)]
    const told = run(steps, (keyed) =>
      keyed
        .window(tumbling(10))
        .reduce('windows', (a, b) => ({ ...b, id: 10 * a.id + b.id }), elementCodec)
        .map(({ key, id }): Fired => [key, 0, 10, [id]]),
    )
    expect(told.fired.at(-1)).toEqual([
      ['a', 0, 10, [12]],
      ['b', 0, 10, [3]],
    ])
  })

  test('behavior: a window function knows its times and may send to side outputs', () => {
    const early = outputTag<string>('early')
    const builder = new StreamBuilder({ job: 'windows', version: '1' })
    builder
      .source<Element>('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
      .keyBy(({ key }) => key, stringKey)
      .window(tumbling(10))
      .aggregate<readonly number[], readonly number[], string>(
        'windows',
        ids,
        idsCodec,
        (_seen, window, key, emit, ctx) => {
          ctx.output(early, `${key} ${window.end}`)
          emit(`${ctx.currentWatermark} ${ctx.currentProcessingTime}`)
        },
      )
      .sinkPlainTo('out', { topic: 'out', codec: { encode: () => ({ key: null, value: new Uint8Array() }) } })
    const driver = testDriver(builder.build())
    driver.advanceProcessingTime(77)
    driver.push('in', { type: 'element', timestamp: 1, value: { key: 'a', id: 0, at: 1 } })
    driver.advanceWatermark(30)
    expect(driver.outputs().map(({ output }) => output)).toEqual(['30 77'])
    expect(driver.sideOutput('windows', early)).toEqual([{ value: 'a 10', timestamp: 9 }])
  })

  test('behavior: state of a window outlives its firings and goes with it', () => {
    const timesFired = valueState('times-fired', numberCodec)
    const steps = [at('a', 0, 0), at('a', 1, 1), at('a', 2, 12), at('a', 3, 2), watermark(100), at('a', 4, 203)]
    const told = run(steps, (keyed) =>
      keyed
        .window(tumbling(10))
        .trigger(countTrigger(1))
        .process<Fired>('windows', elementCodec, {
          process: (_elements, { start, end }, key, emit, ctx) => {
            const state = ctx.windowState(timesFired)
            state.value = (state.value ?? 0) + 1
            emit([key, start, end, [state.value]])
          },
          clear: (_window, _key, ctx) => ctx.windowState(timesFired).clear(),
        }),
    )
    expect(told.fired.flat()).toEqual([
      ['a', 0, 10, [1]],
      ['a', 0, 10, [2]],
      ['a', 10, 20, [1]],
      ['a', 0, 10, [3]],
      ['a', 200, 210, [1]],
    ])
  })

  test('behavior: in processing time a continuous trigger fires at its intervals, a timeout at the latest', () => {
    const steps = [clock(3), at('a', 0, 0), clock(4), clock(8), at('a', 1, 0), clock(9), clock(30)]
    const continuous = byAggregate(
      (windows) => windows.trigger(continuousProcessingTimeTrigger(4)),
      inProcessingTime(tumbling(10)),
    )
    expect(run(steps, continuous).fired).toEqual([
      [],
      [],
      [['a', 0, 10, [0]]],
      [['a', 0, 10, [0]]],
      [],
      [['a', 0, 10, [0, 1]]],
      [],
    ])
    const timeout = byAggregate((windows) => windows.trigger(processingTimeoutTrigger(countTrigger(2), 5)), global())
    const counted = [clock(3), at('a', 0, 0), clock(7), clock(8), at('a', 1, 0), at('a', 2, 0), clock(30)]
    expect(run(counted, timeout).fired.map((step) => step.map(([, , , seen]) => seen))).toEqual([
      [],
      [],
      [],
      [[0]],
      [],
      [[0, 1, 2]],
      [],
    ])
  })

  test('behavior: a firing that fails by a timer is a dead letter, and the window and its neighbours go on', () => {
    for (const assigner of [tumbling(10), session<Element>(10)]) {
      for (const trigger of [eventTimeTrigger, purgingTrigger(eventTimeTrigger)]) {
        const builder = new StreamBuilder({ job: 'windows', version: '1' })
        builder
          .source<Element>('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
          .keyBy(({ key }) => key, stringKey)
          .window(assigner)
          .trigger(trigger)
          .aggregate<readonly number[], readonly number[], string>(
            'windows',
            ids,
            idsCodec,
            (_seen, _window, key, emit) => {
              emit(key)
              if (key === 'b') throw new Error('an unlucky key')
            },
          )
          .sinkPlainTo('out', { topic: 'out', codec: { encode: () => ({ key: null, value: new Uint8Array() }) } })
        const driver = testDriver(builder.build())
        for (const key of ['a', 'b', 'c'])
          driver.push('in', { type: 'element', timestamp: 1, value: { key, id: 0, at: 1 } })
        driver.advanceWatermark(100)
        expect(driver.outputs().map(({ output }) => output)).toEqual(['a', 'c'])
        expect(driver.deadLetters()).toMatchObject([{ operator: 'windows', reason: 'an unlucky key' }])
        expect(driver.dump()).toEqual({})
      }
    }
  })

  test('behavior: a window that is gone leaves no state and no timer', () => {
    fc.assert(
      fc.property(history(), kind, fc.constantFrom(0, 5), fc.boolean(), (steps, one, lateness, isPlain) => {
        const builder = new StreamBuilder({ job: 'windows', version: '1' })
        const windows = builder
          .source<Element>('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
          .keyBy(({ key }) => key, stringKey)
          .window(one.assigner)
          .allowedLateness(lateness)
        const triggered = isPlain ? windows : windows.trigger(countTrigger(3))
        triggered
          .aggregate('windows', ids, idsCodec)
          .sinkPlainTo('out', { topic: 'out', codec: { encode: () => ({ key: null, value: new Uint8Array() }) } })
        const driver = testDriver(builder.build())
        for (const step of steps) {
          if (step.type === 'element') {
            driver.push('in', { type: 'element', timestamp: step.element.at, value: step.element })
          } else if (step.type === 'watermark') driver.push('in', { type: 'watermark', watermark: step.at })
        }
        expect(driver.dump()).toEqual({})
      }),
      { numRuns: runs },
    )
  })

  test('error: a trigger that cannot merge on windows that merge', () => {
    expect(() =>
      run(
        [],
        byAggregate((windows) => windows.trigger(processingTimeoutTrigger(neverTrigger, 5)), session(3)),
      ),
    ).toThrow(TopologyError)
  })

  test('error: a lateness that cannot be', () => {
    for (const lateness of [-1, 0.5, NaN]) {
      expect(() =>
        run(
          [],
          byAggregate((windows) => windows.allowedLateness(lateness)),
        ),
      ).toThrow(TopologyError)
    }
  })

  test('error: an element whose session gap cannot be is a dead letter', () => {
    const builder = new StreamBuilder({ job: 'windows', version: '1' })
    builder
      .source<Element>('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
      .keyBy(({ key }) => key, stringKey)
      .window(session<Element>(({ id }) => id))
      .aggregate('windows', ids, idsCodec)
      .sinkPlainTo('out', { topic: 'out', codec: { encode: () => ({ key: null, value: new Uint8Array() }) } })
    const driver = testDriver(builder.build())
    for (const id of [0, -1, 0.5, 2])
      driver.push('in', { type: 'element', timestamp: 1, value: { key: 'a', id, at: 1 } })
    driver.advanceWatermark(100)
    expect(driver.deadLetters().map(({ code }) => code)).toEqual(Array(3).fill('STREAM_SESSION_GAP'))
    expect(driver.outputs().map(({ output }) => output)).toEqual([[2]])
  })
})

describe('sessions of what global windows emit', () => {
  test('behavior: it stands at the end of time, so its session ends with the input, and a checkpoint can hold it', async () => {
    const builder = new StreamBuilder({ job: 'windows', version: '1' })
    builder
      .source<Element>('in', { topic: 'in', codec: never, watermarks: { type: 'in-log' } })
      .keyBy(({ key }) => key, stringKey)
      .window(global())
      .trigger(purgingTrigger(countTrigger(2)))
      .aggregate('counts', ids, idsCodec, (seen, _window, _key, emit: (seen: readonly number[]) => void) => emit(seen))
      .keyBy(() => 'all', stringKey)
      .window(session(1000))
      .aggregate<number, number, number>(
        'sessions',
        {
          createAccumulator: () => 0,
          add: (seen, sum) => sum + seen.length,
          merge: (a, b) => a + b,
          getResult: (n) => n,
        },
        numberCodec,
        (sum, _window, _key, emit) => emit(sum),
      )
      .sinkPlainTo('out', { topic: 'out', codec: { encode: () => ({ key: null, value: new Uint8Array() }) } })
    const driver = testDriver(builder.build())
    for (let id = 0; id < 4; id += 1) {
      driver.push('in', { type: 'element', timestamp: id, value: { key: 'a', id, at: id } })
    }
    await driver.restore(await driver.checkpoint())
    driver.end()
    expect(driver.outputs().map(({ output }) => output)).toEqual([4])
  })
})
