import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { limitedDisk, mountDisk } from './fillable-disk.ts'

/** Appends a page to `path` for each line that it is sent, and says what became of it. */
function startWriter(path: string) {
  const script = `
    const { appendFileSync } = require('node:fs')
    require('node:readline').createInterface({ input: process.stdin }).on('line', () => {
      try { appendFileSync(process.argv[1], Buffer.alloc(4096)); console.log('written') }
      catch (error) { console.log(error.code) }
    })`
  const child = spawn(process.execPath, ['-e', script, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  return {
    pid: child.pid ?? 0,
    write: async () => {
      child.stdin.write('\n')
      const [said] = (await once(lines, 'line')) as [string]
      return said
    },
    end: async () => {
      child.stdin.end()
      await once(child, 'close')
    },
  }
}

const kinds = [
  { name: 'mountDisk', open: mountDisk, refusal: 'ENOSPC' },
  { name: 'limitedDisk', open: limitedDisk, refusal: 'EFBIG' },
] as const

describe.skipIf(process.platform !== 'linux')('a fillable disk', () => {
  for (const { name, open, refusal } of kinds) {
    test(`${name}: while it is full, a process that writes there is refused, and then goes on`, async ({ skip }) => {
      const parent = await mkdtemp(join(tmpdir(), 'tocsin-disk-'))
      const folder = join(parent, 'disk')
      await mkdir(folder)
      const disk = await open({ folder, megabytes: 4, writers: async () => [writer.pid] })
      if (disk === null) return skip('this user may not mount')
      const path = join(folder, 'file')
      const writer = startWriter(path)
      const fates = [await writer.write()]
      await disk.fill()
      fates.push(await writer.write(), await writer.write())
      await disk.free()
      fates.push(await writer.write())
      expect(fates).toEqual(['written', refusal, refusal, 'written'])
      expect(await readFile(path)).toHaveLength(2 * 4096)
      await writer.end()
      await disk.unmount()
      await rm(parent, { recursive: true })
    })
  }
})
