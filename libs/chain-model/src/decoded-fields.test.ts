import { describe, expect, test } from 'vitest'
import { parseAddress } from './address.ts'
import { argumentsOfDecoded, decodedCalls, decodedEvents } from './decoded-fields.ts'

const token = parseAddress(`0x${'aa'.repeat(20)}`)

describe('decodedEvents', () => {
  test('default: the fields that can be compared, each with the type of what it holds', () => {
    expect(decodedEvents.get('erc20-transfer')).toEqual([
      { name: 'from', type: 'address' },
      { name: 'to', type: 'address' },
      { name: 'value', type: 'int256' },
    ])
    expect(decodedEvents.get('uniswap-v3-swap')?.map(({ name, type }) => `${type} ${name}`)).toEqual(
      expect.arrayContaining(['int256 amount0', 'address token0', 'int256 tick']),
    )
    expect(decodedEvents.get('approval-for-all')).toContainEqual({ name: 'approved', type: 'bool' })
    // Lists of several parts have no type of their own.
    expect(decodedEvents.get('erc1155-transfer')?.map(({ name }) => name)).toEqual(['operator', 'from', 'to'])
    expect(decodedEvents.has('log') || decodedEvents.has('contract-event')).toBe(false)
  })
})

describe('decodedCalls', () => {
  test('behavior: a call has fields too', () => {
    expect(decodedCalls.get('transfer')?.map(({ name }) => name)).toEqual(['value', 'to', 'amount'])
    expect(decodedCalls.has('contract-call')).toBe(false)
  })
})

describe('argumentsOfDecoded', () => {
  test('default: what the fields say, numbers as decimal strings', () => {
    const transfer = { type: 'erc20-transfer', logIndex: 0, address: token, from: token, to: token, value: 7n } as const
    expect(argumentsOfDecoded(transfer, 'event')).toEqual([
      { name: 'from', type: 'address', value: token },
      { name: 'to', type: 'address', value: token },
      { name: 'value', type: 'int256', value: '7' },
    ])
    expect(argumentsOfDecoded({ type: 'log', logIndex: 0, address: token, topics: [], data: '0x' }, 'event')).toBeNull()
  })
})
