import { describe, expect, test } from 'vitest'
import { parseAddress } from './address.ts'
import { creationsOf } from './creation.ts'
import type { Frame } from './frame.ts'

const [ann, factory, pair, token] = ['01', '02', '03', '04'].map((digits) => parseAddress(`0x${digits.repeat(20)}`))
if (ann === undefined || factory === undefined || pair === undefined || token === undefined) throw new TypeError('none')

const frame = (
  traceAddress: readonly number[],
  type: Frame['type'],
  from: Frame['from'],
  to: Frame['to'],
  error: string | null = null,
): Frame => ({ traceAddress: [...traceAddress], type, from, to, value: 0n, selector: '0x', error })

const created = { from: ann, contractAddress: token, status: 'success', frames: null } as const
const called = { ...created, contractAddress: null }

describe('creationsOf', () => {
  test('default: without frames the contract of the transaction itself', () => {
    expect(creationsOf(created)).toEqual([{ address: token, creator: ann, traceAddress: [] }])
    expect(creationsOf(called)).toEqual([])
  })

  test('default: with frames all of them, each with the one that ran CREATE or CREATE2', () => {
    const frames = [
      frame([], 'create', ann, token),
      frame([0], 'call', token, factory),
      frame([0, 0], 'create2', factory, pair),
      frame([1], 'delegatecall', token, pair),
    ]
    expect(creationsOf({ ...created, frames })).toEqual([
      { address: token, creator: ann, traceAddress: [] },
      { address: pair, creator: factory, traceAddress: [0, 0] },
    ])
  })

  test('behavior: what failed created nothing, nor did what is below it', () => {
    const frames = [
      frame([], 'call', ann, factory),
      frame([0], 'call', factory, token, 'Reverted'),
      frame([0, 0], 'create', token, pair),
      frame([1], 'create', factory, null, 'out of gas'),
      frame([2], 'create', factory, pair, 'Reverted'),
    ]
    expect(creationsOf({ ...called, frames })).toEqual([])
    expect(creationsOf({ ...created, frames: [frame([], 'create', ann, token, 'Reverted')] })).toEqual([])
  })

  test('behavior: of a transaction that failed, or may have, none is told', () => {
    for (const status of ['failed', 'unknown'] as const) expect(creationsOf({ ...created, status })).toEqual([])
    expect(creationsOf({ ...created, from: null })).toEqual([])
  })
})
