import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  aggregatingState,
  listState,
  mapState,
  numberCodec,
  reducingState,
  StateDescriptorError,
  StateTtlMismatchError,
  stringCodec,
  timestampCodec,
  valueState,
  type AggregateFunction,
  type BoundedStateOptions,
  type KeyedContext,
  type ListStateDescriptor,
  type ValueStateDescriptor,
  type KeyedCoProcessFunction,
  type StateOptions,
} from '../index.ts'
import {
  afterHistory,
  forkedHistory,
  sidedDriver,
  sidedHistory,
  type Sided,
  type SidedRecord,
} from '../../testing/sided-history.ts'
import type { TestDriver } from '../../testing/test-driver.ts'

const mean: AggregateFunction<number, readonly [number, number], number> = {
  createAccumulator: () => [0, 0],
  add: (value, [sum, count]) => [sum + value, count + 1],
  merge: ([a, m], [b, n]) => [a + b, m + n],
  getResult: ([sum, count]) => sum / count,
}
const pairCodec = {
  version: 1,
  encode: (pair: readonly [number, number]) => Buffer.from(JSON.stringify(pair)),
  decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as readonly [number, number], // as written
}

const states = (options: BoundedStateOptions, others: StateOptions = options) => ({
  value: valueState('value', numberCodec, others),
  list: listState('list', numberCodec, options),
  map: mapState('map', stringCodec, numberCodec, options),
  reducing: reducingState<number>('reducing', (a, b) => a + b, numberCodec, others),
  aggregating: aggregatingState('aggregating', mean, pairCodec, others),
})
const subOf = ({ n }: Sided) => `s${n % 3}`
const isClear = ({ n }: Sided) => n % 11 === 0

/** Left elements write their number to a state of each kind, some clear them; right elements read all. */
const recorder = (options: BoundedStateOptions): KeyedCoProcessFunction<string, Sided, Sided, unknown> => {
  const { value, list, map, reducing, aggregating } = states(options)
  return {
    processElement1(element, ctx) {
      if (isClear(element)) {
        for (const state of [ctx.state(value), ctx.state(list), ctx.state(map)]) state.clear()
        ctx.state(reducing).clear()
        ctx.state(aggregating).clear()
        return
      }
      ctx.state(value).value = element.n
      ctx.state(list).add(element.n)
      ctx.state(map).set(subOf(element), element.n)
      ctx.state(reducing).add(element.n)
      ctx.state(aggregating).add(element.n)
    },
    processElement2(element, ctx) {
      ctx.emit([
        element.n,
        ctx.state(value).value ?? null,
        ctx.state(list).size,
        ctx.state(list).get(),
        ctx.state(map).size,
        ctx.state(map).get(subOf(element)) ?? null,
        [...ctx.state(map)],
        ctx.state(reducing).get() ?? null,
        ctx.state(aggregating).get() ?? null,
      ])
    },
  }
}

