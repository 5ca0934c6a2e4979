import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openLevelStore } from './level-store.ts'

const script = join(import.meta.dirname, '../../testing/fill-disk.ts')

// Only Linux lets a process bound its files for a while; elsewhere the law is the same and goes unshown.
describe.skipIf(process.platform !== 'linux')('openLevelStore', () => {
  const limits = [32_768, 40_000, 1_000_001]
  for (const [limit, partBytes] of limits.flatMap((each) => [[each, 8 << 20] as const, [each, 1] as const])) {
    const inParts = partBytes === 1 ? 'part by part ' : ''
    test(`behavior: opens once there is room, and what is written ${inParts}after a disk was full at ${limit} bytes outlives a kill`, async () => {
      const fates = ['open failed', 'first written', 'large failed']
      const failed = killedAfter(fates, limit, partBytes)
      expect(await leftIn(failed)).toEqual({ meta: 'first', cells: ['first: 10 f'] })
      const later = ['next written', 'first: 10', 'next: 100000', 'large written', 'last written']
      const killed = killedAfter([...fates, ...later], limit, partBytes)
      const large = Array.from({ length: 40 }, (_, n) => `large ${n + 10}: 10000 l`)
      const cells = [`first: ${3 << 20} l`, ...large, 'last: 10 l', 'next: 100000 n']
      expect(await leftIn(killed)).toEqual({ meta: 'last', cells })
    })
  }
})

const killedAfter = (fates: readonly string[], limit: number, partBytes: number): string => {
  const folder = join(mkdtempSync(join(tmpdir(), 'level-store-')), 'store')
  const args = ['--conditions=@tocsin/source', script, folder, `${limit}`, `${partBytes}`, fates.at(-1) ?? '']
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect({ signal, fates: JSON.parse(stdout || '[]') as unknown, stderr }).toEqual({
    signal: 'SIGKILL',
    fates,
    stderr: '',
  })
  return folder
}

describe('openLevelStore, in parts', () => {
  test('behavior: when a checkpoint is committed no part of it lies in a log that nobody synced', async () => {
    const folder = join(mkdtempSync(join(tmpdir(), 'level-store-')), 'store')
    const partBytes = 100_000
    const store = await openLevelStore(folder, { partBytes })
    const write = store.begin()
    for (let n = 0; n < 30; n += 1) write.put('table', `${n}`, null, Buffer.alloc(partBytes))
    await write.commit(Buffer.from('meta'))
    const logs = readdirSync(folder).filter((name) => name.endsWith('.log'))
    expect(logs.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)).toBeLessThan(partBytes)
    await store.close()
  })
})

const leftIn = async (folder: string) => {
  const store = await openLevelStore(folder)
  const cells: string[] = []
  for await (const { key, value } of store.cells('table')) {
    cells.push(`${key}: ${value.length} ${String.fromCharCode(value[0] ?? 0)}`)
  }
  const meta = Buffer.from((await store.readMeta()) ?? []).toString()
  await store.close()
  return { meta, cells }
}
