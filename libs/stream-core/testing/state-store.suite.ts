import { afterEach, describe, expect, test } from 'vitest'
import type { StateStore, StoredCell } from '../src/state/state-store.ts'

/** The promises of a state store. `open` opens the same store again after it was closed; `reset` empties it. */
export const stateStoreSuite = (
  name: string,
  store: { readonly open: () => Promise<StateStore>; readonly reset: () => Promise<void> },
): void => {
  const cellsOf = async (opened: StateStore) => {
    const cells: StoredCell[] = []
    for await (const { value, ...cell } of opened.cells()) cells.push({ ...cell, value: Buffer.from(value) })
    return cells.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  const bytes = (text: string) => Buffer.from(text)

  describe(`state store: ${name}`, () => {
    afterEach(() => store.reset())

    test('default: what was written is there after opening again', async () => {
      const first = await store.open()
      const cells = [
        { table: 'total/sum', key: 'ann', sub: null, value: bytes('1') },
        { table: 'total/sum', key: '\0\xff\x01', sub: '', value: bytes('2') },
        { table: 'tótal/sum', key: '', sub: 'a\0b', value: bytes('') },
      ]
      await first.write({ meta: bytes('meta'), cells })
      await first.close()
      const second = await store.open()
      expect(Buffer.from((await second.readMeta()) ?? []).toString()).toBe('meta')
      expect(await cellsOf(second)).toEqual([...cells].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)))
      await second.close()
    })

    test('behavior: a later write replaces and deletes cell by cell', async () => {
      const opened = await store.open()
      const at = { table: 't/s', key: 'k' }
      await opened.write({
        meta: bytes('1'),
        cells: [
          { ...at, sub: 'a', value: bytes('old') },
          { ...at, sub: 'b', value: bytes('old') },
          { ...at, sub: null, value: bytes('old') },
        ],
      })
      await opened.write({
        meta: bytes('2'),
        cells: [
          { ...at, sub: 'a', value: null },
          { ...at, sub: 'b', value: bytes('new') },
        ],
      })
      expect(await cellsOf(opened)).toEqual([
        { ...at, sub: 'b', value: bytes('new') },
        { ...at, sub: null, value: bytes('old') },
      ])
      expect(Buffer.from((await opened.readMeta()) ?? []).toString()).toBe('2')
      await opened.close()
    })

    test('default: a new store has no checkpoint', async () => {
      const opened = await store.open()
      expect(await opened.readMeta()).toBeUndefined()
      expect(await cellsOf(opened)).toEqual([])
      await opened.close()
    })
  })
}
