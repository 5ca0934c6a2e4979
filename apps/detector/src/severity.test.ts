import { describe, expect, test } from 'vitest'
import { displayAmount, displayName, displayPercent, displayUsd, displayUsdAbove } from './display.ts'
import { confidenceOf, oneLower, severityLadder } from './severity.ts'

const usd = (dollars: bigint) => dollars * 100_000_000n

describe('severityLadder', () => {
  test('default: a step is exceeded, never reached', () => {
    const steps = [0n, 1n, usd(10_000n), usd(10_000n) + 1n, usd(100_000n), usd(100_000n) + 1n, usd(1_000_000n)]
    expect([...steps, usd(1_000_000n) + 1n].map(severityLadder)).toEqual([
      'info',
      'low',
      'low',
      'medium',
      'medium',
      'high',
      'high',
      'critical',
    ])
    expect(severityLadder(null)).toBe('info')
  })
})

describe('oneLower', () => {
  test('default: one step, not below info', () => {
    expect([oneLower('critical'), oneLower('low'), oneLower('info')]).toEqual(['high', 'info', 'info'])
  })
})

describe('confidenceOf', () => {
  test('default: the base with its adjustments, within 1 to 99', () => {
    expect([confidenceOf(50, 20, 15, -30), confidenceOf(10, -30), confidenceOf(90, 20)]).toEqual([55, 1, 99])
  })
})

describe('display', () => {
  test('default: amounts are cut, never rounded up', () => {
    expect(displayUsd(12_345_678_999_999n)).toBe('123,456.78')
    expect(displayUsd(0n)).toBe('0.00')
    expect(displayAmount(1_234_500_000n, 6)).toBe('1,234.5')
    expect(displayAmount(5n, 0)).toBe('5')
    expect(displayPercent(123_456n)).toBe('1,234.56')
  })
  test('behavior: what would look equal to its limit is shown whole', () => {
    expect(displayUsdAbove(usd(100_000n) + 1n, usd(100_000n))).toBe('100,000.00000001')
    expect(displayUsdAbove(usd(100_000n) + 1_000_000n, usd(100_000n))).toBe('100,000.01')
  })
  test('behavior: a stranger’s symbol cannot pretend or break out', () => {
    expect(displayName('USDC')).toBe('USDC')
    expect(displayName('UЅDС')).toBe('U?D? (altered)')
    expect(displayName('<script>')).toBe('?script? (altered)')
    expect(displayName('A\u200bB\u001b[2J')).toBe('A?B??2J (altered)')
    expect(displayName('x'.repeat(40))).toBe(`${'x'.repeat(32)} (altered)`)
    expect(displayName(null)).toBe('(no name)')
  })
})
