import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { utf8ByteString } from '../src/state/key-encoding.ts'
import type { StateStore, StoredCell } from '../src/state/state-store.ts'

/** The promises of a state store. `open` opens the same store again after it was closed; `reset` empties it. */
export const stateStoreSuite = (
  name: string,
  store: { readonly open: () => Promise<StateStore>; readonly reset: () => Promise<void> },
): void => {
  const cellsOf = async (opened: StateStore, ...of: [table?: string, key?: string]) => {
    const cells: StoredCell[] = []
    for await (const { value, ...cell } of opened.cells(...of)) cells.push({ ...cell, value: Buffer.from(value) })
    return cells
  }
  const bytes = (text: string) => Buffer.from(text)
  const textOf = (value: Uint8Array | undefined) => value && Buffer.from(value).toString()
  const write = async (
    opened: StateStore,
    meta: string,
    cells: readonly (Omit<StoredCell, 'value'> & { readonly value: string | null })[],
  ) => {
    const checkpoint = opened.begin()
    for (const { table, key, sub, value } of cells)
      checkpoint.put(table, key, sub, value === null ? null : bytes(value))
    await checkpoint.commit(bytes(meta))
  }
  const at = { table: 't/s', key: 'k' }

  describe(`state store: ${name}`, () => {
    afterEach(() => store.reset())

    test('default: a new store has no checkpoint', async () => {
      const opened = await store.open()
      expect(await opened.readMeta()).toBeUndefined()
      expect(await cellsOf(opened)).toEqual([])
      expect(opened.read('t/s', 'k', null)).toBeUndefined()
      await opened.close()
    })

    test('default: what was written is there after opening again, cell by cell too', async () => {
      const first = await store.open()
      const cells = [
        { table: 'total/sum', key: '\0\xff\x01', sub: '', value: '2' },
        { table: 'total/sum', key: 'ann', sub: null, value: '1' },
        { table: 'tótal/sum', key: '', sub: 'a\0b', value: '' },
      ]
      await write(first, 'meta', cells.toReversed())
      await first.close()
      const second = await store.open()
      expect(textOf(await second.readMeta())).toBe('meta')
      expect(await cellsOf(second)).toEqual(cells.map((cell) => ({ ...cell, value: bytes(cell.value) })))
      for (const { table, key, sub, value } of cells) expect(textOf(second.read(table, key, sub))).toBe(value)
      expect(second.read('total/sum', 'ann', '')).toBeUndefined()
      expect(second.read('total/su', 'ann', null)).toBeUndefined()
      await second.close()
    })

    test('behavior: a later checkpoint replaces and deletes cell by cell', async () => {
      const opened = await store.open()
      await write(opened, '1', [
        { ...at, sub: 'a', value: 'old' },
        { ...at, sub: 'b', value: 'old' },
        { ...at, sub: null, value: 'old' },
      ])
      await write(opened, '2', [
        { ...at, sub: 'a', value: null },
        { ...at, sub: 'b', value: 'new' },
      ])
      expect(await cellsOf(opened)).toEqual([
        { ...at, sub: null, value: bytes('old') },
        { ...at, sub: 'b', value: bytes('new') },
      ])
      expect(textOf(await opened.readMeta())).toBe('2')
      expect(opened.read('t/s', 'k', 'a')).toBeUndefined()
      await opened.close()
    })

    test('behavior: nothing of a checkpoint shows before it is committed, nor when it never is', async () => {
      const opened = await store.open()
      const old = [
        { ...at, sub: null, value: bytes('old') },
        { ...at, sub: 'a', value: bytes('old') },
      ]
      const expectOld = async (of: StateStore) => {
        expect(textOf(of.read('t/s', 'k', null))).toBe('old')
        expect(textOf(of.read('t/s', 'k', 'a'))).toBe('old')
        expect(of.read('t/s', 'l', null)).toBeUndefined()
        expect(await cellsOf(of)).toEqual(old)
        expect(textOf(await of.readMeta())).toBe('1')
      }
      await write(opened, '1', [
        { ...at, sub: null, value: 'old' },
        { ...at, sub: 'a', value: 'old' },
      ])
      const begun = opened.begin()
      begun.put('t/s', 'k', null, bytes('new'))
      begun.put('t/s', 'k', 'a', null)
      begun.put('t/s', 'l', null, bytes('new'))
      begun.put('u/s', 'l', null, bytes('new'))
      await begun.drain()
      await expectOld(opened)
      begun.put('u/s', 'm', null, bytes('new'))
      begun.abandon()
      await expectOld(opened)
      await opened.close()
      const again = await store.open()
      await expectOld(again)
      const abandoned = again.begin()
      for (const key of 'klmn') abandoned.put('t/s', key, null, bytes('newer'))
      await abandoned.drain()
      abandoned.abandon()
      await write(again, '2', [{ ...at, sub: 'b', value: 'next' }])
      expect(await cellsOf(again)).toEqual([...old, { ...at, sub: 'b', value: bytes('next') }])
      expect(textOf(await again.readMeta())).toBe('2')
      await again.close()
    })

    test('behavior: who reads cells reads one checkpoint, also if others are begun, given up and committed meanwhile', async () => {
      const opened = await store.open()
      const keys = ['a', 'b', 'c', 'd']
      const first = opened.begin()
      for (const key of keys) first.put('t/s', key, null, Buffer.alloc(1 << 20, 'old')) // none reads so far ahead
      await first.commit(bytes('1'))
      const begin = (value: string) => {
        const checkpoint = opened.begin()
        for (const key of [...keys, 'e']) checkpoint.put('t/s', key, null, bytes(value))
        return checkpoint
      }
      const given = begin('given up')
      await given.drain()
      const reading = opened.cells()[Symbol.asyncIterator]()
      const read: string[] = []
      const readOn = async () => {
        const { done, value } = await reading.next()
        if (done !== true) read.push(`${value.key} ${textOf(value.value.subarray(0, 3))}`)
        return done !== true
      }
      await readOn()
      given.abandon()
      const next = begin('new')
      await next.drain()
      await readOn()
      await next.commit(bytes('2'))
      while (await readOn());
      expect(read).toEqual(['a old', 'b old', 'c old', 'd old'])
      expect((await cellsOf(opened)).map(({ key, value }) => `${key} ${textOf(value)}`)).toEqual(
        [...keys, 'e'].map((key) => `${key} new`),
      )
      await opened.close()
    })

    test('property: cells come in the order of table, key and sub, all, of a table, or of a key', async () => {
      const text = fc.string({ unit: fc.constantFrom('a', 'b', '\0', '\x01', '\xff'), maxLength: 3 })
      const cell = fc.record({
        table: fc.constantFrom('t/s', 't/sa', 'u/ó', 't/'),
        key: text,
        sub: fc.option(text),
        value: fc.constant('1'),
      })
      const compare = (a: string, b: string) => (a === b ? 0 : a < b ? -1 : 1)
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(cell, { selector: (one) => JSON.stringify(one) }), async (cells) => {
          const opened = await store.open()
          await write(opened, '', cells)
          const sorted = cells
            .map((one) => ({ ...one, value: bytes(one.value) }))
            .sort(
              (a, b) =>
                compare(utf8ByteString(a.table), utf8ByteString(b.table)) ||
                compare(a.key, b.key) ||
                Number(a.sub !== null) - Number(b.sub !== null) ||
                compare(a.sub ?? '', b.sub ?? ''),
            )
          expect(await cellsOf(opened)).toEqual(sorted)
          for (const { table, key } of sorted) {
            expect(await cellsOf(opened, table)).toEqual(sorted.filter((one) => one.table === table))
            const ofKey = sorted.filter((one) => one.table === table && one.key === key)
            expect(await cellsOf(opened, table, key)).toEqual(ofKey)
          }
          await opened.close()
          await store.reset()
        }),
        { numRuns: 20 },
      )
    })

    test('behavior: spilled pages are read at once, replaced, deleted, and gone when it is opened again', async () => {
      const opened = await store.open()
      await write(opened, '1', [{ ...at, sub: null, value: 'cell' }])
      await opened.writeSpill(new Map([['a', bytes('1')]]))
      await opened.writeSpill(
        new Map([
          ['a', bytes('2')],
          ['b', bytes('3')],
        ]),
      )
      await opened.writeSpill(new Map([['b', null]]))
      expect(textOf(opened.readSpill('a'))).toBe('2')
      expect(opened.readSpill('b')).toBeUndefined()
      expect(await cellsOf(opened)).toEqual([{ ...at, sub: null, value: bytes('cell') }])
      await opened.close()
      const again = await store.open()
      expect(again.readSpill('a')).toBeUndefined()
      expect(textOf(again.read('t/s', 'k', null))).toBe('cell')
      await again.close()
    })
  })
}
