import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { InputLines } from './input-lines.ts'
import { benchJobs } from './jobs/bench-jobs.ts'
import { fileOf, StreamCoreBench } from './stream-core.ts'

const folder = join(process.env['TOCSIN_SHARED'] ?? join(import.meta.dirname, '../../../shared'), 'bench')
const isThere = existsSync(folder)
const inputs = { j1: 'transfers.ndjson.gz', j2: 'transfers.ndjson.gz', j3: 'market.ndjson.gz' }

// In CI the data must be there: without it the tests run, and fail.
describe.skipIf(!isThere && process.env['CI'] === undefined)('StreamCoreBench', () => {
  for (const [job, input] of Object.entries(inputs)) {
    const expected = () => gunzipSync(readFileSync(join(folder, `${job}.expected.ndjson.gz`))).toString('utf8')

    test(`default: ${job} answers as Flink does, byte for byte, each time it is run`, async () => {
      const bench = await StreamCoreBench.open({ job, input: join(folder, input) })
      try {
        for (const number of [1, 2]) {
          const { pass, answer } = await bench.pass()
          expect(fileOf(answer).toString('utf8')).toBe(expected())
          expect(pass).toMatchObject({ job, pass: number, events: 20_000, outputs: answer.length })
        }
      } finally {
        await bench.close()
      }
    })

    for (const distribution of [
      { shards: 1, workers: 0 },
      { shards: 2, workers: 0 },
      { shards: 8, workers: 0 },
      { shards: 8, workers: 2 },
    ]) {
      const { shards, workers } = distribution
      test(`behavior: ${job} answers the same over ${shards} shards in ${workers || 'no'} workers`, async () => {
        const bench = await StreamCoreBench.open({ job, input: join(folder, input), distribution })
        try {
          const { pass, answer } = await bench.pass()
          expect(fileOf(answer).toString('utf8')).toBe(expected())
          expect(pass).toMatchObject({ job, events: 20_000, outputs: answer.length })
        } finally {
          await bench.close()
        }
      })
    }

    test(`behavior: the plain program that ${job} is measured against answers the same`, async () => {
      const lines = await InputLines.read(join(folder, input))
      const answers = (benchJobs[job]?.plain(lines.texts()) ?? []).map((line) => Buffer.from(line))
      expect(fileOf(answers).toString('utf8')).toBe(expected())
    })
  }

  test('behavior: j2 answers the same with less memory than its state needs', async () => {
    const bench = await StreamCoreBench.open({ job: 'j2', input: join(folder, inputs.j2), memoryBudgetMb: 0.01 })
    try {
      const { answer } = await bench.pass()
      const expected = gunzipSync(readFileSync(join(folder, 'j2.expected.ndjson.gz'))).toString('utf8')
      expect(fileOf(answer).toString('utf8')).toBe(expected)
    } finally {
      await bench.close()
    }
  })

  test('default: sessions answer as the plain program does, byte for byte', async () => {
    const input = join(folder, inputs.j1)
    const lines = await InputLines.read(input)
    const expected = (benchJobs['sessions']?.plain(lines.texts()) ?? []).map((line) => Buffer.from(line))
    expect(expected.length).toBeGreaterThan(100)
    const bench = await StreamCoreBench.open({ job: 'sessions', input })
    try {
      const { answer } = await bench.pass()
      expect(fileOf(answer).toString('utf8')).toBe(fileOf(expected).toString('utf8'))
    } finally {
      await bench.close()
    }
  })
})
