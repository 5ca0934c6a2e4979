import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { spawnGuarded } from './guarded-process.ts'
import { root } from './source-files.ts'

const main = join(root, 'cli/dist/main.js')

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  /** All that it has printed so far, both streams in order of arrival. */
  output(): string
  /** Until what it printed matches, or it ended. @throws after `deadlineMs`, or if it ended first, with what it printed. */
  printed(pattern: RegExp, deadlineMs: number): Promise<RegExpExecArray>
  readonly finished: Promise<Finished>
}

/** The built `tocsin` as a user's process, with no environment of the test's but what is given. It ends when this process does. */
export function startTocsin(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Running {
  const { PATH, HOME, TMPDIR } = process.env
  const env = { ...(PATH && { PATH }), ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }), ...options.env }
  const child = spawnGuarded([process.execPath, main, ...args], { cwd: options.cwd ?? process.cwd(), env })
  let stdout = ''
  let stderr = ''
  let both = ''
  const looks = new Set<() => void>()
  const take = (text: string) => {
    both += text
    for (const look of looks) look()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => ((stdout += text), take(text)))
  child.stderr.setEncoding('utf8').on('data', (text: string) => ((stderr += text), take(text)))
  const finished = once(child, 'close').then(([code, signal]): Finished => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout,
    stderr,
  }))
  const printed = (pattern: RegExp, deadlineMs: number) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const end = (error?: Error, match?: RegExpExecArray) => {
        looks.delete(look)
        clearTimeout(timer)
        if (match) resolve(match)
        else reject(error ?? new Error('unreachable'))
      }
      const look = () => {
        const match = pattern.exec(both)
        if (match) end(undefined, match)
      }
      const timer = setTimeout(
        () => end(new Error(`It did not print ${pattern} in ${deadlineMs} ms but:\n${both}`)),
        deadlineMs,
      )
      void finished.then(({ code, signal }) => {
        look()
        end(new Error(`It ended (${code ?? signal}) before it printed ${pattern}:\n${both}`))
      })
      looks.add(look)
      look()
    })
  return { child, output: () => both, printed, finished }
}

/** Runs it to its end. */
export const runTocsin = (args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) =>
  startTocsin(args, options).finished
