import { alertCodec } from '@tocsin/chain-model'
import { createOutage, silentLogger } from '@tocsin/service-kit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emptyDatabase, sampleAlert } from '../../testing/index.ts'
import { openDatabase, type Database } from '../database.ts'
import { storeBatch } from '../sinks/postgres-sink.ts'
import { startAlertFeed, type AlertFeed } from './alert-feed.ts'

let database: Database
let feed: AlertFeed
let stored = 0
const gone = new AbortController()

const store = async (count: number) => {
  const records = Array.from({ length: count }, (_, index) => ({
    offset: stored + index,
    key: null,
    value: alertCodec.encode(sampleAlert(`alert ${stored + index}`)),
  }))
  stored += count
  await storeBatch(database, { topic: 't', partition: 0, fromOffset: 0, records, nextOffset: stored }, 0)
  feed.wake()
}

/** All that follows `sequence`, up to `last`, page by page. */
const readFrom = async (sequence: number, last: number) => {
  const seen: number[] = []
  while ((seen.at(-1) ?? sequence) < last)
    seen.push(...(await feed.after(seen.at(-1) ?? sequence, gone.signal)).map((one) => one.sequence))
  return seen
}
const sequences = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + 1 + index)

beforeEach(async () => {
  stored = 0
  database = await openDatabase({ url: await emptyDatabase() })
  feed = startAlertFeed({ database, logger: silentLogger, outage: createOutage(silentLogger), random: () => 0.5 })
})
afterEach(async () => {
  await feed.close()
  await database.close()
})

describe('startAlertFeed', () => {
  test('default: waits for what follows, however many wait', async () => {
    const waiting = [feed.after(0, gone.signal), feed.after(0, gone.signal)]
    await store(2)
    for (const page of await Promise.all(waiting)) expect(page.map(({ sequence }) => sequence)).toEqual([1, 2])
  })

  test('behavior: a stream behind what is kept in memory is given every transition all the same', async () => {
    await store(1)
    expect(await readFrom(0, 1)).toEqual([1])
    await store(1_500)
    await feed.after(1_500, gone.signal) // the end is known, and the first 501 are no longer kept
    for (const place of [0, 1, 300, 501, 502, 1_400])
      expect(await readFrom(place, 1_501)).toEqual(sequences(place, 1_501))
  })

  test('behavior: what another process stores is found without being woken', async () => {
    const waiting = feed.after(0, gone.signal)
    const records = [{ offset: 0, key: null, value: alertCodec.encode(sampleAlert('elsewhere')) }]
    await storeBatch(database, { topic: 't', partition: 0, fromOffset: 0, records, nextOffset: 1 }, 0)
    expect((await waiting).map(({ sequence }) => sequence)).toEqual([1])
  })

  test('behavior: a client that leaves, or the end, is answered with nothing', async () => {
    const leaving = new AbortController()
    const left = feed.after(0, leaving.signal)
    const ended = feed.after(0, gone.signal)
    leaving.abort()
    expect(await left).toEqual([])
    await feed.close()
    expect(await ended).toEqual([])
  })
})
