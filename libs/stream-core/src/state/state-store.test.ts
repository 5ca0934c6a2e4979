import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stateStoreSuite } from '../../testing/state-store.suite.ts'
import { openLevelStore, StoreOpenError } from './level-store.ts'
import { newMemoryStoreContents, openMemoryStore } from './memory-store.ts'

let contents = newMemoryStoreContents()
stateStoreSuite('memory', {
  open: async () => openMemoryStore(contents),
  reset: async () => {
    contents = newMemoryStoreContents()
  },
})

const folder = () => mkdtempSync(join(tmpdir(), 'level-store-'))
let at = folder()
const reset = async () => {
  rmSync(at, { recursive: true, force: true })
  at = folder()
}
stateStoreSuite('level', { open: () => openLevelStore(at), reset })
stateStoreSuite('level, each cell a part', { open: () => openLevelStore(at, { partBytes: 1 }), reset })

test('error: a folder that cannot be a store is named', async () => {
  const file = join(folder(), 'file')
  writeFileSync(file, 'no folder')
  await expect(openLevelStore(file)).rejects.toThrow(StoreOpenError)
})
