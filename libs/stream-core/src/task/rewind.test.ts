import { describe, expect, test } from 'vitest'
import { keyOf } from '../state/cell-ref.ts'
import { openMemoryStore } from '../state/memory-store.ts'
import { UndoLog, type Journaled } from './rewind.ts'

/** Counts what it is told. */
class Notes implements Journaled {
  count = 0
  readonly survivesRewind = false
  note(): void {
    this.count += 1
  }
  touch(): void {}
  restore(): void {}
  encodePrevious(): null {
    return null
  }
  decodePrevious(): undefined {
    return undefined
  }
}

const epochOf = (undo: UndoLog, table: Journaled, epoch: number) => {
  for (let at = 0; at < 3000; at += 1) undo.record(table, `key ${at}`, null, undefined)
  undo.seal(epoch)
}

describe('UndoLog', () => {
  test('behavior: what a checkpoint has noted is not noted again because it was moved to the store', async () => {
    const [undo, notes, store] = [new UndoLog(true), new Notes(), openMemoryStore()]
    undo.attach((name) => store.readSpill(name))
    epochOf(undo, notes, 1)
    epochOf(undo, notes, 2)
    undo.beginNotes()
    while (undo.noteNext());
    expect(notes.count).toBe(6000)
    await undo.spill(0, store)
    expect(undo.spilledSegments).toBe(2)
    while (undo.noteNext());
    expect(notes.count).toBe(6000)
    undo.endNotes()
    undo.beginNotes() // the next one notes it all, from the store
    while (undo.noteNext());
    expect(notes.count).toBe(12000)
  })

  test('behavior: nor because it was compacted', () => {
    const [undo, notes] = [new UndoLog(true), new Notes()]
    epochOf(undo, notes, 1)
    epochOf(undo, notes, 2) // brings up the compaction of epoch 1
    undo.beginNotes()
    while (undo.noteNext());
    while (undo.compactNext());
    while (undo.noteNext());
    expect(notes.count).toBe(6000)
  })

  test('behavior: without epochs an element that fails is put back, newest change first, and one before it is told once', () => {
    const undo = new UndoLog(false)
    const told: string[] = []
    const table: Journaled = {
      survivesRewind: false,
      encodePrevious: () => null,
      decodePrevious: () => undefined,
      note: (cell, _sub, previous) => told.push(`note ${keyOf(cell)} ${String(previous)}`),
      touch: (cell, sub, previous) => told.push(`touch ${keyOf(cell)} ${sub} ${String(previous)}`),
      restore: (cell, sub, previous) => told.push(`restore ${keyOf(cell)} ${sub} ${String(previous)}`),
      forget: (cell) => told.push(`forget ${keyOf(cell)}`),
    }
    const toldSince = () => told.splice(0)
    undo.record(table, 'a', null, 1)
    undo.record(table, 'b', 'x', 2)
    const position = undo.position
    undo.record(table, 'c', null, 3)
    undo.record(table, 'a', null, 4)
    undo.rollback(position)
    expect(toldSince()).toEqual(['restore a null 4', 'restore c null 3'])
    expect([undo.position, undo.size]).toEqual([2, 2])
    undo.beginNotes()
    expect([undo.noteNext(), undo.noteNext()]).toEqual([false, false])
    expect(toldSince()).toEqual(['note a 1', 'note b 2'])
    undo.settle()
    expect(toldSince()).toEqual(['touch a null 1', 'touch b x 2', 'forget b', 'forget a'])
    undo.record(table, 'd', null, undefined)
    undo.settle()
    undo.settle()
    expect(toldSince()).toEqual(['touch d null undefined', 'forget d'])
    expect([undo.position, undo.size]).toEqual([0, 0])
  })
})
