import { describe, expect, test } from 'vitest'
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
})
