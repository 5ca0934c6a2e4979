import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  listState,
  mapState,
  numberCodec,
  StateDescriptorError,
  stringCodec,
  valueState,
  type KeyedBroadcastProcessFunction,
} from '../index.ts'
import { restartSuite } from '../../testing/restart.suite.ts'
import {
  afterHistory,
  emitted,
  forkedHistory,
  sidedDriver,
  sidedHistory,
  type Sided,
  type SidedRecord,
} from '../../testing/sided-history.ts'

const rules = mapState('rules', stringCodec, numberCodec)
const seen = valueState('seen', numberCodec)
const numbers = listState('numbers', numberCodec)
const ruleOf = ({ n }: Sided) => `r${n % 3}`

/** Left elements answer by the rules there are; right ones are rules: of `n` divisible by 5 they end one and tell all. */
const byRules: KeyedBroadcastProcessFunction<string, Sided, Sided, unknown> = {
  processElement(element, ctx) {
    const state = ctx.state(seen)
    ctx.emit([element.n, ctx.key, [...ctx.broadcastState(rules)], state.value ?? null])
    if (element.n % 4 === 0) {
      state.clear()
      ctx.state(numbers).clear()
    } else {
      state.value = element.n
      ctx.state(numbers).add(element.n)
    }
  },
  processBroadcastElement(element, ctx) {
    const state = ctx.broadcastState(rules)
    if (element.n % 5 !== 0) {
      state.set(ruleOf(element), element.n)
      return
    }
    state.delete(ruleOf(element))
    ctx.applyToKeyedState(seen, (key, kept, emit) => {
      emit([element.n, key, kept.value ?? null, 'told'])
      kept.clear()
    })
    ctx.applyToKeyedState(numbers, (key, kept, emit) => emit([element.n, key, kept.get()]))
  },
}
const driverOf = (f: KeyedBroadcastProcessFunction<string, Sided, Sided, unknown>) =>
  sidedDriver((left, right) => left.connect(right.broadcast(rules)).process<unknown>('rules', f))

const byDefinition = (records: readonly SidedRecord[]) => {
  const answers: unknown[] = []
  const inForce = new Map<string, number>()
  const seenBy = new Map<string, number>()
  const numbersOf = new Map<string, number[]>()
  const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1))
  for (const record of records) {
    if (record.type !== 'element') continue
    const { side, key, n } = record.value
    if (side === 'left') {
      answers.push([n, key, sorted(inForce), seenBy.get(key) ?? null])
      if (n % 4 === 0) {
        seenBy.delete(key)
        numbersOf.delete(key)
      } else {
        seenBy.set(key, n)
        numbersOf.set(key, [...(numbersOf.get(key) ?? []), n])
      }
    } else if (n % 5 !== 0) inForce.set(ruleOf(record.value), n)
    else {
      inForce.delete(ruleOf(record.value))
      for (const [each, value] of sorted(seenBy)) {
        answers.push([n, each, value, 'told'])
        seenBy.delete(each)
      }
      for (const [each, values] of sorted(numbersOf)) answers.push([n, each, values])
    }
  }
  return answers
}

describe('broadcast', () => {
  test('property: elements see all rules before them, and a rule sees all keys in order', () => {
    fc.assert(
      fc.property(sidedHistory, (records) => {
        const driver = driverOf(byRules)
        driver.push('in', ...records)
        expect(driver.deadLetters()).toEqual([])
        expect(emitted(driver)).toEqual(byDefinition(records))
      }),
    )
  })

  test('property: reverted epochs leave nothing behind', () => {
    fc.assert(
      fc.property(forkedHistory, ({ canonical, stormy }) => {
        const create = () => driverOf(byRules)
        expect(afterHistory(create, stormy)).toEqual(afterHistory(create, canonical))
      }),
    )
  })

  restartSuite(fc.constant(byRules), driverOf)

  test('behavior: a rule is applied to the keys that have the state it names, not to those that have another', () => {
    const driver = driverOf({
      processElement: ({ key, n }, ctx) => {
        if (key === 'a') ctx.state(seen).value = n
        else ctx.state(numbers).add(n)
      },
      processBroadcastElement: (_, ctx) =>
        ctx.applyToKeyedState(seen, (key, state, emit) => emit([key, state.value ?? 0])),
    })
    const element = (side: Sided['side'], key: string, n: number): SidedRecord => ({
      type: 'element',
      timestamp: n,
      value: { side, key, n },
    })
    driver.push('in', element('left', 'b', 1), element('left', 'a', 2), element('right', 'a', 3))
    expect(emitted(driver)).toEqual([['a', 2]])
  })

  test('behavior: a rule sees many keys in the order of their bytes, however they came', () => {
    const driver = driverOf({
      processElement: ({ n }, ctx) => {
        ctx.state(seen).value = n
      },
      processBroadcastElement: (_, ctx) => ctx.applyToKeyedState(seen, (key, __, emit) => emit(key)),
    })
    const keys = Array.from({ length: 200 }, (_, n) => `w${(n * 7919) % 200}`)
    const element = (side: Sided['side'], key: string, n: number): SidedRecord => ({
      type: 'element',
      timestamp: n,
      value: { side, key, n },
    })
    driver.push('in', ...keys.map((key, n) => element('left', key, n)), element('right', 'a', 200))
    expect(emitted(driver)).toEqual(keys.toSorted())
  })

  test('behavior: the element side cannot write, whatever its types say', () => {
    const driver = driverOf({
      processElement: (_, ctx) => ctx.emit(['set' in ctx.broadcastState(rules), 'clear' in ctx.broadcastState(rules)]),
      processBroadcastElement: (element, ctx) => ctx.broadcastState(rules).set('r', element.n),
    })
    const element = (side: Sided['side'], n: number): SidedRecord => ({
      type: 'element',
      timestamp: n,
      value: { side, key: 'a', n },
    })
    driver.push('in', element('right', 1), element('left', 2))
    expect(emitted(driver)).toEqual([[false, false]])
  })

  test('error: a state that was not given to broadcast, or has a TTL', () => {
    const other = mapState('other', stringCodec, numberCodec)
    const driver = driverOf({
      processElement: (_, ctx) => ctx.emit(ctx.broadcastState(other).size),
      processBroadcastElement: () => undefined,
    })
    const left: SidedRecord = { type: 'element', timestamp: 0, value: { side: 'left', key: 'a', n: 1 } }
    expect(() => driver.push('in', left)).toThrow(StateDescriptorError)
    const fleeting = mapState('fleeting', stringCodec, numberCodec, { ttl: 1 })
    expect(() =>
      sidedDriver((one, two) => one.connect(two.broadcast(fleeting)).process<unknown>('rules', byRules)),
    ).toThrow(StateDescriptorError)
  })
})
