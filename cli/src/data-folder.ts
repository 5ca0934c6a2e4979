import { access, constants, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What is to be kept cannot be kept there. */
export class DataFolderError extends Error {
  readonly code = 'CLI_DATA_FOLDER'
  readonly handling = 'stop'
  readonly remedy = 'Make it a folder that you may write to, or choose another with --data.'
  constructor(path: string, options: ErrorOptions) {
    const { cause } = options
    super(`The data folder ${path} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}.`, options)
  }
}

/** Makes the folder if it is not there, with those above it. @throws {DataFolderError} also if it may not be written. */
export async function openDataFolder(path: string): Promise<void> {
  try {
    await makeFolder(path)
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new DataFolderError(path, { cause })
  }
}

/** One folder at a time: `recursive` tries for ever where a file system takes no new folder, as /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const above = dirname(path)
    if (code === 'ENOENT' && above !== path && (await typeOf(above)) === 'none') {
      await makeFolder(above)
      await mkdir(path)
    } else if (code !== 'EEXIST' || (await typeOf(path)) !== 'folder') throw error
  }
}

async function typeOf(path: string): Promise<'folder' | 'other' | 'none'> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return 'none'
  return found.isDirectory() ? 'folder' : 'other'
}
