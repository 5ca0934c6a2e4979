import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { flinkSettings, nameOf, ratioTo, startFlink } from './flink-peer.ts'
import { fileOf } from './stream-core.ts'

describe('flinkSettings', () => {
  test('default: each state with each order, in the order in which they are asked for', () => {
    expect(flinkSettings('j2', 'rocksdb,heap', 'arrival,event').map(nameOf)).toEqual([
      'Flink on RocksDB',
      'Flink on RocksDB in event order',
      'Flink on the heap',
      'Flink on the heap in event order',
    ])
    expect(flinkSettings('j3', 'heap', 'arrival')).toEqual([{ state: 'heap', order: 'arrival' }])
  })

  test('error: a job or a word that the peer does not know, and an order that changes nothing', () => {
    expect(() => flinkSettings('sessions', 'heap', 'arrival')).toThrow(
      'Flink is given j1, j2, j3 alone, not sessions: run sessions without --peer.',
    )
    expect(() => flinkSettings('j1', 'heap,disk', 'arrival')).toThrow(
      '--peer-state is a list of heap, rocksdb, not "disk".',
    )
    expect(() => flinkSettings('j2', 'heap', '')).toThrow('--peer-order is a list of arrival, event, not "".')
    expect(() => flinkSettings('j1', 'heap', 'event')).toThrow('--peer-order event is for j2')
  })
})

describe('ratioTo', () => {
  const passes = (...rates: readonly number[]) => rates.map((perCpuSecond) => ({ job: 'j1', perCpuSecond }))

  test('default: medians of the later half of the passes, in which both are warm', () => {
    expect(ratioTo('Flink', passes(1, 2, 100, 90, 120), passes(999, 998, 50, 40, 10))).toEqual({
      measure: 'ratio',
      job: 'j1',
      peer: 'Flink',
      timesThePeer: 2.5,
      perCpuSecond: { ours: 100, peer: 40 },
    })
  })
})

const isAskedFor = process.env['TOCSIN_REQUIRE']?.split(',').includes('flink') === true

// Not for every run of the tests: Maven fetches 130 MB for it.
describe.skipIf(!isAskedFor)('startFlink, which runs where TOCSIN_REQUIRE names flink', () => {
  const folder = join(process.env['TOCSIN_SHARED'] ?? join(import.meta.dirname, '../../../shared'), 'bench')
  for (const [job, input, orders] of [
    ['j1', 'transfers', 'arrival'],
    ['j2', 'transfers', 'arrival,event'],
    ['j3', 'market', 'arrival'],
  ] as const) {
    test.for(flinkSettings(job, 'heap,rocksdb', orders))(
      `default: ${job} answers as expected, byte for byte, each time: $state, $order`,
      { timeout: 600_000 },
      async (setting) => {
        const flink = await startFlink(job, join(folder, `${input}.ndjson.gz`), setting)
        try {
          const expected = gunzipSync(readFileSync(join(folder, `${job}.expected.ndjson.gz`))).toString('utf8')
          for (const number of [1, 2]) {
            const { pass, answer } = await flink.pass()
            expect(fileOf(answer).toString('utf8')).toBe(expected)
            expect(pass).toMatchObject({ job, ...setting, pass: number, events: 20_000, outputs: answer.length })
          }
        } finally {
          await flink.close()
        }
      },
    )
  }
})
