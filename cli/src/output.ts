import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Io } from './io.ts'

/** The file cannot be written. */
export class OutputError extends Error {
  readonly code = 'CLI_OUTPUT'
  readonly handling = 'stop'
  readonly remedy = 'Make sure that the folder is there, may be written and has space, or choose another with --out.'
  constructor(path: string, options: ErrorOptions) {
    super(
      `${path} cannot be written: ${options.cause instanceof Error ? options.cause.message : String(options.cause)}.`,
      options,
    )
  }
}

/** Lines of text to a file, all of them or no file at all, or to standard output as they come. */
export interface Output {
  write(text: string): Promise<void>
  /** What was written stands under its name now. */
  finish(): Promise<void>
  /** Nothing of it stays. After `finish` it does nothing. */
  abandon(): Promise<void>
}

const chunkLength = 64 * 1024

/** @throws {OutputError} also later, from each method. */
export async function openOutput(path: string | null, stdout: Io['stdout']): Promise<Output> {
  const sink =
    path === null
      ? { write: (text: string) => stdout.write(text), finish: async () => {}, abandon: async () => {} }
      : await fileSink(path)
  let waiting = ''
  const flush = async () => {
    const text = waiting
    waiting = ''
    if (text !== '') await sink.write(text)
  }
  return {
    write: async (text) => {
      waiting += text
      if (waiting.length >= chunkLength) await flush()
    },
    finish: async () => {
      await flush()
      await sink.finish()
    },
    abandon: () => sink.abandon(),
  }
}

/** Written beside its place, flushed to the disk, then renamed: a reader sees the whole file or none. */
async function fileSink(path: string) {
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (cause) {
      throw new OutputError(path, { cause })
    }
  }
  const partial = `${path}.partial`
  const file = await attempt(() => open(partial, 'w'))
  let ended = false
  return {
    write: (text: string) => attempt(async () => void (await file.write(text))),
    finish: () =>
      attempt(async () => {
        await file.sync()
        await file.close()
        await rename(partial, path)
        ended = true
        // The name is durable when its folder is; not every file system lets a folder be opened for that.
        const folder = await open(dirname(path), 'r').catch(() => undefined)
        await folder?.sync().catch(() => undefined)
        await folder?.close()
      }),
    abandon: async () => {
      if (ended) return
      ended = true
      await file.close().catch(() => undefined)
      await rm(partial, { force: true })
    },
  }
}
