import type { LogFields, Logger } from './logger.ts'

/** What goes wrong again and again until its cause goes away, told once and not at each attempt. */
export interface Outage {
  /**
   * An attempt failed and will be made again. The first error of each `code` is a warning, later ones are told at level
   * `debug` only. @returns whether it was news.
   */
  readonly failing: (error: unknown, fields?: LogFields) => boolean
  /** An attempt succeeded. Says so once if anything was told before. */
  readonly over: () => void
}

/** An outage that is not there yet. `what` names in the closing line what goes on. */
export function createOutage(logger: Logger, what = 'the work'): Outage {
  const told = new Set<string>()
  let failures = 0
  return {
    failing(error, fields) {
      failures++
      const code = errorCode(error)
      if (told.has(code)) {
        logger.debug(error instanceof Error ? error.message : String(error), fields)
        return false
      }
      told.add(code)
      logger.warn(error, fields)
      return true
    },
    over() {
      if (told.size === 0) return
      logger.info(`it is over; ${what} goes on`, { failures })
      told.clear()
      failures = 0
    },
  }
}

/** The stable code of an error, for metrics; `UNKNOWN` where it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
}
