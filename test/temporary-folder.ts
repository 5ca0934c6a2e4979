import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

/**
 * For vitest's `globalSetup`, before all others: all that a run's tests and processes write lies in one folder, which
 * goes with the run, also what processes left that were killed on purpose. After a failure it stays; the report names it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-tests-'))
  await chmod(folder, 0o755) // PostgreSQL may run as another user, and its data lies in it
  process.env['TMPDIR'] = folder
  return async () => {
    if (project.vitest.state.getCountOfFailedTests() === 0) await rm(folder, { recursive: true, force: true })
  }
}
