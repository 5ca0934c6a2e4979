import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { PriceTick } from '@tocsin/chain-model'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { systemClock } from '../rpc/clock.ts'
import { coinbase } from './coinbase.ts'
import type { Exchange } from './exchange.ts'
import { exchangePriceSource } from './exchange-price-source.ts'
import { kraken } from './kraken.ts'

const session = (exchange: string) =>
  readFileSync(fileURLToPath(new URL(`../../fixtures/prices/${exchange}.ndjson`, import.meta.url)), 'utf8')
    .trim()
    .split('\n')

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** An exchange that answers the n-th connection's subscription as `serve` says; what the source tells of it, in order. */
async function follow(
  exchange: Exchange,
  product: string,
  serve: (socket: WebSocket, connection: number, asked: unknown) => void,
  silentAfterMs = 5_000,
) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  let connections = 0
  server.on('connection', (socket) => {
    const connection = connections++
    socket.once('message', (data) => serve(socket, connection, JSON.parse((data as Buffer).toString())))
  })
  const told: string[] = []
  const waits: number[] = []
  const stop = new AbortController()
  let news = () => {}
  const tell = (what: string) => {
    told.push(what)
    news()
  }
  const source = exchangePriceSource({
    exchange,
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    chainId: 1,
    products: new Map([[product, ['native']]]),
    maxAgeMs: 60_000,
    silentAfterMs,
    random: () => 0,
    now: () => 7,
    wait: (ms, signal) => {
      waits.push(ms)
      return systemClock.wait(0, signal)
    },
  })
  const running = source.run(
    ({ price8, time }: PriceTick) => tell(`${price8} at ${time}`),
    (error) => tell(error instanceof Error ? error.message : String(error)),
    stop.signal,
    { reached: (time) => tell(`reached ${time}`), silent: () => tell('silent') },
  )
  closing.push(async () => {
    stop.abort()
    await running
    for (const client of server.clients) client.terminate()
    await new Promise((resolve) => server.close(resolve))
  })
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => (news = resolve))
    return told
  }
  return { until, told, waits }
}

describe('exchangePriceSource', () => {
  test('default: Coinbase: trades are prices, what was left out is told, and heartbeats say how far it has come', async () => {
    const asked: unknown[] = []
    const { until, told } = await follow(coinbase, 'ETH-USD', (socket, _, request) => {
      asked.push(request)
      for (const line of session('coinbase')) socket.send(line)
    })
    await until(() => told.at(-1)?.includes('subscription') === true)
    expect(asked).toEqual([{ type: 'subscribe', product_ids: ['ETH-USD'], channels: ['matches', 'heartbeat'] }])
    const at = (time: string) => Date.parse(`2022-05-20T21:22:${time}Z`)
    expect(told).toEqual([
      `195781000000 at ${at('31.101')}`,
      `reached ${at('31.101')}`,
      `195779000000 at ${at('32.900')}`,
      `reached ${at('32.900')}`,
      `reached ${at('33.751')}`,
      'coinbase left out 2 trades of ETH-USD after trade 278953091.',
      `reached ${at('34.751')}`,
      'coinbase, a message: price "oops" is no decimal string such as "1773.39".',
      'coinbase left out 1 trades of ETH-USD after trade 278953094.',
      `195812000000 at ${at('35.611')}`,
      `reached ${at('35.611')}`,
      'coinbase does not take the subscription: Failed to subscribe: ETH-XXX is not a valid product.',
    ])
  })

  test('default: Kraken: the digits of a price are those of the text, and a heartbeat has no time of its own', async () => {
    const asked: unknown[] = []
    const { until, told } = await follow(kraken, 'MATIC/USD', (socket, _, request) => {
      asked.push(request)
      for (const line of session('kraken')) socket.send(line)
    })
    await until(() => told.filter((what) => what.includes(' at ')).length === 3)
    expect(asked).toEqual([
      { method: 'subscribe', params: { channel: 'trade', symbol: ['MATIC/USD'], snapshot: false } },
    ])
    const at = (time: string) => Date.parse(`2023-09-25T07:49:${time}Z`)
    expect(told.filter((what) => !what.startsWith('reached 1'))).toEqual([
      'kraken does not take the subscription: Currency pair not supported XLM/GBP.',
      'reached 7',
      `51170000 at ${at('37.708')}`,
      `51180000 at ${at('37.911')}`,
      'kraken left out 1 trades of MATIC/USD after trade 4665907.',
      `51000000 at ${at('38.100')}`,
    ])
  })

  test('behavior: a lost connection is told and opened again with back-off; trades of the time between are missed', async () => {
    const match = (id: number) =>
      JSON.stringify({
        type: 'match',
        trade_id: id,
        price: '2',
        product_id: 'ETH-USD',
        time: '1970-01-01T00:00:00.009Z',
      })
    const { until, told, waits } = await follow(coinbase, 'ETH-USD', (socket, connection) => {
      if (connection === 0) socket.send('no json')
      if (connection === 0 || connection >= 3) socket.send(match(connection + 1))
      if (connection < 4) socket.close()
    })
    await until(() => told.filter((what) => what.includes(' at ')).length === 3)
    const lost = ['silent', 'coinbase is not connected: the connection ended.']
    expect(told.filter((what) => !what.startsWith('coinbase, a message: ') && !what.startsWith('reached'))).toEqual([
      '200000000 at 9',
      ...[...lost, ...lost, ...lost],
      'coinbase left out 2 trades of ETH-USD after trade 1.',
      '200000000 at 9',
      ...lost,
      '200000000 at 9',
    ])
    // What was said ends the row of failures.
    expect(waits).toEqual([1_000, 2_000, 4_000, 1_000])
  })

  test('behavior: a connection that says nothing is given up', async () => {
    const { until, told } = await follow(kraken, 'ETH/USD', () => {}, 50)
    await until(() => told.length >= 2)
    expect(told.slice(0, 2)).toEqual(['silent', 'kraken is not connected: it said nothing for 50 ms.'])
  })
})
