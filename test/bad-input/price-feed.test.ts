import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deadLetterCodec, deadLettersTopic, pricesCodec, pricesTopic } from '@tocsin/chain-model'
import { openEmbeddedLog, type EventLog } from '@tocsin/event-log'
import { chainsOf, ingestorSettings, startIngestor } from '@tocsin/ingestor'
import { createLogger, createMetrics, loadSettings } from '@tocsin/service-kit'
import { describe, expect, test } from 'vitest'
import { sampleOf } from '../prometheus-text.ts'
import { expectOneLine, until } from './expectations.ts'

const token = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'

async function valuesOf(log: EventLog, topic: string): Promise<readonly Uint8Array[]> {
  const { beginning, end } = await log.offsets({ topic, partition: 0 })
  const reader = await log.openReader([{ topic, partition: 0, offset: beginning }])
  const values: Uint8Array[] = []
  for (let next = beginning; next < end;) {
    for (const { records, nextOffset } of await reader.poll(100)) {
      values.push(...records.map(({ value }) => value))
      next = nextOffset
    }
  }
  await reader.close()
  return values
}

describe('a price feed', () => {
  test('behavior: a page, half an answer and a price that is none: each told once, counted, and what is good is taken', async () => {
    const price = (at: number) => ({ asset: token, price: `${at}.00`, time: at, source: 'feed' })
    const noPrice = { asset: 'nonsense', price: '1.00', time: 1, source: 'feed' }
    let answer = '<html>502</html>'
    const server = createServer((_, response) => response.end(answer))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')

    const log = await openEmbeddedLog(join(await mkdtemp(join(tmpdir(), 'tocsin-feed-')), 'log'))
    const metrics = createMetrics()
    let said = ''
    const ending = new AbortController()
    const { ingestor: config } = loadSettings(
      { ingestor: ingestorSettings },
      { env: {}, flags: { 'prices-url': `http://127.0.0.1:${address.port}/`, 'prices-poll-interval': '100ms' } },
    )
    const write = (line: string) => void (said += line)
    const logger = createLogger({ place: 'ingestor', write, now: Date.now })
    const running = startIngestor(chainsOf(config), { log, logger, metrics, prefix: 'tocsin' }, ending.signal)
    const count = async (name: string, code = '') => sampleOf(await metrics.exposition(), name, code) ?? 0
    const failures = (code: string) => count('tocsin_ingestor_failures_total', code)
    try {
      await until(
        'the page is counted',
        async () => (await failures('INGEST_PRICE_FEED')) >= 3,
        () => said,
      )
      answer = JSON.stringify([price(1), price(2)]).slice(0, 40)
      const before = await failures('INGEST_PRICE_FEED')
      await until('half an answer is counted', async () => (await failures('INGEST_PRICE_FEED')) >= before + 2)
      answer = JSON.stringify([price(1), noPrice])
      await until(
        'the good price is taken',
        async () => (await count('tocsin_ingestor_prices_total')) === 1,
        () => said,
      )
      await until(
        'the bad one is counted',
        async () => (await failures('INGEST_BAD_PRICE')) >= 3,
        () => said,
      )
      answer = JSON.stringify([price(2)])
      await until('the next price is taken', async () => (await count('tocsin_ingestor_prices_total')) === 2)
    } finally {
      ending.abort()
      await running.done
      server.closeAllConnections()
      server.close()
    }
    expectOneLine(said, 'INGEST_PRICE_FEED', /127\.0\.0\.1:\d+ does not answer: /)
    expectOneLine(said, 'INGEST_BAD_PRICE', /price 1: "nonsense" is no address/)
    expect(said.match(/it is over; the price feed goes on/g)).toHaveLength(1)

    const prices = (await valuesOf(log, pricesTopic('tocsin', 1))).map((value) => pricesCodec.decode(value))
    expect(prices.flatMap((record) => (record.type === 'price' ? [record.price8] : []))).toEqual([
      100000000n,
      200000000n,
    ])
    const letters = (await valuesOf(log, deadLettersTopic('tocsin'))).map((value) => deadLetterCodec.decode(value))
    expect(letters.length).toBeGreaterThan(0)
    expect(new Set(letters.map(({ payload }) => Buffer.from(payload, 'base64').toString()))).toEqual(
      new Set([JSON.stringify(noPrice)]),
    )
    await log.close()
  })
})
