import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A file as it was: a recording that changed is another recording. */
export interface FileFacts {
  readonly path: string
  readonly bytes: number
  readonly modified: string
}

/** The facts of each file, and of each file in each folder, in the order of their paths. */
export async function fileFacts(paths: readonly string[]): Promise<readonly FileFacts[]> {
  const facts: FileFacts[] = []
  const add = async (path: string): Promise<void> => {
    const found = await stat(path).catch(() => undefined)
    // What is not there is complained of by whoever reads it.
    if (found === undefined) return
    if (!found.isDirectory()) facts.push({ path, bytes: found.size, modified: found.mtime.toISOString() })
    else for (const name of (await readdir(path)).sort()) await add(join(path, name))
  }
  for (const path of [...paths].sort()) await add(path)
  return facts
}
