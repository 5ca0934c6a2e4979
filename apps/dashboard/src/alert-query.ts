import { alertStatuses, severities, type Alert, type AlertStatus, type Severity } from '@tocsin/chain-model'

/** Time ranges that a reader picks by name, in ms before now. */
export const ranges = { '15m': 900_000, '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000 } as const
export type RangeName = keyof typeof ranges

/** Which alerts the reader wants to see: what the filter bar holds and the address bar spells. */
export interface AlertQuery {
  readonly detector: string | null
  readonly status: AlertStatus | null
  readonly severity: Severity | null
  readonly key: string | null
  /** A range relative to now, or fixed bounds of event time in ms, `from` inclusive and `to` exclusive. */
  readonly time:
    | { readonly type: 'any' }
    | { readonly type: 'last'; readonly range: RangeName }
    | { readonly type: 'between'; readonly from: number | null; readonly to: number | null }
}

export const everyAlert: AlertQuery = { detector: null, status: null, severity: null, key: null, time: { type: 'any' } }

/** The query that `params` spell. What cannot be read is left out: a link with a typing error still opens. */
export function parseAlertQuery(params: URLSearchParams): AlertQuery {
  const range = Object.keys(ranges).find((name): name is RangeName => name === params.get('range'))
  const from = timestampOf(params.get('from'))
  const to = timestampOf(params.get('to'))
  return {
    detector: params.get('detector') || null,
    status: alertStatuses.find((status) => status === params.get('status')) ?? null,
    severity: severities.find((severity) => severity === params.get('severity')) ?? null,
    key: normalKey(params.get('key')),
    time:
      range !== undefined
        ? { type: 'last', range }
        : from !== null || to !== null
          ? { type: 'between', from, to }
          : { type: 'any' },
  }
}

/** The reverse of {@link parseAlertQuery}: only what differs from {@link everyAlert}, in a fixed order. */
export function alertQueryParams(query: AlertQuery): URLSearchParams {
  const params = new URLSearchParams()
  if (query.detector !== null) params.set('detector', query.detector)
  if (query.status !== null) params.set('status', query.status)
  if (query.severity !== null) params.set('severity', query.severity)
  if (query.key !== null) params.set('key', query.key)
  if (query.time.type === 'last') params.set('range', query.time.range)
  if (query.time.type === 'between') {
    if (query.time.from !== null) params.set('from', String(query.time.from))
    if (query.time.to !== null) params.set('to', String(query.time.to))
  }
  return params
}

/** The bounds of event time that `time` means at `now`. */
export function timeBounds(time: AlertQuery['time'], now: number): { from: number | null; to: number | null } {
  if (time.type === 'last') return { from: now - ranges[time.range], to: null }
  return time.type === 'between' ? { from: time.from, to: time.to } : { from: null, to: null }
}

/**
 * Whether the query wants this transition of an alert. The stream is asked without `status` and judged here: an alert
 * that leaves the wanted status must also leave the list, which a filtered stream would never tell.
 */
export function matchesQuery(alert: Alert, query: AlertQuery, now: number): boolean {
  const { from, to } = timeBounds(query.time, now)
  return (
    (query.detector === null || alert.detector === query.detector) &&
    (query.status === null || alert.status === query.status) &&
    (query.severity === null || alert.severity === query.severity) &&
    (query.key === null || alert.key === query.key) &&
    (from === null || alert.eventTime >= from) &&
    (to === null || alert.eventTime < to)
  )
}

/** A key as alerts spell it: addresses are lower-case. Null for nothing. */
export function normalKey(text: string | null): string | null {
  const trimmed = text?.trim() ?? ''
  if (trimmed === '') return null
  return /^0x[0-9a-f/x]+$/i.test(trimmed) ? trimmed.toLowerCase() : trimmed
}

const timestampOf = (text: string | null) => (text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null)
