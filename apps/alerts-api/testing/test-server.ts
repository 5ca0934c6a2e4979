import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { silentLogger } from '@tocsin/service-kit'
import { openEmbeddedPostgres } from '../src/embedded-postgres.ts'

/** A folder under the system's temporary one that the server's user may enter, whoever it is. */
export async function reachableFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `tocsin-${name}-`))
  await chmod(folder, 0o755)
  return folder
}

const logger = silentLogger
const dataOf = (folder: string) => join(folder, 'data')
const addressOf = (folder: string) => join(folder, 'url')

/**
 * The server of a test run, in `folder`: whoever needs it first starts it, and the others, in whatever process, wait for
 * that. So a run without a test of the database starts none.
 */
export async function testServer(folder: string): Promise<string> {
  const mine = await mkdir(join(folder, 'starting')).then(
    () => true,
    () => false,
  )
  if (mine) {
    const { url } = await openEmbeddedPostgres(dataOf(folder), { logger, volatile: true })
    await writeFile(`${addressOf(folder)}.new`, url)
    await rename(`${addressOf(folder)}.new`, addressOf(folder))
  }
  const deadline = Date.now() + 90_000
  while (!existsSync(addressOf(folder))) {
    if (Date.now() > deadline) throw new Error(`The tests' PostgreSQL in ${folder} did not start within 90 s.`)
    await delay(50)
  }
  return readFile(addressOf(folder), 'utf8')
}

/** Stops the server of the run, if one was started, and removes the folder. */
export async function stopTestServer(folder: string): Promise<void> {
  if (existsSync(addressOf(folder)))
    await (await openEmbeddedPostgres(dataOf(folder), { logger, volatile: true })).close()
  await rm(folder, { recursive: true, force: true })
}