interface Written<T> {
  readonly value: T
  readonly time: number
}
/** What the reads give by the definition: everything is kept, and looked at with its time. */
const byDefinition = (records: readonly SidedRecord[], { ttl = Infinity, update, maxEntries }: BoundedStateOptions) => {
  const renews = update === 'read-and-write'
  let watermark = -Infinity
  const reads: unknown[] = []
  const cells = new Map<string, Written<number>>()
  const lists = new Map<string, Written<number>[]>()
  const maps = new Map<string, Map<string, Written<number>>>()
  const sums = new Map<string, Written<number>>()
  const pairs = new Map<string, Written<readonly [number, number]>>()
  for (const record of records) {
    if (record.type === 'watermark') watermark = record.watermark
    if (record.type !== 'element') continue
    const { side, key, n } = record.value
    const now = Math.max(record.timestamp, watermark)
    const live = <T>(written: Written<T> | undefined) =>
      written === undefined || written.time + ttl <= now ? undefined : written
    const renewed = <T>(written: Written<T>): Written<T> => ({ ...written, time: Math.max(written.time, now) })
    const list = lists.get(key) ?? []
    const map = maps.get(key) ?? new Map<string, Written<number>>()
    lists.set(key, list)
    maps.set(key, map)
    const sub = subOf(record.value)
    if (side === 'left' && isClear(record.value)) {
      for (const all of [cells, lists, maps, sums, pairs]) all.delete(key)
    } else if (side === 'left') {
      const write = <T>(to: Map<string, Written<T>>, at: string, value: T) =>
        to.set(at, { value, time: Math.max(to.get(at)?.time ?? now, now) })
      write(cells, key, n)
      list.push({ value: n, time: now })
      if (list.length > (maxEntries ?? Infinity)) list.shift()
      if (!map.has(sub) && map.size >= (maxEntries ?? Infinity)) {
        const [oldest] = [...map].toSorted(([a, x], [b, y]) => x.time - y.time || (a < b ? -1 : 1))
        if (oldest !== undefined) map.delete(oldest[0])
      }
      write(map, sub, n)
      write(sums, key, (live(sums.get(key))?.value ?? 0) + n)
      const [sum, count] = live(pairs.get(key))?.value ?? [0, 0]
      write(pairs, key, [sum + n, count + 1])
    } else {
      const entries = [...map]
        .filter(([, written]) => live(written) !== undefined)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
      const pair = live(pairs.get(key))?.value
      const elements = list.filter((written) => live(written) !== undefined)
      reads.push([
        n,
        live(cells.get(key))?.value ?? null,
        elements.length,
        elements.map(({ value }) => value),
        entries.length,
        live(map.get(sub))?.value ?? null,
        entries.map(([at, { value }]) => [at, value]),
        live(sums.get(key))?.value ?? null,
        pair === undefined ? null : pair[0] / pair[1],
      ])
      if (!renews) continue
      for (const to of [cells, sums]) {
        const written = live(to.get(key))
        if (written !== undefined) to.set(key, renewed(written))
      }
      const written = live(pairs.get(key))
      if (written !== undefined) pairs.set(key, renewed(written))
      list.forEach((one, index) => live(one) && (list[index] = renewed(one)))
      for (const [at, one] of entries) map.set(at, renewed(one))
    }
  }
  return reads
}

const anyOptions: fc.Arbitrary<BoundedStateOptions> = fc.record(
  {
    // Below 128 ms a slot is 1 ms.
    ttl: fc.constantFrom(10, 90, 150, 400),
    update: fc.constantFrom('create-and-write' as const, 'read-and-write' as const),
    maxEntries: fc.constantFrom(1, 2, 5),
  },
  { requiredKeys: [] },
)
// Ten times as far apart as they come, so that lives have more than one slot.
const slower = (records: readonly SidedRecord[]): readonly SidedRecord[] =>
  records.map((record) => {
    if (record.type === 'element') return { ...record, timestamp: record.timestamp * 10 }
    if (record.type === 'sealed') return { ...record, watermark: record.watermark * 10 }
    return record.type === 'watermark' ? { ...record, watermark: record.watermark * 10 } : record
  })
const recorded = (options: BoundedStateOptions) =>
  sidedDriver((left, right) => left.connect(right).process<unknown>('state', recorder(options)))
const outputsOf = (driver: TestDriver) => driver.outputs().map(({ output }) => output)

/** What a checkpoint holds of states proper: how timers lie in it depends on when they were written. */
const storedStates = async (driver: TestDriver) => {
  const { store } = await driver.checkpoint()
  const cells = [...store.cells.values()].filter(({ table }) => table.startsWith('state/') && !table.includes('#'))
  return cells.toSorted((a, b) => (a.table + a.key < b.table + b.key ? -1 : 1))
}

/** Runs `body` for each element, with what it gives as the output. */
const each = (body: (element: Sided, ctx: KeyedContext<string, unknown>) => unknown) => {
  const processElement1 = (element: Sided, ctx: KeyedContext<string, unknown>) => ctx.emit(body(element, ctx))
  return sidedDriver((left, right) =>
    left.connect(right).process<unknown>('state', { processElement1, processElement2: processElement1 }),
  )
}
let last = 0
const element = (timestamp: number, key = 'a'): SidedRecord => ({
  type: 'element',
  timestamp,
  value: { side: 'left', key, n: (last += 1) },
})
const watermark = (at: number): SidedRecord => ({ type: 'watermark', watermark: at })

