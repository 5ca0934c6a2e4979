import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AlertJson } from '../alert-store.ts'
import {
  formatCursor,
  InvalidRequestError,
  matches,
  parseCursor,
  parseFilter,
  parseLimit,
  refuseUnknown,
} from './alert-query.ts'

const everything = { detectors: [], statuses: [], severities: [], keys: [], chainIds: [], from: null, to: null }

describe('parseFilter', () => {
  test('default: no words let everything through', () => expect(parseFilter({})).toEqual(everything))

  test('behavior: repeated and comma-separated values mean any of them; an address is read in any case', () => {
    const wallet = '0x28C6c06298d514Db089934071355E5743bf21d60'
    expect(
      parseFilter({ detector: ['a', 'b,c'], status: 'confirmed, retracted', key: `${wallet},x`, chainId: '1,137' }),
    ).toEqual({
      ...everything,
      detectors: ['a', 'b', 'c'],
      statuses: ['confirmed', 'retracted'],
      keys: [wallet.toLowerCase(), 'x'],
      chainIds: [1, 137],
    })
  })

  test.each([
    ['1700000000000', 1_700_000_000_000],
    ['2023-11-14T22:13:20Z', 1_700_000_000_000],
    ['2023-11-15T00:13:20+02:00', 1_700_000_000_000],
    ['2023-11-15T00:13:20 02:00', 1_700_000_000_000], // a plus that nobody escaped
    ['2023-11-14', 1_699_920_000_000],
  ])('behavior: from=%s is %i ms', (from, time) => expect(parseFilter({ from })).toEqual({ ...everything, from: time }))

  test.each([
    [{ status: 'open' }, 'status is "open"; expected one of provisional, confirmed, retracted.'],
    [{ severity: ['high', ''] }, 'severity is ["high",""]; expected a value, or several separated by commas.'],
    [{ from: '2026-01-31T12:00' }, 'from is "2026-01-31T12:00"; expected a time in ms since 1970, or in ISO 8601 '],
    [{ from: '1e9' }, 'from is "1e9"; expected a time in ms'],
    [{ from: '2', to: '2' }, 'to is 2, not after from, 2; expected a later time.'],
    [{ chainId: '0' }, 'chainId is "0"; expected an integer of at least 1.'],
    [{ key: { a: '1' } }, 'key is {"a":"1"}; expected a value'],
  ])('error: %j names the field and what is expected', (query, message) => {
    expect(() => parseFilter(query)).toThrow(InvalidRequestError)
    expect(() => parseFilter(query)).toThrow(message)
  })
})

describe('refuseUnknown', () => {
  test('error: a mistyped filter is not a filter that lets everything through', () => {
    expect(() => refuseUnknown({ severty: 'high' }, ['severity', 'status'])).toThrow(
      'severty is no parameter of this request; did you mean severity?',
    )
  })
})

describe('parseLimit', () => {
  test('default: 50', () => expect(parseLimit(undefined)).toBe(50))
  test.each(['0', '501', '1.5', 'x', '1,2'])('error: %s', (limit) =>
    expect(() => parseLimit(limit)).toThrow('expected an integer from 1 to 500.'),
  )
})

describe('parseCursor', () => {
  test('property: reads what formatCursor wrote', () => {
    const cursor = fc.record({
      eventTime: fc.maxSafeInteger(),
      id: fc.stringMatching(/^[0-9a-f]{64}$/),
    })
    fc.assert(
      fc.property(cursor, (one) => {
        expect(parseCursor(formatCursor(one))).toEqual(one)
      }),
    )
  })

  test('property: anything else is refused in one sentence', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.array(fc.string())), (text) => {
        expect(() => parseCursor(text)).toThrow('expected the nextCursor of an earlier answer.')
      }),
    )
  })
})

describe('matches', () => {
  const alert = {
    detector: 'a',
    status: 'confirmed',
    severity: 'high',
    key: 'k',
    chainId: 1,
    eventTime: 10,
  } as unknown as AlertJson // what the filter looks at

  test.each([
    [{}, true],
    [{ detector: 'b,a', status: 'confirmed', severity: 'high', key: 'k', chainId: '1' }, true],
    [{ detector: 'b' }, false],
    [{ status: 'retracted' }, false],
    [{ from: '10', to: '11' }, true],
    [{ from: '11' }, false],
    [{ to: '10' }, false],
  ])('default: %j', (query, fits) => expect(matches(parseFilter(query), alert)).toBe(fits))
})
