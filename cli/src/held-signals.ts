import type { ProcessHost } from '@tocsin/service-kit'

/**
 * `process`, with the signals that come while a command is still being loaded kept for the first who listens. With nobody
 * listening the kernel would end the process as one that was killed, where a supervisor had only changed its mind.
 */
export function holdSignals(process: ProcessHost): ProcessHost {
  let isHeld = false
  const hold = () => {
    isHeld = true
  }
  process.on('SIGINT', hold)
  process.on('SIGTERM', hold)
  return {
    on: (event, listener) => {
      process.on(event, listener)
      process.off(event, hold)
      if (isHeld) listener()
      isHeld = false
    },
    off: (event, listener) => process.off(event, listener),
    exit: (code) => process.exit(code),
  }
}
