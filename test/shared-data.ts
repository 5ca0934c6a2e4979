import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The folder of recorded chain data that the larger tests read in place. */
const sharedFolder = resolve(process.env['TOCSIN_SHARED'] ?? join(import.meta.dirname, '../../shared'))

/**
 * The path of recorded data, or what to say when it is not there: on a user's machine such tests are skipped and say so;
 * in CI its absence fails them, for a test that did not run proves nothing.
 */
export function sharedData(...path: readonly string[]): { readonly path: string; readonly missing: string | null } {
  const found = join(sharedFolder, ...path)
  if (existsSync(found)) return { path: found, missing: null }
  const missing = `${path.join('/')} is not in the shared data folder (TOCSIN_SHARED names it).`
  if (process.env['CI']) throw new Error(`${missing} In CI it must be there.`)
  return { path: found, missing }
}
