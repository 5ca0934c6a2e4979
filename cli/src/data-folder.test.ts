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

  test.runIf(process.platform === 'linux')('error: a file system that takes no folder', async () => {
    await expect(openDataFolder('/proc/tocsin/data')).rejects.toThrow(DataFolderError)
  })

  test.skipIf(process.getuid?.() === 0)('error: a folder of others, which root alone may write', async () => {
    const path = join(folder, 'closed')
    await mkdir(path)
    await chmod(path, 0o500)
    await expect(openDataFolder(path)).rejects.toThrow(DataFolderError)
  })
})
