import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'

/** The shell becomes the program, beside a guard that ends it when the shell's standard input does: also when we are killed. */
export const guarded = 'exec 3<&0; (cat <&3 >/dev/null 2>&1; kill $$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'

/** As `spawn`; the process is told to end (SIGTERM) when this one is no more, however that ended. Its standard input is empty. */
export function spawnGuarded(
  words: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): ChildProcessWithoutNullStreams {
  const child = spawn('sh', ['-c', guarded, 'sh', ...words], { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  // The guard sees the end of its pipe and ends too.
  child.once('exit', () => child.stdin.destroy())
  return child
}
