import { describe, expect, test } from 'vitest'
import { Rows, type Row } from './rows.ts'

describe('Rows', () => {
  const found = (rows: Rows, row: Row): Row | undefined => {
    rows.find('another') // was asked for last
    rows.recall(row)
    return rows.find(row.key)
  }

  test('default: a row that someone has held is the one that is found', () => {
    const rows = new Rows()
    const row = rows.add('key')
    rows.add('other')
    expect(found(rows, row)).toBe(row)
  })

  test('behavior: a row that was dropped is not recalled, though its key has another by now', () => {
    const rows = new Rows()
    rows.addColumn()
    const dropped = rows.add('key')
    rows.dropEmpty(dropped)
    expect(found(rows, dropped)).toBeUndefined()
    const added = rows.add('key')
    expect(found(rows, dropped)).toBe(added)
  })

  test('behavior: a row that was evicted is not recalled, and one that is recalled in time stays', () => {
    const rows = new Rows()
    const column = rows.addColumn()
    const evicted = rows.add('evicted')
    const used = rows.add('used')
    rows.startGeneration(column)
    expect(found(rows, used)).toBe(used)
    rows.dropUnused(column)
    expect(found(rows, evicted)).toBeUndefined()
    expect(found(rows, used)).toBe(used)
    const readAgain = rows.add('evicted')
    expect(found(rows, evicted)).toBe(readAgain)
  })
})
