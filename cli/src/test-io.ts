import { tmpdir } from 'node:os'
import type { Io } from './io.ts'

/**
 * An outside for tests: what is written is kept, the wall clock stands still, signals are given by `interrupt`.
 * `isToldToEnd`: one came before anyone listened.
 */
export function testIo(options: Partial<Pick<Io, 'env' | 'folder'>> & { readonly isToldToEnd?: boolean } = {}) {
  const out: string[] = []
  const err: string[] = []
  const listeners = new Set<() => void>()
  const io: Io = {
    env: options.env ?? {},
    folder: options.folder ?? tmpdir(),
    stdout: { write: async (text) => void out.push(text) },
    stderr: { isTTY: false, write: (text) => err.push(text) },
    host: {
      on: (event, listener) => {
        if (event !== 'SIGINT') return
        listeners.add(listener)
        if (options.isToldToEnd === true) listener()
      },
      off: (_, listener) => listeners.delete(listener),
      exit: (code) => {
        throw new Error(`The process was made to exit with ${code}.`)
      },
    },
    now: () => 0,
    clock: () => performance.now(),
    random: () => 0.5,
  }
  return {
    io,
    stdout: () => out.join(''),
    stderr: () => err.join(''),
    interrupt: () => {
      for (const listener of listeners) listener()
    },
  }
}
