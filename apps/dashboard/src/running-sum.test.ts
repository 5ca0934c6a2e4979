import { parseAddress } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { movementsOf } from './evidence.ts'
import { runningSum } from './running-sum.ts'
import { address, sampleAlert, transferOf } from './testing/sample-alert.ts'

const wallet = address('a')
const usd = (dollars: number) => BigInt(dollars) * 100_000_000n
const sumOf = (observed: number, ...evidence: readonly object[]) =>
  runningSum(movementsOf(sampleAlert({ evidence })), parseAddress(wallet), usd(100), usd(observed))

describe('runningSum', () => {
  test('default: one step a transfer of the wallet, up to what was observed', () => {
    const sum = sumOf(
      120,
      transferOf(wallet, address('1'), 70, 1_000),
      transferOf(address('1'), wallet, 999, 2_000),
      transferOf(wallet, address('2'), 50, 3_000),
    )
    expect(sum?.steps).toEqual([
      { timestamp: 1_000, total8: usd(70) },
      { timestamp: 3_000, total8: usd(120) },
    ])
  })

  test('behavior: what was sent before the listed transfers is where the stairs begin', () => {
    expect(sumOf(130, transferOf(wallet, address('1'), 50, 1_000))?.steps.map(({ total8 }) => total8)).toEqual([
      usd(80),
      usd(130),
    ])
  })

  test('behavior: no picture where it would not add up', () => {
    expect(sumOf(40, transferOf(wallet, address('1'), 50, 1_000))).toBeNull()
    expect(sumOf(50, transferOf(wallet, address('1'), 50, 1_000))).toBeNull()
    expect(sumOf(50, { ...transferOf(wallet, address('1'), 50, 1_000), usd8: null })).toBeNull()
    expect(sumOf(50)).toBeNull()
  })
})
