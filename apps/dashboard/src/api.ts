import { alertCodec, alertSchema, type Alert } from '@tocsin/chain-model'
import { timeBounds, type AlertQuery } from './alert-query.ts'
import { listOf, numberOf, objectOf, textOf, timeOf, type JsonObject } from './json.ts'

/** The API did not answer as it should. `handling` says whether asking again can help. */
export class ApiError extends Error {
  readonly code = 'DASHBOARD_API'
  readonly handling: 'retry' | 'stop'
  readonly remedy: string
  readonly status: number | null
  constructor(at: { message: string; status: number | null; remedy: string }, options?: ErrorOptions) {
    super(at.message, options)
    this.status = at.status
    this.remedy = at.remedy
    this.handling = at.status !== null && at.status >= 400 && at.status < 500 && at.status !== 429 ? 'stop' : 'retry'
  }
}

export interface AlertPage {
  readonly items: readonly Alert[]
  readonly nextCursor: string | null
  /** Where the stream goes on exactly behind this page; null where the API does not say. */
  readonly lastEventId: string | null
  /** Items that are no alert by the schema: shown as a count with the first reason, never dropped in silence. */
  readonly unreadable: readonly string[]
}

/** An alert with every transition it went through, oldest first. */
export interface AlertStory {
  readonly alert: Alert
  readonly transitions: readonly RecordedTransition[]
  /** The answer as it came, for the raw view. */
  readonly json: unknown
}

export interface RecordedTransition {
  readonly alert: Alert
  /** When the API stored it, ms of wall-clock time; null where it does not say. */
  readonly storedAt: number | null
}

export interface DetectorParameter {
  readonly name: string
  readonly default: unknown
  readonly unit: string | null
  readonly doc: string | null
}

export interface DetectorDescription {
  readonly id: string
  readonly version: string | null
  readonly severity: string | null
  readonly doc: string | null
  readonly parameters: readonly DetectorParameter[]
}

/** Counts of alerts at their present revision; empty where the API does not tell. */
export interface AlertStats {
  readonly byDetector: Readonly<Record<string, number>>
  readonly byStatus: Readonly<Record<string, number>>
  readonly bySeverity: Readonly<Record<string, number>>
}

export interface Webhook {
  readonly id: string
  readonly url: string | null
  readonly enabled: boolean
  readonly filter: JsonObject
  readonly createdAt: number | null
}

export interface WebhookDelivery {
  readonly id: string
  readonly state: string | null
  readonly alertId: string | null
  readonly revision: number | null
  readonly attempts: number | null
  readonly responseStatus: number | null
  readonly error: string | null
  readonly createdAt: number | null
  readonly nextAttemptAt: number | null
}

export const alertsPerPage = 100

/** One page of `GET api/alerts`. `now` turns a relative range into a bound; `to` lies over the query's own. */
export async function fetchAlerts(
  query: AlertQuery,
  from: { readonly cursor?: string; readonly until?: number },
  now: number,
  signal: AbortSignal,
): Promise<AlertPage> {
  const bounds = timeBounds(query.time, now)
  const params = filterParams(query)
  if (query.status !== null) params.set('status', query.status)
  if (bounds.from !== null) params.set('from', String(bounds.from))
  const to = from.until ?? bounds.to
  if (to !== null) params.set('to', String(to))
  if (from.cursor !== undefined) params.set('cursor', from.cursor)
  params.set('limit', String(alertsPerPage))
  const body = objectOf(await getJson(`api/alerts?${params.toString()}`, signal))
  if (!Array.isArray(body['items'])) throw wrongAnswer('api/alerts', 'it has no list of items')
  const items: Alert[] = []
  const unreadable: string[] = []
  for (const item of listOf(body['items'])) {
    const parsed = alertSchema.safeParse(item)
    if (parsed.success) items.push(parsed.data)
    else unreadable.push(reasonOf(parsed.error.issues))
  }
  return { items, nextCursor: textOf(body['nextCursor']), lastEventId: textOf(body['lastEventId']), unreadable }
}

