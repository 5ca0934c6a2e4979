import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Schedule } from './schedule.ts'
import type { CheckpointedTable } from './state/checkpointed-table.ts'
import { UndoLog } from './task/rewind.ts'
import { TimestampError } from './time.ts'
import { Timers } from './timers.ts'

/** Another table of the same kind, on what `table` writes as its checkpoint. */
const restoredFrom = <T extends CheckpointedTable>(table: CheckpointedTable, restored: T): T => {
  const nameOf = (key: string, sub: string | null) => JSON.stringify([key, sub])
  table.beginCheckpoint()
  const cells = [...table.changedCells()].filter((cell) => cell !== null)
  const stored = new Map(cells.map(({ key, sub, value }) => [nameOf(key, sub), value ?? undefined]))
  restored.attach({ size: table.sizeInCheckpoint, read: (key, sub) => stored.get(nameOf(key, sub)) })
  for (const { key, sub, value } of cells) if (key === '' && value !== null) restored.load({ key, sub, value })
  return restored
}
const nothingStored = { size: 0, read: () => undefined }
const manyKeys = Array.from({ length: 5000 }, (_, index) => `${(index * 7919) % 5000}`)

const times = fc.integer({ min: 0, max: 5 })
const keys = fc.constantFrom('a', 'b', 'c', 'd', 'ab')

describe('Schedule', () => {
  test('property: each key of a time comes once, by time and then by key, however they were added', () => {
    const additions = fc.array(fc.record({ time: times, key: keys }))
    fc.assert(
      fc.property(additions, (added) => {
        const schedule = new Schedule('#due', new UndoLog(true))
        for (const { time, key } of added) schedule.add(time, key)
        const expected = [0, 1, 2, 3, 4, 5].flatMap((time) => {
          const due = new Set(added.filter((one) => one.time === time).map(({ key }) => key))
          return [...due].sort().map((key) => ({ time, key }))
        })
        const taken = []
        for (let due = schedule.take(5); due !== undefined; due = schedule.take(5)) {
          taken.push(due)
        }
        expect(taken).toEqual(expected)
      }),
    )
  })

  test('behavior: a rewind brings back what was taken since', () => {
    const undo = new UndoLog(true)
    const schedule = new Schedule('#due', undo)
    schedule.add(1, 'b')
    schedule.add(1, 'a')
    undo.seal(7)
    expect(schedule.take(1)).toMatchObject({ time: 1, key: 'a' })
    undo.rewind(1)
    while (undo.rewindNext());
    expect(schedule.take(0)).toBeUndefined()
    expect(schedule.take(1)).toMatchObject({ time: 1, key: 'a' })
    expect(schedule.take(1)).toMatchObject({ time: 1, key: 'b' })
    expect(schedule.take(1)).toBeUndefined()
  })

  test('behavior: a checkpoint holds what was due at its point, though it is taken for good before it is written', () => {
    const undo = new UndoLog(true)
    const schedule = new Schedule('#due', undo)
    schedule.attach(nothingStored)
    schedule.add(1, 'a')
    undo.seal(7)
    schedule.take(1)
    undo.seal(8)
    schedule.beginCheckpoint() // at the end of epoch 7
    undo.finalize(2)
    while (undo.finalizeNext());
    const cells = [...schedule.changedCells()].filter((cell) => cell !== null)

    const nameOf = (key: string, sub: string | null) => JSON.stringify([key, sub])
    const stored = new Map(cells.map(({ key, sub, value }) => [nameOf(key, sub), value ?? undefined]))
    const restored = new Schedule('#due', new UndoLog(true))
    restored.attach({ size: 0, read: (key, sub) => stored.get(nameOf(key, sub)) })
    for (const { key, sub, value } of cells) if (key === '' && value !== null) restored.load({ key, sub, value })
    expect(restored.take(1)).toMatchObject({ time: 1, key: 'a' })
  })

  test('behavior: a time that is taken twice in an epoch leaves the store once that is final', () => {
    const undo = new UndoLog(true)
    const schedule = new Schedule('#due', undo)
    const stored = new Set<string>()
    schedule.attach({ size: 0, read: () => undefined })
    const checkpoint = () => {
      schedule.beginCheckpoint()
      for (const cell of schedule.changedCells()) {
        if (cell === null) continue
        if (cell.value === null) stored.delete(`${cell.key} ${cell.sub}`)
        else stored.add(`${cell.key} ${cell.sub}`)
      }
      for (const _ of schedule.endCheckpoint(true));
    }
    schedule.add(1, 'a')
    checkpoint()
    expect(stored.size).toBeGreaterThan(0)
    schedule.take(1)
    schedule.add(1, 'b')
    schedule.take(1)
    undo.seal(7)
    undo.seal(8)
    while (undo.compactNext());
    undo.finalize(1)
    while (undo.finalizeNext());
    checkpoint()
    expect(stored.size).toBe(0)
  })

  test('behavior: many keys of a time are read from the store in slices, and one more meanwhile is in its place', () => {
    const undo = new UndoLog(false)
    const schedule = new Schedule('#due', undo)
    schedule.attach(nothingStored)
    for (const key of manyKeys) schedule.add(1, key)
    const restored = restoredFrom(schedule, new Schedule('#due', undo))
    let slices = 0
    while (restored.sortNext(1)) {
      slices += 1
      if (slices === 2) restored.add(1, 'zz')
    }
    expect(slices).toBeGreaterThan(10)
    const taken = []
    for (let due = restored.take(1); due !== undefined; due = restored.take(1)) taken.push(due.key)
    expect(taken).toEqual([...manyKeys.toSorted(), 'zz'])
  })
})

