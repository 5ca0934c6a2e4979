import { alertStatuses, severities } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  alertQueryParams,
  everyAlert,
  matchesQuery,
  parseAlertQuery,
  ranges,
  timeBounds,
  type AlertQuery,
  type RangeName,
} from './alert-query.ts'
import { address, sampleAlert } from './testing/sample-alert.ts'

const parsed = (search: string) => parseAlertQuery(new URLSearchParams(search))

const timestamp = fc.option(fc.nat({ max: 2 ** 45 }), { nil: null })
const anyQuery: fc.Arbitrary<AlertQuery> = fc.record({
  detector: fc.option(fc.constantFrom('pass-through', 'a&b=c', 'ü'), { nil: null }),
  status: fc.option(fc.constantFrom(...alertStatuses), { nil: null }),
  severity: fc.option(fc.constantFrom(...severities), { nil: null }),
  key: fc.option(fc.constantFrom(address('a'), 'feed #1?&'), { nil: null }),
  time: fc.oneof(
    fc.constant({ type: 'any' } as const),
    fc.constantFrom(...(Object.keys(ranges) as RangeName[])).map((range) => ({ type: 'last', range }) as const),
    fc
      .record({ type: fc.constant('between' as const), from: timestamp, to: timestamp })
      .filter(({ from, to }) => from !== null || to !== null),
  ),
})

describe('parseAlertQuery', () => {
  test('default: nothing means every alert', () => {
    expect(parsed('')).toEqual(everyAlert)
  })

  test('behavior: what cannot be read is left out', () => {
    expect(parsed('severity=awful&status=maybe&from=yesterday&range=1y&key=%20')).toEqual(everyAlert)
  })

  test('behavior: an address is found however it was written', () => {
    expect(parsed(`key=${address('A')}`).key).toBe(address('a'))
  })

  test('property: what the address bar spells is read back as it was', () => {
    fc.assert(
      fc.property(anyQuery, (query) => {
        expect(parsed(alertQueryParams(query).toString())).toEqual(query)
      }),
    )
  })
})

describe('matchesQuery', () => {
  const alert = sampleAlert({ eventTime: 5_000 })
  const matches = (change: Partial<AlertQuery>, now = 10_000) => matchesQuery(alert, { ...everyAlert, ...change }, now)

  test('default: everything matches nothing asked', () => {
    expect(matches({})).toBe(true)
  })

  test('behavior: each filter can refuse', () => {
    expect(matches({ detector: 'pass-through' })).toBe(false)
    expect(matches({ status: 'confirmed' })).toBe(false)
    expect(matches({ severity: 'low' })).toBe(false)
    expect(matches({ key: address('b') })).toBe(false)
  })

  test('behavior: from is in, to is out, as the API has it', () => {
    expect(matches({ time: { type: 'between', from: 5_000, to: 5_001 } })).toBe(true)
    expect(matches({ time: { type: 'between', from: null, to: 5_000 } })).toBe(false)
    expect(matches({ time: { type: 'between', from: 5_001, to: null } })).toBe(false)
  })

  test('behavior: a range counts back from now', () => {
    expect(timeBounds({ type: 'last', range: '15m' }, 1_000_000)).toEqual({ from: 100_000, to: null })
    expect(matches({ time: { type: 'last', range: '15m' } }, 905_000)).toBe(true)
    expect(matches({ time: { type: 'last', range: '15m' } }, 905_001)).toBe(false)
  })
})
