import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openLevelStore } from './level-store.ts'

const script = join(import.meta.dirname, '../../testing/fill-disk.ts')

// Only Linux lets a process bound its files for a while; elsewhere the law is the same and goes unshown.
describe.skipIf(process.platform !== 'linux')('openLevelStore', () => {
  for (const limit of [32_768, 40_000, 1_000_001]) {
    test(`behavior: opens once there is room, and what is written after a disk was full at ${limit} bytes outlives a kill`, async () => {
      const folder = join(mkdtempSync(join(tmpdir(), 'level-store-')), 'store')
      const args = ['--conditions=@tocsin/source', script, folder, `${limit}`]
      const fates: unknown = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
      expect(fates).toEqual(['open failed', 'first written', 'large failed', 'next written', 'last written'])
      const killed = await openLevelStore(`${folder}-killed`)
      const names: string[] = []
      for await (const { key } of killed.cells('table')) names.push(key)
      expect(names).toEqual(['first', 'last', 'next'])
      expect(Buffer.from((await killed.readMeta()) ?? []).toString()).toBe('last')
      await killed.close()
    })
  }
})
