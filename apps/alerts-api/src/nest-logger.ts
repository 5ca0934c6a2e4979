import type { LoggerService } from '@nestjs/common'
import type { Logger } from '@tocsin/service-kit'

/** Nest's voice in our log: what it does by the way is for debugging, its warnings and errors are ours. */
export const nestLogger = (logger: Logger): LoggerService => ({
  log: (message: unknown) => logger.debug(String(message)),
  debug: (message: unknown) => logger.debug(String(message)),
  verbose: (message: unknown) => logger.debug(String(message)),
  warn: (message: unknown) => logger.warn(message),
  error: (message: unknown) => logger.error(message),
  fatal: (message: unknown) => logger.error(message),
})
