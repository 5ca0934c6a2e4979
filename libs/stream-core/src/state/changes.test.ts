import { describe, expect, test } from 'vitest'
import { Changes } from './changes.ts'

interface TestCell {
  mark: number
  value: string | undefined
}
const newChanges = () =>
  new Changes<string, TestCell>({
    markOf: ({ mark }) => mark,
    setMark: (cell, mark) => {
      cell.mark = mark
    },
  })
const newCell = (): TestCell => ({ mark: 0, value: undefined })
const valueOf = ({ value }: TestCell) => value

describe('Changes', () => {
  const set = (changes: Changes<string, TestCell>, cell: TestCell, value: string | undefined) => {
    const previous = cell.value
    cell.value = value
    changes.touch(cell, previous)
  }

  test('default: a cell is due once, with what the last checkpoint holds of it and what it is now', () => {
    const changes = newChanges()
    const cell = newCell()
    set(changes, cell, 'a')
    set(changes, cell, 'b')
    changes.begin()
    expect([...changes.due(valueOf)]).toEqual([{ cell, before: undefined, value: 'b' }])
    expect([...changes.end(true)]).toEqual([])
    set(changes, cell, undefined)
    changes.begin()
    expect([...changes.due(valueOf)]).toEqual([{ cell, before: 'b', value: undefined }])
    expect([...changes.end(true)]).toEqual([cell])
  })

  test('behavior: a cell that was due is due again when it changes, however many checkpoints later', () => {
    for (const checkpoints of [1, 2, 3]) {
      const changes = newChanges()
      const cell = newCell()
      set(changes, cell, 'a')
      for (let number = 0; number < checkpoints; number += 1) {
        changes.begin()
        expect([...changes.due(valueOf)]).toHaveLength(number === 0 ? 1 : 0)
        changes.end(true)
      }
      expect(changes.isDue(cell)).toBe(false)
      set(changes, cell, 'b')
      changes.begin()
      expect([...changes.due(valueOf)]).toEqual([{ cell, before: 'a', value: 'b' }])
    }
  })

  test('behavior: of a cell that came and went nothing is left, and the others stay due', () => {
    const changes = newChanges()
    const [passed, other, last] = [newCell(), newCell(), newCell()]
    for (const cell of [passed, other, last]) set(changes, cell, 'a')
    set(changes, passed, undefined)
    expect(changes.forget(passed)).toBe(true)
    expect(changes.forget(passed)).toBe(false)
    set(changes, last, 'b')
    changes.begin()
    expect([...changes.due(valueOf)].map(({ cell, value }) => [cell === last, value])).toEqual([
      [true, 'b'],
      [false, 'a'],
    ])
  })

  test('behavior: what the last checkpoint holds is not forgotten', () => {
    const changes = newChanges()
    const cell = newCell()
    set(changes, cell, 'a')
    changes.begin()
    expect([...changes.due(valueOf)]).toHaveLength(1)
    changes.end(true)
    set(changes, cell, undefined)
    expect(changes.forget(cell)).toBe(false)
  })

  test('behavior: nor is what a checkpoint in hand has yet to look at, or has seen go', () => {
    for (const isTaken of [false, true]) {
      const changes = newChanges()
      const cell = newCell()
      set(changes, cell, 'a')
      changes.begin()
      expect([...changes.due(valueOf)]).toHaveLength(1)
      changes.end(true)
      set(changes, cell, undefined)
      changes.begin()
      if (isTaken) expect([...changes.due(valueOf)]).toHaveLength(1)
      set(changes, cell, 'b')
      set(changes, cell, undefined)
      expect(changes.forget(cell)).toBe(false)
      if (!isTaken) expect([...changes.due(valueOf)]).toEqual([{ cell, before: 'a', value: undefined }])
      changes.end(false)
      changes.begin()
      expect([...changes.due(valueOf)]).toEqual([{ cell, before: 'a', value: undefined }])
    }
  })
})
