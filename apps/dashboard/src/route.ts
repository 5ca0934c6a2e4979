import { alertQueryParams, parseAlertQuery, type AlertQuery } from './alert-query.ts'

/** Where the reader is. An open alert keeps the query of the list behind it. */
export type Route =
  | { readonly page: 'alerts'; readonly query: AlertQuery; readonly alertId: string | null }
  | { readonly page: 'detectors' | 'pipeline' | 'webhooks' }

/** The route that a location hash spells: `#/alerts/<id>?severity=high`. Anything unknown is the list of all alerts. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?')
  const [page, id] = path.split('/')
  if (page === 'detectors' || page === 'pipeline' || page === 'webhooks') return { page }
  const alertId = page === 'alerts' && id !== undefined && /^[0-9a-f]{64}$/.test(id) ? id : null
  return { page: 'alerts', query: parseAlertQuery(new URLSearchParams(search)), alertId }
}

/** The reverse of {@link parseRoute}. */
export function routeHash(route: Route): string {
  if (route.page !== 'alerts') return `#/${route.page}`
  const params = alertQueryParams(route.query).toString()
  return `#/alerts${route.alertId === null ? '' : `/${route.alertId}`}${params === '' ? '' : `?${params}`}`
}
