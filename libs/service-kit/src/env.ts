import { readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { SettingsError, type SettingsSources } from './settings.ts'

/** The process's environment. The only place that reads it: everything else is given values. */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  return Object.freeze({ ...process.env })
}

/**
 * The folder that the user stands in. `npm run` moves to the package's folder and leaves the user's in INIT_CWD; a
 * program that something else started from there inherits the variable without having been moved, so it only counts
 * where we stand in that package's folder.
 */
export function userFolder(env: Readonly<Record<string, string | undefined>>, cwd: string): string {
  const { INIT_CWD: initial, npm_package_json: manifest } = env
  return initial !== undefined && manifest !== undefined && dirname(manifest) === cwd ? initial : cwd
}

/** The name of the settings file that is read without being asked for. */
export const settingsFileName = 'tocsin.config.json'

/**
 * The settings file: `path` (from `--config` or TOCSIN_CONFIG) must exist; without it `tocsin.config.json` in `baseDir`
 * is read if it is there.
 * @throws {SettingsError} it cannot be read or is no JSON.
 */
export function readSettingsFile(path: string | undefined, baseDir: string): SettingsSources['file'] {
  const file = resolve(baseDir, path ?? settingsFileName)
  const shown = path ?? basename(file)
  const wrong = (reason: string, cause: unknown) =>
    new SettingsError([{ setting: shown, from: 'the settings file', reason }], { cause })
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (cause) {
    if (path === undefined && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw wrong(`cannot be read (${cause instanceof Error ? cause.message : String(cause)}).`, cause)
  }
  try {
    return { path: shown, dir: dirname(file), values: JSON.parse(content) as unknown }
  } catch (cause) {
    throw wrong(`is no JSON (${cause instanceof Error ? cause.message : String(cause)}).`, cause)
  }
}
