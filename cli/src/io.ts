import type { ProcessHost, ProgressStream } from '@tocsin/service-kit'

/** What a command may touch of the outside: the process's own in main.ts, a test's otherwise. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where relative paths of the user start. */
  readonly folder: string
  readonly stdout: { write(text: string): Promise<void> }
  readonly stderr: ProgressStream
  readonly host: ProcessHost
  /** Wall clock in ms, for log lines. */
  readonly now: () => number
  /** Monotonic clock in ms, for commit intervals and rates. */
  readonly clock: () => number
  /** In [0, 1), for jitter. */
  readonly random: () => number
}