/**
 * `GET api/alerts/:id` at `revision` or later; null where there is no such alert.
 * @throws {ApiError} to retry, where the answer is older than the transition that the stream already told.
 */
export async function fetchAlert(id: string, revision: number, signal: AbortSignal): Promise<AlertStory | null> {
  let json: unknown
  try {
    json = await getJson(`api/alerts/${id}`, signal)
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
  const alert = parsedAlert(json)
  if (alert.revision < revision) {
    throw new ApiError({
      message: `The API answered revision ${alert.revision} of an alert whose revision ${revision} is known.`,
      status: null,
      remedy: 'A replica may be behind; the page asks again by itself.',
    })
  }
  const transitions = listOf(objectOf(json)['transitions'])
    .map((transition) => ({
      alert: parsedAlert(transition),
      storedAt: timeOf(objectOf(transition)['storedAt']),
    }))
    .sort((a, b) => a.alert.revision - b.alert.revision)
  return { alert, transitions: transitions.length === 0 ? [{ alert, storedAt: null }] : transitions, json }
}

export async function fetchDetectors(signal: AbortSignal): Promise<readonly DetectorDescription[]> {
  const body = await getJson('api/detectors', signal)
  return listOf(Array.isArray(body) ? body : objectOf(body)['items']).map((item) => {
    const detector = objectOf(item)
    return {
      id: textOf(detector['id']) ?? '',
      version: textOf(detector['version']),
      severity: textOf(detector['severity']),
      doc: textOf(detector['doc']) ?? textOf(detector['summary']),
      parameters: listOf(detector['parameters']).map((entry) => {
        const parameter = objectOf(entry)
        return {
          name: textOf(parameter['name']) ?? '',
          default: parameter['default'] ?? null,
          unit: textOf(parameter['unit']),
          doc: textOf(parameter['doc']),
        }
      }),
    }
  })
}

export async function fetchStats(signal: AbortSignal): Promise<AlertStats> {
  const body = objectOf(await getJson('api/stats', signal))
  return {
    byDetector: countsOf(body['byDetector']),
    byStatus: countsOf(body['byStatus']),
    bySeverity: countsOf(body['bySeverity']),
  }
}

/** Whatever the pipeline tells of itself: `pipeline-health.tsx` shows what is there. Null: it tells nothing. */
export async function fetchPipeline(signal: AbortSignal): Promise<JsonObject | null> {
  const body = await getJson('api/pipeline', signal)
  return body === null ? null : objectOf(body)
}

export async function fetchWebhooks(signal: AbortSignal): Promise<readonly Webhook[]> {
  const body = await getJson('api/webhooks', signal)
  return listOf(Array.isArray(body) ? body : objectOf(body)['items']).map((item) => {
    const webhook = objectOf(item)
    return {
      id: textOf(webhook['id']) ?? '',
      url: textOf(webhook['url']),
      enabled: (webhook['disabledAt'] ?? null) === null,
      filter: objectOf(webhook['filter']),
      createdAt: timeOf(webhook['createdAt']),
    }
  })
}

export async function fetchDeliveries(id: string, signal: AbortSignal): Promise<readonly WebhookDelivery[]> {
  const body = await getJson(`api/webhooks/${encodeURIComponent(id)}/deliveries`, signal)
  return listOf(Array.isArray(body) ? body : objectOf(body)['items']).map((item) => {
    const delivery = objectOf(item)
    return {
      id: textOf(delivery['id']) ?? '',
      state: textOf(delivery['state']),
      alertId: textOf(delivery['alertId']),
      revision: numberOf(delivery['revision']),
      attempts: numberOf(delivery['attempts']),
      responseStatus: numberOf(delivery['lastStatus']),
      error: textOf(delivery['lastError']),
      createdAt: timeOf(delivery['createdAt']),
      nextAttemptAt: timeOf(delivery['nextAttemptAt']),
    }
  })
}

/** How the live stream stands: `lost` tries again by itself. */
export type StreamState = 'connecting' | 'live' | 'lost'

export interface StreamListener {
  state(state: StreamState): void
  alert(alert: Alert): void
  /** A message that is no alert by the schema, with the reason. */
  unreadable(reason: string): void
}

const reconnectAfterMs = 3_000

/**
 * Follows `GET api/alerts/stream` from `lastEventId` on until `signal` aborts. The browser reconnects by itself with
 * `Last-Event-ID`; where it gives up (an HTTP error), a new stream goes on after 3 s where the last one ended. Asked
 * without `status`, see `matchesQuery`.
 */
export function followAlerts(
  query: AlertQuery,
  lastEventId: string | null,
  listener: StreamListener,
  signal: AbortSignal,
): void {
  let seen = lastEventId
  const open = () => {
    if (signal.aborted) return
    listener.state('connecting')
    const params = filterParams(query)
    if (seen !== null) params.set('lastEventId', seen)
    const source = new EventSource(urlOf(`api/alerts/stream?${params.toString()}`))
    const close = () => source.close()
    signal.addEventListener('abort', close, { once: true })
    source.addEventListener('open', () => listener.state('live'))
    source.addEventListener('error', () => {
      if (signal.aborted) return
      listener.state('lost')
      if (source.readyState !== EventSource.CLOSED) return
      signal.removeEventListener('abort', close)
      setTimeout(open, reconnectAfterMs)
    })
    source.addEventListener('alert', (message) => {
      if (message.lastEventId !== '') seen = message.lastEventId
      try {
        listener.alert(alertCodec.parse(String(message.data)))
      } catch (error) {
        listener.unreadable(error instanceof Error ? error.message : String(error))
      }
    })
  }
  open()
}

function filterParams(query: AlertQuery): URLSearchParams {
  const params = new URLSearchParams()
  if (query.detector !== null) params.set('detector', query.detector)
  if (query.severity !== null) params.set('severity', query.severity)
  if (query.key !== null) params.set('key', query.key)
  return params
}

// Relative to the page, not to the root: Tocsin may stand behind a proxy at any path.
const urlOf = (path: string) => new URL(path, document.baseURI).href

async function getJson(path: string, signal: AbortSignal): Promise<unknown> {
  let response: Response
  try {
    response = await fetch(urlOf(path), { signal, headers: { accept: 'application/json' } })
  } catch (cause) {
    if (signal.aborted) throw cause
    const remedy = 'Is Tocsin still running? The page asks again by itself.'
    throw new ApiError({ message: `No answer from ${path.split('?')[0] ?? path}.`, status: null, remedy }, { cause })
  }
  if (!response.ok) {
    const body = objectOf(await response.json().catch(() => null))
    const reason = textOf(body['message']) ?? textOf(body['detail']) ?? textOf(body['error']) ?? response.statusText
    throw new ApiError({
      message: `${path.split('?')[0] ?? path} answered ${response.status}: ${reason}`,
      status: response.status,
      remedy: textOf(body['remedy']) ?? 'The log of alerts-api says more.',
    })
  }
  try {
    return await response.json()
  } catch (cause) {
    throw wrongAnswer(path, 'it is no JSON', cause)
  }
}

function parsedAlert(json: unknown): Alert {
  const parsed = alertSchema.safeParse(json)
  if (parsed.success) return parsed.data
  throw wrongAnswer('api/alerts/…', reasonOf(parsed.error.issues))
}

const wrongAnswer = (path: string, reason: string, cause?: unknown) =>
  new ApiError(
    {
      message: `The answer of ${path} cannot be read: ${reason}.`,
      status: null,
      remedy: 'The page and the API are of different versions: reload the page.',
    },
    { cause },
  )

const reasonOf = (issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]) =>
  `${issues[0]?.path.map(String).join('.') || 'the value'}: ${issues[0]?.message ?? 'does not fit'}`

function countsOf(value: unknown): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([name, count]) => [name, numberOf(count) ?? 0]))
}
