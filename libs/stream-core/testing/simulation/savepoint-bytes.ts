import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What `write` makes of a file, a char a byte. */
export const savepointBytes = async (write: (file: string) => Promise<unknown>): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'stream-core-savepoint-'))
  try {
    const file = join(folder, 'savepoint')
    await write(file)
    return await readFile(file, 'latin1')
  } finally {
    await rm(folder, { recursive: true })
  }
}
