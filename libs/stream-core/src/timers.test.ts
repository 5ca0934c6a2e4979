import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UndoLog } from './task/rewind.ts'
import { Timers, type Timer } from './timers.ts'

// Keys that begin alike, that are the beginning of others, and that have a zero byte where others end.
const key = fc.oneof(
  fc.string({ unit: fc.constantFrom('\0', 'a', 'b', '\xff'), maxLength: 8 }),
  fc.nat(2000).map((number) => `wallet-${number}`),
)
const due = fc.record({ at: fc.nat(2), key, namespace: fc.constantFrom('', '', 'ttl', 'x') })

type Due = Pick<Timer, 'at' | 'key' | 'namespace'>
const inOrder = (a: Due, b: Due): number => {
  for (const name of ['at', 'key', 'namespace'] as const) if (a[name] !== b[name]) return a[name] < b[name] ? -1 : 1
  return 0
}
const takeAll = (timers: Timers) => {
  const taken = []
  for (let timer = timers.take(2); timer !== undefined; timer = timers.take(2)) {
    const { at, key: of, namespace } = timer
    taken.push({ at, key: of, namespace })
  }
  return taken
}

describe('Timers', () => {
  test('property: those that are due come by time, then bytes of the key, then namespace, each once', () => {
    fc.assert(
      fc.property(fc.array(due, { maxLength: 300, size: 'max' }), fc.array(due, { maxLength: 20 }), (set, deleted) => {
        const timers = new Timers(new UndoLog(false))
        for (const one of [...set, ...set]) timers.register(one.key, one.at, one.namespace)
        for (const one of deleted) timers.delete(one.key, one.at, one.namespace)
        const left = set.filter((one) => deleted.every((other) => inOrder(one, other) !== 0))
        const once = left
          .sort(inOrder)
          .filter((one, index, all) => index === 0 || inOrder(one, all[index - 1] ?? one) !== 0)
        expect(takeAll(timers)).toEqual(once)
      }),
      { numRuns: 200 },
    )
  })

  test('behavior: one that is set for the time being taken comes in its place, or next if that has passed', () => {
    const timers = new Timers(new UndoLog(false))
    for (const name of ['b', 'd', 'f']) timers.register(name, 1)
    expect(timers.take(1)?.key).toBe('b')
    expect(timers.take(1)?.key).toBe('d')
    for (const name of ['e', 'd', 'a']) timers.register(name, 1)
    expect(takeAll(timers).map(({ key: of }) => of)).toEqual(['a', 'd', 'e', 'f'])
  })

  test('behavior: one that is set for an earlier time than that being taken comes next', () => {
    const timers = new Timers(new UndoLog(false))
    for (const name of ['b', 'd']) timers.register(name, 2)
    expect(timers.take(2)?.key).toBe('b')
    timers.register('z', 1)
    expect(takeAll(timers)).toEqual([
      { at: 1, key: 'z', namespace: '' },
      { at: 2, key: 'd', namespace: '' },
    ])
  })

  test('behavior: of the time being taken, those behind the watermark stay', () => {
    const timers = new Timers(new UndoLog(false))
    for (const name of ['b', 'd']) timers.register(name, 2)
    expect(timers.take(2)?.key).toBe('b')
    expect(timers.take(1)).toBe(undefined)
    expect(timers.take(2)?.key).toBe('d')
  })
})