describe('Timers', () => {
  test('error: a timer that a checkpoint could not hold is refused, and one behind the end of time is none', () => {
    const timers = new Timers(new UndoLog(true))
    for (const at of [1.5, NaN, -Infinity, -(2 ** 53)]) expect(() => timers.register('a', at)).toThrow(TimestampError)
    for (const at of [2 ** 53 + 100, Infinity]) timers.register('a', at)
    expect(timers.size).toBe(0)
  })

  test('behavior: many timers of a slot are read from the store in slices; what changes meanwhile finds them all', () => {
    const undo = new UndoLog(false)
    const timers = new Timers(undo)
    timers.attach(nothingStored)
    for (const key of manyKeys) timers.register(key, 1)
    undo.settle()
    for (const changesAt of [0, 1, 2, 7]) {
      const restored = restoredFrom(timers, new Timers(undo))
      const change = () => {
        expect(restored.count).toBe(5000)
        restored.register('17', 1) // is there
        restored.delete('4999', 1) // the last that is read
        restored.register('zz', 1)
        expect(restored.count).toBe(5000)
      }
      let slices = 0
      if (changesAt === 0) change()
      while (restored.sortNext(1)) {
        slices += 1
        if (slices === changesAt) change()
      }
      expect(slices).toBeGreaterThan(10)
      const taken = []
      for (let timer = restored.take(1); timer !== undefined; timer = restored.take(1)) taken.push(timer.key)
      expect(taken).toEqual([...manyKeys.filter((key) => key !== '4999').toSorted(), 'zz'])
      expect(restored.count).toBe(0)
      for (const _ of timers.endCheckpoint(false));
    }
  })

  test('property: the first live timer is taken, by time, key and namespace, whatever is set and deleted meanwhile', () => {
    const step = fc.record({
      what: fc.constantFrom('register', 'delete', 'take'),
      key: keys,
      at: times,
      namespace: fc.constantFrom('', 'x', 'y'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const timers = new Timers(new UndoLog(true))
        const model = new Map<string, { key: string; at: number; namespace: string }>()
        for (const { what, key, at, namespace } of steps) {
          const name = `${at} ${key.padEnd(2)} ${namespace}`
          if (what === 'register') {
            timers.register(key, at, namespace)
            model.set(name, { key, at, namespace })
          } else if (what === 'delete') {
            timers.delete(key, at, namespace)
            model.delete(name)
          } else {
            const first = [...model.keys()].sort()[0]
            const due = first === undefined ? undefined : model.get(first)
            const expected = due !== undefined && due.at <= at ? due : undefined
            const taken = timers.take(at)
            expect(taken && { key: taken.key, at: taken.at, namespace: taken.namespace }).toEqual(expected)
            if (expected !== undefined && first !== undefined) model.delete(first)
          }
          expect(timers.count).toBe(model.size)
        }
      }),
    )
  })
})
