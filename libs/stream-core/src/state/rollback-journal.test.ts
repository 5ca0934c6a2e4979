import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { describe, expect, test } from 'vitest'
import { flush, RollbackJournal, type Level } from './rollback-journal.ts'

const emptyFolder = () => mkdtempSync(join(tmpdir(), 'rollback-journal-'))
const openLevel = async (folder: string): Promise<Level> => {
  const level: Level = new ClassicLevel(folder, { keyEncoding: 'view', valueEncoding: 'view' })
  await level.open()
  return level
}
/** All entries of LevelDB but the generation, which only ever grows. */
const all = async (level: Level): Promise<readonly string[]> => {
  const entries: string[] = []
  for await (const [key, value] of level.iterator()) {
    const name = Buffer.from(key).toString('latin1')
    if (!name.startsWith('journal-generation')) entries.push(`${name}=${Buffer.from(value).toString('latin1')}`)
  }
  return entries
}

/** Of several pages; every third one is there before. */
const names = Array.from({ length: 2000 }, (_, n) => `cell ${10_000 + n}`)
const before = names.filter((_, n) => n % 3 === 0).map((name) => `${name}=old`)
/** Every second one is set, the others go. */
const after = names.filter((_, n) => n % 2 === 0).map((name) => `${name}=new`)
const change = (level: Level, from: number, to: number) => {
  const keys = names.slice(from, to)
  const batch = level.batch()
  for (const [n, name] of keys.entries()) {
    if ((from + n) % 2 === 0) batch.put(Buffer.from(name), Buffer.from('new'))
    else batch.del(Buffer.from(name))
  }
  return [batch, keys] as const
}
const filled = async (folder: string): Promise<Level> => {
  const level = await openLevel(folder)
  await level.batch(
    names
      .filter((_, n) => n % 3 === 0)
      .map((name) => ({ type: 'put', key: Buffer.from(name), value: Buffer.from('old') })),
  )
  return level
}
/** Two parts, of which the second changes some of the first again. */
const begun = async (folder: string) => {
  const level = await filled(folder)
  const { journal } = await RollbackJournal.open(level)
  const generation = await journal.begin()
  await journal.write(generation, ...change(level, 0, 1200))
  await journal.write(generation, ...change(level, 800, 1900))
  return { level, journal, generation }
}

describe('RollbackJournal', () => {
  test('default: with the last batch all is there, and nothing of the journal is left', async () => {
    const folder = emptyFolder()
    const { level, journal, generation } = await begun(folder)
    await flush(level)
    await journal.commit(generation, change(level, 1900, 2000)[0])
    expect(await all(level)).toEqual(after)
    await level.close()
    const next = await openLevel(folder)
    await RollbackJournal.open(next)
    expect(await all(next)).toEqual(after)
    await next.close()
  })

  test('behavior: what a process leaves that was killed before the last batch is put back by the next', async () => {
    const folder = emptyFolder()
    const { level } = await begun(folder)
    expect(await all(level)).not.toEqual(before)
    await level.close()
    for (let times = 0; times < 2; times += 1) {
      const next = await openLevel(folder)
      const { rolledBackPages } = await RollbackJournal.open(next)
      expect(rolledBackPages > 0).toBe(times === 0)
      expect(await all(next)).toEqual(before)
      await next.close()
    }
  })

  test('behavior: what was put back in part is put back whole by the next', async () => {
    const folder = emptyFolder()
    const { level } = await begun(folder)
    await level.batch([
      { type: 'put', key: Buffer.from('cell 10000'), value: Buffer.from('old') },
      { type: 'del', key: Buffer.from('cell 10002') },
    ])
    await level.close()
    const next = await openLevel(folder)
    await RollbackJournal.open(next)
    expect(await all(next)).toEqual(before)
    await next.close()
  })

  test('behavior: pages that outlived their checkpoint, committed or put back, put nothing back', async () => {
    const folder = emptyFolder()
    const { level, journal, generation } = await begun(folder)
    const pages: { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }[] = []
    for await (const [key, value] of level.iterator()) {
      if (Buffer.from(key).toString('latin1').startsWith('journal\0')) pages.push({ type: 'put', key, value })
    }
    expect(pages.length).toBeGreaterThan(3)
    await flush(level)
    await journal.commit(generation, change(level, 1900, 2000)[0])
    await level.batch(pages)
    await level.close()
    const next = await openLevel(folder)
    const { journal: nextJournal, rolledBackPages } = await RollbackJournal.open(next)
    expect(rolledBackPages).toBe(0)
    expect(await all(next)).toEqual(after)
    // The same of one that is put back: its pages are void for the one that follows it.
    await nextJournal.write(await nextJournal.begin(), ...change(next, 0, 3))
    expect(await nextJournal.begin()).toBe(generation + 2)
    await next.close()
  })

  test('behavior: what is committed is read while parts are written, and one who reads on sees no other', async () => {
    const { level, journal, generation } = await begun(emptyFolder())
    const read = async () =>
      Buffer.from((await level.get(Buffer.from('cell 10000'), journal.ofCommitted)) ?? []).toString()
    expect(await read()).toBe('old')
    const held = journal.hold()
    await flush(level)
    await journal.commit(generation, change(level, 1900, 2000)[0])
    expect(await read()).toBe('new')
    const entries: string[] = []
    for await (const [key, value] of level.iterator({ ...held.of, lt: Buffer.from('d') })) {
      entries.push(`${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`)
    }
    expect(entries).toEqual(before)
    held.release()
    await level.close()
  })

  test('behavior: a checkpoint that begins puts back the one before it, which can write no more', async () => {
    const { level, journal, generation } = await begun(emptyFolder())
    const next = await journal.begin()
    expect(await all(level)).toEqual(before)
    await expect(journal.write(generation, ...change(level, 0, 10))).rejects.toThrow('one checkpoint')
    await expect(journal.commit(generation, change(level, 0, 10)[0])).rejects.toThrow('one checkpoint')
    await journal.write(next, ...change(level, 0, 1900))
    await journal.commit(next, change(level, 1900, 2000)[0])
    expect(await all(level)).toEqual(after)
    await level.close()
  })
})
