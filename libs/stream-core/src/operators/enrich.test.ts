import { describe, expect, test } from 'vitest'
import { testDriver } from '../../testing/test-driver.ts'
import { jsonStateCodec, numberCodec, StreamBuilder, stringCodec, stringKey, tumbling } from '../index.ts'

const label = {
  requestOf: (wallet: string) => wallet,
  ask: () => Promise.reject(new Error('a driver answers itself')),
  requestCodec: stringCodec,
  answerCodec: jsonStateCodec<string>(),
  timeoutMs: 1000,
}

const topology = (options: { readonly capacity?: number; readonly timeoutMs?: number } = {}) => {
  const builder = new StreamBuilder({ job: 'labels', version: '1' })
  builder
    .source<string>('wallets', {
      topic: 'wallets',
      codec: { decode: () => [] },
      watermarks: { type: 'in-log' },
      epochs: true,
    })
    .keyBy((wallet) => wallet, stringKey)
    .window(tumbling(1000))
    .aggregate<number, number, string>(
      'counts',
      { createAccumulator: () => 0, add: (_, n) => n + 1, merge: (a, b) => a + b, getResult: (n) => n },
      numberCodec,
      (count, _, wallet, emit) => emit(`${wallet}×${count}`),
    )
    .enrich<string, string, string>('labels', { ...label, ...options }, (wallet, answer, emit) =>
      emit(`${wallet} ${answer}`),
    )
    .sinkTo('out', {
      topic: 'out',
      codec: {
        idOf: (text) => text,
        encode: (text) => ({ key: null, value: Buffer.from(text) }),
        outputCodec: stringCodec,
      },
    })
  return builder.build()
}
const wallet = (value: string, timestamp: number) => ({ type: 'element', value, timestamp }) as const

describe('enrich in a testDriver', () => {
  test('default: the driver’s function answers at once, and what it throws is why there is no answer', () => {
    const answers = {
      labels: (asked: string) => {
        if (asked.startsWith('bob')) throw new Error('unknown')
        return asked.length
      },
    }
    const driver = testDriver(topology(), { answers })
    driver.push('wallets', wallet('ann', 1), wallet('bob', 2), { type: 'sealed', epoch: 1, watermark: 1500 })
    expect([...driver.standing('out').keys()]).toEqual(['ann×1 5'])
    expect(driver.deadLetters().map(({ operator, code, reason }) => [operator, code, reason])).toEqual([
      ['labels', 'STREAM_ENRICHMENT_FAILED', '"labels" got no answer: unknown'],
    ])
    driver.push('wallets', { type: 'reverted', epoch: 1 })
    expect(driver.standing('out').size).toBe(0)
  })

  test('behavior: what comes after a revert asks anew; a driver that goes on from a checkpoint asks nothing again', async () => {
    let asked = 0
    const driver = testDriver(topology(), { answers: { labels: () => `${(asked += 1)}` } })
    const sealed = { type: 'sealed', epoch: 1, watermark: 1500 } as const
    driver.push('wallets', wallet('ann', 1), sealed, { type: 'reverted', epoch: 1 }, wallet('ann', 1), sealed)
    expect([...driver.standing('out').keys()]).toEqual(['ann×1 2'])
    await driver.restore(await driver.checkpoint())
    expect(asked).toBe(2)
    driver.push('wallets', { type: 'finalized', epoch: 1 })
    expect([...driver.standing('out')]).toEqual([['ann×1 2', { output: 'ann×1 2', status: 'confirmed' }]])
  })

  test('error: a driver without the function says so', () => {
    const driver = testDriver(topology())
    driver.push('wallets', wallet('ann', 1))
    expect(() => driver.advanceWatermark(2000)).toThrow('"labels" asks; give a function for it in `answers`.')
  })

  test.each([
    [{ capacity: 0 }, 'a capacity of 0'],
    [{ timeoutMs: 0 }, 'a timeout of 0 ms'],
  ])('error: %j', (options, message) => {
    expect(() => topology(options)).toThrow(message)
  })
})
