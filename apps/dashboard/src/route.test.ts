import { describe, expect, test } from 'vitest'
import { everyAlert } from './alert-query.ts'
import { parseRoute, routeHash, type Route } from './route.ts'
import { alertId } from './testing/sample-alert.ts'

describe('parseRoute', () => {
  test('default: nothing is the list of all alerts', () => {
    expect(parseRoute('')).toEqual({ page: 'alerts', query: everyAlert, alertId: null })
  })

  test('behavior: an unknown page or a malformed id is the list too', () => {
    expect(parseRoute('#/nowhere')).toEqual(parseRoute(''))
    expect(parseRoute('#/alerts/../../etc')).toEqual(parseRoute(''))
  })

  test.each<Route>([
    { page: 'detectors' },
    { page: 'pipeline' },
    { page: 'alerts', query: everyAlert, alertId: alertId(7) },
    { page: 'alerts', query: { ...everyAlert, severity: 'high', time: { type: 'last', range: '1h' } }, alertId: null },
  ])('behavior: %j is read back as it was', (route) => {
    expect(parseRoute(routeHash(route))).toEqual(route)
  })
})
