import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from './source-files.ts'

const run = promisify(execFile)
const CACHE = join(root, 'node_modules/.cache/tocsin-jars')

/** The folder of the jars that `pom` names, fetched once by Maven: it is renamed into place when it is whole. */
export async function fetchJars(pom: string): Promise<string> {
  const version = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
    .slice(0, 12)
  const folder = join(CACHE, version)
  if (existsSync(folder)) return folder
  await run('mvn', ['-version']).catch(() => {
    throw new Error('no Maven to fetch jars')
  })
  await mkdir(CACHE, { recursive: true })
  const fetched = await mkdtemp(join(CACHE, 'fetching-'))
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${fetched}`]
  await run('mvn', ['-q', '-B', '-f', pom, ...goal], { timeout: 300_000 }).catch(async (error: unknown) => {
    await rm(fetched, { recursive: true })
    const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new Error(`Maven could not fetch what ${pom} names: ${line}`, { cause: error })
  })
  await rename(fetched, folder).catch(async (error: unknown) => {
    await rm(fetched, { recursive: true })
    if (!existsSync(folder)) throw error // else another run was faster
  })
  return folder
}
