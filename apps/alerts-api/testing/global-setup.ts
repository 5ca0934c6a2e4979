import type { TestProject } from 'vitest/node'
import { reachableFolder, stopTestServer } from './test-server.ts'

let folder: string | undefined

/** vitest's globalSetup: one PostgreSQL for the run, started by the first test that needs it and stopped at the end. */
export async function setup(project: TestProject): Promise<void> {
  folder = await reachableFolder('test-postgres')
  project.provide('tocsinPostgresFolder', folder)
}

export async function teardown(): Promise<void> {
  if (folder !== undefined) await stopTestServer(folder)
}
