import { alertStatuses, severities } from '@tocsin/chain-model'
import { nearest } from '@tocsin/service-kit'
import type { AlertCursor, AlertFilter, AlertJson } from '../alert-store.ts'

/** A request that cannot be meant: which field, what it says and what is expected. Answered with 400. */
export class InvalidRequestError extends Error {
  readonly code = 'API_INVALID_REQUEST'
  readonly handling = 'stop'
  readonly remedy = 'Correct the field; /api/docs lists all of them.'
  readonly field: string
  constructor(field: string, reason: string, options?: ErrorOptions) {
    super(`${field} ${reason}`, options)
    this.field = field
  }
}

/** The words of a query string: text, or several where a name is given more than once. */
export type QueryWords = Readonly<Record<string, unknown>>

export const filterNames = ['detector', 'status', 'severity', 'key', 'chainId', 'from', 'to'] as const
export const maxPageSize = 500
const defaultPageSize = 50

/** @throws {InvalidRequestError} on a name that is not known: a mistyped filter would let everything through. */
export function refuseUnknown(query: QueryWords, known: readonly string[]): void {
  for (const name of Object.keys(query)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const hint = near === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${near}?`
    throw new InvalidRequestError(name, `is no parameter of this request; ${hint}`)
  }
}

/** The filter that `query` describes. Several values, repeated or separated by commas, mean any of them. */
export function parseFilter(query: QueryWords): AlertFilter {
  const from = parseTime('from', query['from'])
  const to = parseTime('to', query['to'])
  if (from !== null && to !== null && from >= to)
    throw new InvalidRequestError('to', `is ${to}, not after from, ${from}; expected a later time.`)
  return {
    detectors: parseWords('detector', query['detector']),
    statuses: parseChoices('status', query['status'], alertStatuses),
    severities: parseChoices('severity', query['severity'], severities),
    keys: parseWords('key', query['key']).map((key) => (/^0x[0-9a-fA-F]{40}$/.test(key) ? key.toLowerCase() : key)),
    chainIds: parseWords('chainId', query['chainId']).map((word) => parseInteger('chainId', word, 1)),
    from,
    to,
  }
}

export function parseLimit(value: unknown, defaultLimit = defaultPageSize): number {
  const [word, ...more] = parseWords('limit', value)
  if (word === undefined) return defaultLimit
  const limit = more.length === 0 ? Number(word) : Number.NaN
  if (!Number.isInteger(limit) || limit < 1 || limit > maxPageSize)
    throw new InvalidRequestError('limit', `is ${show(value)}; expected an integer from 1 to ${maxPageSize}.`)
  return limit
}

/** A cursor is opaque to clients: the place of the last item of their page. */
export const formatCursor = ({ eventTime, id }: AlertCursor): string =>
  Buffer.from(`${eventTime}/${id}`).toString('base64url')

export function parseCursor(value: unknown): AlertCursor | null {
  if (value === undefined) return null
  const text = typeof value === 'string' ? Buffer.from(value, 'base64url').toString() : ''
  const [, eventTime, id] = /^(-?\d{1,16})\/([0-9a-f]{64})$/.exec(text) ?? []
  if (eventTime === undefined || id === undefined || !Number.isSafeInteger(Number(eventTime)))
    throw new InvalidRequestError('cursor', `is ${show(value)}; expected the nextCursor of an earlier answer.`)
  return { eventTime: Number(eventTime), id }
}

/** Whether the transition fits: what the list does in SQL, for streams. */
export function matches(filter: AlertFilter, alert: AlertJson): boolean {
  const fits = <T>(allowed: readonly T[], value: T) => allowed.length === 0 || allowed.includes(value)
  return (
    fits(filter.detectors, alert.detector) &&
    fits(filter.statuses, alert.status) &&
    fits(filter.severities, alert.severity) &&
    fits(filter.keys, alert.key) &&
    fits(filter.chainIds, alert.chainId) &&
    (filter.from === null || alert.eventTime >= filter.from) &&
    (filter.to === null || alert.eventTime < filter.to)
  )
}

/** An integer of at least `min` that a double holds exactly. */
export function parseInteger(field: string, value: unknown, min: number): number {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(number) || number < min)
    throw new InvalidRequestError(field, `is ${show(value)}; expected an integer of at least ${min}.`)
  return number
}

export function parseChoices<Choice extends string>(
  field: string,
  value: unknown,
  choices: readonly Choice[],
): readonly Choice[] {
  return parseWords(field, value).map((word) => {
    const choice = choices.find((one) => one === word)
    if (choice === undefined)
      throw new InvalidRequestError(field, `is ${show(word)}; expected one of ${choices.join(', ')}.`)
    return choice
  })
}

const maxWords = 100

export function parseWords(field: string, value: unknown): readonly string[] {
  if (value === undefined) return []
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value]
  const words = parts.flatMap((part) => (typeof part === 'string' ? part.split(',').map((word) => word.trim()) : ['']))
  if (words.some((word) => word === '' || word.includes('\0')))
    throw new InvalidRequestError(field, `is ${show(value)}; expected a value, or several separated by commas.`)
  if (words.length > maxWords)
    throw new InvalidRequestError(field, `has ${words.length} values; expected at most ${maxWords}.`)
  return words
}

/** A date alone is midnight UTC; a time needs its zone, or it would mean what the server's clock means. */
const isoTime = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/

function parseTime(field: string, value: unknown): number | null {
  if (value === undefined) return null
  // A query string turns the plus of a zone into a space.
  const text = typeof value === 'string' ? value.trim().replace(/ (?=\d{2}:\d{2}$)/, '+') : ''
  const time = /^\d{1,16}$/.test(text) ? Number(text) : isoTime.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isSafeInteger(time))
    throw new InvalidRequestError(
      field,
      `is ${show(value)}; expected a time in ms since 1970, or in ISO 8601 with its zone such as 2026-01-31T12:00:00Z.`,
    )
  return time
}

/** What was given, short enough for a sentence. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
