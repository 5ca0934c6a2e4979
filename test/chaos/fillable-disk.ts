import { execFile } from 'node:child_process'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A disk that takes nothing more when a test wants it so. */
export interface FillableDisk {
  /** `tmpfs`: a disk of its own, which is filled; `limit`: a limit on the size of files, set on those who write there. */
  readonly kind: 'tmpfs' | 'limit'
  /** Until not a page more fits. */
  fill(): Promise<void>
  free(): Promise<void>
  /** Copies what is there beside it, for those who look into a failure. */
  keep(): Promise<void>
  unmount(): Promise<void>
}

export interface FillableDiskOptions {
  /** Made, and mounted over. */
  readonly folder: string
  readonly megabytes: number
  /** The processes that write there now. */
  readonly writers: () => Promise<readonly number[]>
}

const chunkBytes = 1 << 20

/** A disk of its own where this user may mount one; elsewhere limits, which need no rights. */
export const openFillableDisk = async (options: FillableDiskOptions): Promise<FillableDisk> =>
  (await mountDisk(options)) ?? limitedDisk(options)

/** A disk in memory (tmpfs). Null where it may not be mounted: that takes Linux, and root. */
export async function mountDisk({ folder, megabytes }: FillableDiskOptions): Promise<FillableDisk | null> {
  await mkdir(folder, { recursive: true })
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tocsin-test', folder])
  } catch {
    return null
  }
  const ballast = join(folder, '.ballast')
  return {
    kind: 'tmpfs',
    fill: async () => {
      const file = await open(ballast, 'a')
      try {
        for (const zeros = Buffer.alloc(chunkBytes); ;) await file.appendFile(zeros)
      } catch (error) {
        if (codeOf(error) !== 'ENOSPC') throw error
      } finally {
        await file.close()
      }
    },
    free: () => rm(ballast, { force: true }),
    keep: async () => void (await run('cp', ['-a', '--sparse=always', folder, `${folder}.kept`])),
    // Also from under those who still have a file of it open.
    unmount: async () => void (await run('umount', ['-l', folder])),
  }
}

/** No file of those who write there can grow. */
export function limitedDisk({ writers }: FillableDiskOptions): FillableDisk {
  let limited: readonly number[] = []
  const limit = (pid: number, bytes: string) =>
    run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') throw error // there is no such command; of a process that has ended it says 1
    })
  return {
    kind: 'limit',
    fill: async () => {
      limited = await writers()
      await Promise.all(limited.map((pid) => limit(pid, '1')))
    },
    free: async () => void (await Promise.all(limited.map((pid) => limit(pid, 'unlimited')))),
    keep: async () => {},
    unmount: async () => {},
  }
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined)
