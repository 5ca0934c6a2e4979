export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

export type LogFields = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>

/**
 * Says what happens, one line a message: time, level, place, message, fields. An error is one line too: its code, its
 * sentence and its remedy; its stack only at level `debug`.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  /** Goes on by itself, but someone may want to know. */
  warn(what: unknown, fields?: LogFields): void
  /** Something did not happen that should have. */
  error(what: unknown, fields?: LogFields): void
  /** The same log under another place, e.g. `ingestor/ledger`. */
  at(place: string): Logger
}

export interface LoggerOptions {
  /** Which part speaks. */
  readonly place: string
  /** Lower levels are left out. Default `info`. */
  readonly level?: LogLevel
  /** `text` for people (default), `json` for collectors: an object a line. */
  readonly format?: 'text' | 'json'
  /** Takes one line, with its newline. */
  readonly write: (line: string) => void
  /** The time in ms, for the line alone. */
  readonly now: () => number
}

interface Described {
  readonly message: string
  readonly code?: string
  readonly remedy?: string
  readonly stack?: string
}

export function createLogger(options: LoggerOptions): Logger {
  const { place, level = 'info', format = 'text', write, now } = options
  const lowest = logLevels.indexOf(level)
  const say = (at: LogLevel, what: unknown, fields: LogFields = {}): void => {
    if (logLevels.indexOf(at) < lowest) return
    const time = new Date(now()).toISOString()
    const described = typeof what === 'string' ? { message: what } : describeError(what)
    const { stack, ...shown } = described
    const traced = stack !== undefined && level === 'debug'
    const line =
      format === 'json'
        ? JSON.stringify(
            { time, level: at, place, ...shown, ...fields, ...(traced ? { stack } : {}) },
            (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value),
          )
        : `${time} ${at.toUpperCase().padEnd(5)} ${place}: ${errorLine(shown)}${fieldText(fields)}${traced ? `\n${stack}` : ''}`
    write(`${line}\n`)
  }
  return {
    debug: (message, fields) => say('debug', message, fields),
    info: (message, fields) => say('info', message, fields),
    warn: (what, fields) => say('warn', what, fields),
    error: (what, fields) => say('error', what, fields),
    at: (other) => createLogger({ ...options, place: other }),
  }
}

/** A logger that says nothing. */
export const silentLogger: Logger = createLogger({ place: '', level: 'error', write: () => {}, now: () => 0 })

/** What an error says to an operator: its code, sentence and remedy where it has them. Anything may be thrown. */
export function describeError(error: unknown): Described {
  if (!(error instanceof Error)) return { message: oneLine(String(error)) }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const remedy = 'remedy' in error && typeof error.remedy === 'string' ? { remedy: oneLine(error.remedy) } : {}
  const message = oneLine(error.message === '' ? error.name : error.message)
  return { message, ...code, ...remedy, ...(error.stack === undefined ? {} : { stack: error.stack }) }
}

/** An error as one line: `[CODE] sentence Remedy: what to do`. */
export function errorLine(error: unknown): string {
  const { message, code, remedy } = isDescribed(error) ? error : describeError(error)
  return `${code === undefined ? '' : `[${code}] `}${oneLine(message)}${remedy === undefined ? '' : ` Remedy: ${remedy}`}`
}

function isDescribed(value: unknown): value is Described {
  return typeof value === 'object' && value !== null && !(value instanceof Error) && 'message' in value
}

/** Control characters would let a token's symbol forge a line of the log. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what is replaced
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '�')
}

function fieldText(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        ` ${name}=${typeof value === 'string' && !/^[\w.:/-]+$/.test(value) ? JSON.stringify(value) : String(value)}`,
    )
    .join('')
}
