import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventLogSuite } from '../testing/event-log.suite.ts'
import { openEmbeddedLog } from './embedded-log.ts'

eventLogSuite('embedded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-log-'))
  let log = await openEmbeddedLog(folder)
  return {
    log,
    address: { type: 'embedded', folder },
    reopen: async () => {
      await log.close()
      return (log = await openEmbeddedLog(folder))
    },
    dispose: async () => {
      await log.close()
      await rm(folder, { recursive: true })
    },
  }
})
