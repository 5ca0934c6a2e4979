import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  approximateRatio,
  formatAge,
  formatDuration,
  formatQuantity,
  formatQuantityAbove,
  formatState,
  formatSymbol,
  formatTokenAmount,
  formatUnits,
  formatUsd8,
  parseDecimal,
  shortHex,
  shortKey,
} from './format.ts'

describe('formatUnits', () => {
  test('default: base units are shown whole, thousands grouped, trailing zeros dropped', () => {
    expect(formatUnits(1_234_500n, 3)).toBe('1,234.5')
    expect(formatUnits(5n, 18)).toBe('0.000000000000000005')
    expect(formatUnits(-1_000n, 0)).toBe('−1,000')
    expect(formatUnits(0n, 6)).toBe('0')
  })

  test('behavior: what is cut is cut, never rounded, and marked', () => {
    expect(formatUnits(999_999n, 5, { maxFraction: 2 })).toBe('9.99…')
    expect(formatUnits(990_000n, 5, { maxFraction: 2 })).toBe('9.9')
    expect(formatUnits(999_999n, 5, { maxFraction: 2, markCut: false })).toBe('9.99')
  })

  test('property: every digit of a uint256 at any scale is still there', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), fc.nat(30), (units, scale) => {
        const read = parseDecimal(formatUnits(units, scale, { minFraction: scale }).replaceAll(',', ''))
        expect(read).toEqual({ units, scale })
      }),
    )
  })
})

describe('formatUsd8', () => {
  test('default: cents always, further digits where there are some', () => {
    expect(formatUsd8(10_010_000_000_000n)).toBe('$100,100.00')
    expect(formatUsd8(-150_000_000n)).toBe('−$1.50')
  })

  test('behavior: one hundred-millionth above the limit does not look like the limit', () => {
    expect(formatUsd8(10_000_000_000_001n)).toBe('$100,000.00000001')
    expect(formatUsd8(10_000_000_000_001n, { maxFraction: 2 })).toBe('$100,000.00…')
  })
})

describe('formatTokenAmount', () => {
  test('default: in whole units with the symbol', () => {
    expect(formatTokenAmount(1_500_000_000_000_000_000n, { symbol: 'WETH', decimals: 18 })).toBe('1.5 WETH')
  })

  test('behavior: without decimals the base units are called so', () => {
    expect(formatTokenAmount(1_500n, undefined)).toBe('1,500 base units')
  })
})

describe('formatSymbol', () => {
  test('behavior: invisible and direction-changing characters become visible, long names are cut', () => {
    expect(formatSymbol('US\u200bDC')).toBe('US\ufffdDC')
    expect(formatSymbol('\u202eCDSU')).toBe('\ufffdCDSU')
    expect(formatSymbol('x'.repeat(40))).toBe(`${'x'.repeat(32)}…`)
    expect(formatSymbol(null)).toBe('token')
  })
})

describe('formatQuantity', () => {
  test('default: in the unit of the parameter', () => {
    expect(formatQuantity('100000', 'USD')).toBe('$100,000.00')
    expect(formatQuantity('600000', 'ms')).toBe('10 min')
    expect(formatQuantity('7.31', '%')).toBe('7.31 %')
    expect(formatQuantity('12', null)).toBe('12')
  })

  test('behavior: what is no number stays as it is', () => {
    expect(formatQuantity('sliding', null)).toBe('sliding')
    expect(formatQuantity('1e5', 'USD')).toBe('1e5')
  })
})

describe('formatQuantityAbove', () => {
  test('default: cents are enough, unless they hide that a limit was exceeded', () => {
    expect(formatQuantityAbove('177103.349', '100000', 'USD')).toBe('$177,103.34')
    expect(formatQuantityAbove('100000.00000001', '100000', 'USD')).toBe('$100,000.00000001')
    expect(formatQuantityAbove('36000', '60000', 'ms')).toBe('36 s')
  })
})

describe('approximateRatio', () => {
  test('default: of different scales', () => {
    expect(approximateRatio({ units: 150_000n, scale: 0 }, { units: 10_000_000n, scale: 2 })).toBe(1.5)
  })

  test('behavior: nothing by zero', () => {
    expect(approximateRatio({ units: 1n, scale: 0 }, { units: 0n, scale: 0 })).toBe(0)
  })
})

describe('formatDuration', () => {
  test('default: the two largest parts', () => {
    expect([250, 12_000, 1_500, 60_000, 90_000, 600_000, 187_200_000].map(formatDuration)).toEqual([
      '250 ms',
      '12 s',
      '1.5 s',
      '1 min',
      '1 min 30 s',
      '10 min',
      '2 d 4 h',
    ])
  })
})

describe('formatAge', () => {
  test('default: one part, cut', () => {
    expect([0, 59_999, 60_000, 7_199_000, 172_800_000].map((age) => formatAge(0, age))).toEqual([
      'now',
      '59 s',
      '1 min',
      '1 h',
      '2 d',
    ])
  })
})

describe('formatState', () => {
  test('default: moments and truths as people say them, anything else as it is', () => {
    expect(formatState('log-start', '1795396428000')).toBe('2026-11-23 01:13:48.000 UTC')
    expect(formatState('recipient-seen-before', 'false')).toBe('no')
    expect(formatState('total-before', '1795396428000')).toBe('1795396428000')
    expect(formatState('start', 'unknown')).toBe('unknown')
  })
})

describe('shortHex', () => {
  test('default: both ends of an address, the head of a bare hash', () => {
    expect(shortHex(`0x1234${'0'.repeat(32)}abcd`)).toBe('0x1234…abcd')
    expect(shortHex('9'.repeat(64))).toBe('99999999…')
    expect(shortKey(`0x1234${'0'.repeat(32)}abcd/native`)).toBe('0x1234…abcd/native')
  })
})