describe('KeyedState', () => {
  test('property: each kind reads what the definition of its TTL and bound says', () => {
    fc.assert(
      fc.property(sidedHistory.map(slower), anyOptions, (records, options) => {
        const driver = recorded(options)
        driver.push('in', ...records)
        expect(driver.deadLetters()).toEqual([])
        expect(outputsOf(driver)).toEqual(byDefinition(records, options))
      }),
      { numRuns: 300 },
    )
  })

  test('property: what has expired is dropped, at most a 64th of its life later', () => {
    const ttlOf = ({ ttl = 0 }: BoundedStateOptions) => ttl
    fc.assert(
      fc.property(
        sidedHistory.map(slower),
        anyOptions.filter((one) => ttlOf(one) > 0),
        (records, options) => {
          const driver = recorded(options)
          driver.push('in', ...records.slice(0, -1))
          const now = driver.watermark ?? -Infinity
          const slot = Math.max(1, Math.floor(ttlOf(options) / 64))
          const isKept = ({ time }: { readonly time: number }) => time + ttlOf(options) + slot > now
          const kept = driver.state('state') as Record<string, Record<string, unknown>> // of the shapes below
          for (const name of ['value', 'reducing', 'aggregating']) {
            for (const value of Object.values(kept[name] ?? {})) expect(value).toSatisfy(isKept)
          }
          // A list or a map may hold what came out of order a while longer: until its first value goes.
          driver.push('in', ...records.slice(-1))
          expect(driver.dump()).toEqual({})
        },
      ),
    )
  })

  test('property: reverted epochs leave nothing behind, in either visibility', () => {
    const visibility = fc.constantFrom('never-return-expired' as const, 'return-expired-if-not-cleaned-up' as const)
    fc.assert(
      fc.property(forkedHistory, anyOptions, visibility, ({ canonical, stormy }, options, visible) => {
        const create = () => recorded({ ...options, visibility: visible })
        expect(afterHistory(create, slower(stormy))).toEqual(afterHistory(create, slower(canonical)))
      }),
    )
  })

  test('property: a process that restarts anywhere in a history reads, keeps and drops the same', async () => {
    const visibility = fc.constantFrom('never-return-expired' as const, 'return-expired-if-not-cleaned-up' as const)
    await fc.assert(
      fc.asyncProperty(forkedHistory, anyOptions, visibility, fc.nat(100), async ({ stormy }, options, visible, at) => {
        const records = slower(stormy)
        const create = () => recorded({ ...options, visibility: visible })
        const driver = create()
        driver.push('in', ...records.slice(0, at))
        await driver.restore(await driver.checkpoint())
        driver.push('in', ...records.slice(at))
        const plain = create()
        plain.push('in', ...records)
        expect(outputsOf(driver)).toEqual(outputsOf(plain))
        expect(await storedStates(driver)).toEqual(await storedStates(plain))
      }),
    )
  })

  test('default: state lives on past its time only where it is read or written, to the millisecond', () => {
    const value = valueState('value', numberCodec, { ttl: 100 })
    const driver = each(({ n }, ctx) => {
      const before = ctx.state(value).value
      if (before === undefined) ctx.state(value).value = n
      return [n, before]
    })
    const first = element(0)
    driver.push('in', first, element(99), element(100), element(199), element(200))
    const [n] = [last - 4]
    expect(outputsOf(driver)).toEqual([
      [n, undefined],
      [n + 1, n],
      [n + 2, undefined],
      [n + 3, n + 2],
      [n + 4, undefined],
    ])
  })

  test('behavior: a late element sees nothing that has expired, and one out of order shortens no life', () => {
    const value = valueState('value', numberCodec, { ttl: 100 })
    const driver = each(({ n }, ctx) => {
      const state = ctx.state(value)
      const before = state.value
      state.value = n
      return before !== undefined
    })
    driver.push('in', element(0), watermark(100), element(50), element(300), element(220), element(399))
    expect(outputsOf(driver)).toEqual([false, false, false, true, true])
  })

  test('behavior: a read that may return what has expired returns it once', () => {
    const options = { ttl: 100, visibility: 'return-expired-if-not-cleaned-up' } as const
    const list = listState('list', numberCodec, options)
    const driver = each(({ n }, ctx) => {
      if (ctx.timestamp === 0) ctx.state(list).add(n)
      return [ctx.state(list).get().length, ctx.state(list).get().length]
    })
    driver.push('in', element(0), element(120))
    expect(outputsOf(driver)).toEqual([
      [1, 1],
      [1, 0],
    ])
  })

  test('behavior: a bounded map displaces the entry written first, of several at once the first in order of keys', () => {
    const map = mapState('map', stringCodec, numberCodec, { maxEntries: 3 })
    const driver = each(({ key, n }, ctx) => {
      ctx.state(map).set('c', n)
      ctx.state(map).set('b', n)
      ctx.state(map).set('d', n)
      ctx.state(map).set('a', n)
      return [key, [...ctx.state(map).keys()]]
    })
    driver.push('in', element(0))
    expect(outputsOf(driver)).toEqual([['a', ['a', 'c', 'd']]])
  })

  test('behavior: a bounded list keeps its newest elements', () => {
    const list = listState('list', numberCodec, { maxEntries: 2 })
    const driver = each((_, ctx) => {
      for (const n of [1, 2, 3]) ctx.state(list).add(n)
      const added = ctx.state(list).get()
      ctx.state(list).replace([4, 5, 6])
      return [added, ctx.state(list).get()]
    })
    driver.push('in', element(0))
    expect(outputsOf(driver)).toEqual([
      [
        [2, 3],
        [5, 6],
      ],
    ])
  })

  test('behavior: after a restart state expires although nobody has asked for it yet', async () => {
    const driver = recorded({ ttl: 100 })
    driver.push('in', element(0), { type: 'sealed', epoch: 1, watermark: 1 }, { type: 'finalized', epoch: 1 })
    const before = await driver.checkpoint()
    expect([...before.store.cells.values()].map(({ table }) => table)).toContain('state/map')
    await driver.restore(before)
    driver.push('in', { type: 'sealed', epoch: 2, watermark: 100 }, { type: 'finalized', epoch: 2 })
    const after = await driver.checkpoint()
    expect(after.store.cells).not.toEqual(before.store.cells)
    expect(await storedStates(driver)).toEqual([])
  })

  test('behavior: a TTL that never ends does not overflow', () => {
    const value = valueState('value', numberCodec, { ttl: Number.MAX_SAFE_INTEGER })
    const driver = each(({ n }, ctx) => (ctx.state(value).value ??= n))
    driver.push('in', element(10), element(50), watermark(1_000_000), element(2_000_000))
    expect(new Set(outputsOf(driver))).toEqual(new Set([last - 2]))
  })

  test('behavior: clearing and filling again does not pile timers up', () => {
    const value = valueState('value', numberCodec, { ttl: 6400 })
    const driver = each(({ n }, ctx) => {
      ctx.state(value).clear()
      ctx.state(value).value = n
    })
    for (let at = 0; at < 1000; at += 1) driver.push('in', element(at))
    expect(driver.timers('state')).toEqual({}) // its own are not shown
    expect(driver.dump()['state/#timers']?.['a']).toHaveLength(11)
  })

  test('error: a name used for two kinds or lives, an empty one, a TTL or bound that cannot be', () => {
    const refused = (...descriptors: readonly (ValueStateDescriptor<number> | ListStateDescriptor<number>)[]) => {
      const driver = each((_, ctx) =>
        descriptors.forEach((one) => (one.kind === 'value' ? ctx.state(one) : ctx.state(one))),
      )
      expect(() => driver.push('in', element(0))).toThrow(StateDescriptorError)
    }
    refused(valueState('x', numberCodec), listState('x', numberCodec))
    refused(valueState('x', numberCodec), valueState('x', numberCodec, { ttl: 1 }))
    refused(valueState('', numberCodec))
    refused(valueState('#x', numberCodec))
    refused(valueState('x', numberCodec, { ttl: 0 }))
    refused(valueState('x', numberCodec, { ttl: 1.5 }))
    refused(listState('x', numberCodec, { maxEntries: 0 }))
  })

  test('error: a restore into state that has a TTL no more, or has one now', async () => {
    for (const [before, after] of [
      [{ ttl: 100 }, {}],
      [{}, { ttl: 100 }],
    ]) {
      let options: StateOptions = before ?? {}
      const driver = each(({ n }, ctx) => {
        ctx.state(valueState('value', timestampCodec, options)).value = n
      })
      driver.push('in', element(0))
      driver.push('in', { type: 'sealed', epoch: 1, watermark: 1 }, { type: 'finalized', epoch: 1 })
      const checkpoint = await driver.checkpoint()
      options = after ?? {}
      await driver.restore(checkpoint)
      expect(() => driver.push('in', element(2))).toThrow(StateTtlMismatchError)
    }
  })
})
