import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DataFolderError, openDataFolder } from './data-folder.ts'

describe('openDataFolder', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tocsin-data-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('default: makes it and those above it; one that is there is taken', async () => {
    const path = join(folder, 'a', 'b')
    await openDataFolder(path)
    await openDataFolder(path)
    expect((await stat(path)).isDirectory()).toBe(true)
  })

  test('error: a file, and a folder below one', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    await expect(openDataFolder(file)).rejects.toThrow(DataFolderError)
    await expect(openDataFolder(join(file, 'below'))).rejects.toThrow(DataFolderError)
  })

  test('error: a folder that may not be written', async () => {
    const closed = join(folder, 'closed')
    await mkdir(closed)
    await chmod(closed, 0o500)
    // Root may write anywhere but there.
    const path = process.getuid?.() === 0 ? '/proc/tocsin/data' : closed
    await expect(openDataFolder(path)).rejects.toThrow(DataFolderError)
  })
})
