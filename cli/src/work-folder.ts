import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The work folder belongs to another run. */
export class WorkFolderError extends Error {
  readonly code = 'CLI_WORK_FOLDER'
  readonly handling = 'stop'
  readonly remedy =
    'Run the earlier command again to finish it, remove the folder, or give this run its own with --work.'
}

/** Where a replay keeps its log and state until it is done. */
export interface WorkFolder {
  readonly path: string
  /** A run of the same arguments was here and was cut short. */
  readonly resumed: boolean
  remove(): Promise<void>
}

const argumentsFile = 'arguments.json'

/**
 * Opens `path` for a run with these arguments (JSON). A folder that a run of the same arguments left is gone on with; one
 * of other arguments, or one that no replay made, is refused. Without a path: a temporary folder, which nobody resumes.
 * @throws {WorkFolderError}
 */
export async function openWorkFolder(path: string | null, given: unknown): Promise<WorkFolder> {
  const wanted = JSON.stringify(given, null, 2)
  if (path === null) {
    const temporary = await mkdtemp(join(tmpdir(), 'tocsin-replay-'))
    return folder(temporary, false)
  }
  if ((await stat(path).catch(() => undefined)) !== undefined) {
    const found = await readFile(join(path, argumentsFile), 'utf8').catch(() => undefined)
    if (found === undefined) throw new WorkFolderError(`${path} is there and was not made by a replay.`)
    if (found !== wanted)
      throw new WorkFolderError(`${path} holds a replay with other arguments: ${difference(found, given)}.`)
    return folder(path, true)
  }
  // Made under another name first: a folder that is there has its arguments.
  const fresh = `${path}.new`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { recursive: true })
  await writeFile(join(fresh, argumentsFile), wanted)
  await rename(fresh, path)
  return folder(path, false)
}

const folder = (path: string, resumed: boolean): WorkFolder => ({
  path,
  resumed,
  remove: () => rm(path, { recursive: true, force: true }),
})

/** The names of the arguments that differ. */
function difference(found: string, given: unknown): string {
  try {
    const before = JSON.parse(found) as Readonly<Record<string, unknown>>
    const now = JSON.parse(JSON.stringify(given)) as Readonly<Record<string, unknown>>
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])]
    return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name])).join(', ')
  } catch {
    return 'they cannot be read'
  }
}
