import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from './logger.ts'

/** What the process ends with. `usage`: the words or settings were wrong and nothing was begun; `interrupted`: asked to stop before the end. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** What a running process is given: when to stop, and where to say what it has open. */
export interface Lifecycle {
  /** Aborted by SIGINT, SIGTERM or a failure. */
  readonly signal: AbortSignal
  /** `stop` is called when the work is over, the last opened first. One at a time: a log outlives who writes to it. */
  readonly onStop: (name: string, stop: () => Promise<void> | void) => void
}

/** The parts of node's `process` that are used; tests hand in their own. */
export interface ProcessHost {
  on(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
  off(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
  exit(code: number): void
}

export interface RunOptions {
  readonly host: ProcessHost
  readonly log: Logger
  /** How long stopping may take in all before it is given up. Default 10 s. */
  readonly stopTimeoutMs?: number
  /** A signal so soon after the first is the same one, also sent on by a parent as `timeout` does. Default 250 ms. */
  readonly sameSignalMs?: number
}

/**
 * Runs `main` until it is done, fails, or the process is asked to stop, then closes what it opened, and answers the exit
 * code. The first Ctrl-C (or SIGTERM) aborts the signal; a second one ends the process at once. What `main` throws
 * because it was aborted is no failure. A host that has been told to stop before calls the listener at once: `main` is
 * then not begun.
 */
export async function runProcess(main: (lifecycle: Lifecycle) => Promise<void>, options: RunOptions): Promise<number> {
  const { host, log, stopTimeoutMs = 10_000, sameSignalMs = 250 } = options
  const controller = new AbortController()
  const open: { readonly name: string; readonly stop: () => Promise<void> | void }[] = []
  let first: number | undefined
  const onSignal = () => {
    const now = performance.now()
    first ??= now
    if (now - first < sameSignalMs && controller.signal.aborted) return
    if (controller.signal.aborted) {
      log.warn('stopped at once; what was not committed is done again at the next start')
      host.exit(exitCodes.interrupted)
      return
    }
    log.info('stopping; press Ctrl-C again to stop at once')
    controller.abort()
  }
  host.on('SIGINT', onSignal)
  host.on('SIGTERM', onSignal)
  try {
    let code: number = exitCodes.done
    const failed = (error: unknown) => {
      if (controller.signal.aborted && isAbort(error, controller.signal)) return
      log.error(error)
      code = exitCodes.failed
    }
    // A host may know of a signal from before: then nothing is begun.
    if (controller.signal.aborted) return code
    const running = main({ signal: controller.signal, onStop: (name, stop) => open.push({ name, stop }) }).catch(failed)
    await Promise.race([running, aborted(controller.signal)])

    let waitingFor = 'the work in hand'
    const stopped = (async () => {
      await running
      if (!controller.signal.aborted) controller.abort()
      for (const { name, stop } of open.reverse()) {
        waitingFor = name
        try {
          await stop()
        } catch (error) {
          failed(error)
        }
      }
      return true
    })()
    const timer = new AbortController()
    const inTime = await Promise.race([
      stopped,
      sleep(stopTimeoutMs, false, { signal: timer.signal }).catch(() => true),
    ])
    timer.abort()
    if (!inTime) {
      log.error(`${waitingFor} did not stop within ${stopTimeoutMs} ms and was left; the next start recovers from it`)
      code = exitCodes.failed
    }
    return code
  } finally {
    host.off('SIGINT', onSignal)
    host.off('SIGTERM', onSignal)
  }
}

/** Whether the error only says that the signal was aborted. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return (
    error === signal.reason ||
    (error instanceof Error && (error.name === 'AbortError' || error.cause === signal.reason))
  )
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
