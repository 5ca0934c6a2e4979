import { once } from 'node:events'
import { createServer } from 'node:http'
import type { PriceTick } from '@tocsin/chain-model'
import { describe, expect, onTestFinished, test } from 'vitest'
import { httpPriceSource } from './http-price-source.ts'

const token = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'

/** What a source tells of these answers, one a poll, at these times; null is an answer of status 500. */
async function toldOf(answers: readonly (readonly [askedAt: number, answer: readonly object[] | null])[]) {
  let turn = 0
  const server = createServer((_, response) => {
    const answer = answers[turn]?.[1] ?? null
    response.writeHead(answer === null ? 500 : 200).end(JSON.stringify(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
  const told: (readonly [string, number] | PriceTick)[] = []
  const stop = new AbortController()
  const source = httpPriceSource({
    ...{ url: `http://127.0.0.1:${address.port}/`, chainId: 1, intervalMs: 1, timeoutMs: 30_000 },
    now: () => answers[turn]?.[0] ?? 0,
    wait: async () => {
      if (++turn >= answers.length) stop.abort()
    },
  })
  await source.run(
    (tick) => told.push(tick),
    (error) => told.push([String(error).replace(/127\.0\.0\.1:\d+/, 'feed'), 0]),
    stop.signal,
    { reached: (time) => told.push(['reached', time]), silent: () => told.push(['silent', 0]) },
  )
  return told.map((one) => ('type' in one ? (['price', one.time, Number(one.price8), one.maxAge] as const) : one))
}

describe('httpPriceSource', () => {
  test('default: what changed, and how far it has told all; away while it does not answer', async () => {
    const price = (time: number, text: string) => ({ asset: token, price: text, time, source: 'feed' })
    expect(
      await toldOf([
        [10_000, [price(9_000, '1')]],
        [15_000, [price(9_000, '1')]],
        [20_000, null],
        [25_000, [price(24_000, '1')]],
      ]),
    ).toEqual([
      ['price', 9_000, 100_000_000, 60_000],
      ['reached', 10_000],
      ['reached', 15_000],
      ['silent', 0],
      ['Error: feed answers HTTP status 500.', 0],
      ['price', 24_000, 100_000_000, 60_000],
      ['reached', 25_000],
    ])
  })

  test('behavior: a price without a time is one of when it was asked for, and told again before it is too old', async () => {
    const untimed = [{ asset: token, price: '1', time: null }]
    const times = [10_000, 39_999, 40_000, 60_000, 70_000]
    const told = await toldOf(times.map((time) => [time, untimed] as const))
    expect(told.filter(([what]) => what === 'price')).toEqual([
      ['price', 10_000, 100_000_000, 60_000],
      ['price', 40_000, 100_000_000, 60_000],
      ['price', 70_000, 100_000_000, 60_000],
    ])
  })
})
