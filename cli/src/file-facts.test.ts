import { mkdirSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fileFacts } from './file-facts.ts'

describe('fileFacts', () => {
  test('default: each file of each folder, in the order of paths; what is not there is left out', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-facts-'))
    mkdirSync(join(folder, 'blocks'))
    for (const name of ['blocks/b', 'blocks/a', 'c']) {
      writeFileSync(join(folder, name), name)
      utimesSync(join(folder, name), 1, 1)
    }
    const modified = '1970-01-01T00:00:01.000Z'
    expect(await fileFacts([join(folder, 'c'), join(folder, 'blocks'), join(folder, 'none')])).toEqual([
      { path: join(folder, 'blocks/a'), bytes: 8, modified },
      { path: join(folder, 'blocks/b'), bytes: 8, modified },
      { path: join(folder, 'c'), bytes: 1, modified },
    ])
  })
})
