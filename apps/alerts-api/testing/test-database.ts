import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import { createDatabase } from '../src/database.ts'
import { testServer } from './test-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the run's PostgreSQL; `global-setup.ts` provides it. */
    readonly tocsinPostgresFolder: string | undefined
  }
}

/** An empty database of the test's own, in the run's server: its address. */
export async function emptyDatabase(): Promise<string> {
  const folder = inject('tocsinPostgresFolder')
  if (folder === undefined)
    throw new Error('vitest.config.ts must name apps/alerts-api/testing/global-setup.ts as a globalSetup.')
  return createDatabase(await testServer(folder), `test_${randomUUID().replaceAll('-', '')}`)
}
