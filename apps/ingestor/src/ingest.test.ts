import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transactionsTopic } from '@tocsin/chain-model'
import { LogUnavailableError } from '@tocsin/event-log'
import { openSimulatedLog, type AppendFate } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { decodeBatches, decodeRecording, ingestRecording, type IngestProgress } from './ingest.ts'
import { recordOf } from './ledger/ledger.ts'
import { openRecording } from './sources/recording-source.ts'
import { unreachableOnce } from './testing/unreachable-once.ts'

const topic = transactionsTopic('test', 1)
const at = { topic, partition: 0 }
const hash = (number: number, branch: string) => `0x${number.toString(16).padStart(63, '0')}${branch}`
const block = (number: number, branch: string) => ({
  number: `0x${number.toString(16)}`,
  hash: hash(number, branch),
  parentHash: hash(number - 1, branch),
  timestamp: `0x${(number * 12).toString(16)}`,
  transactions: [0, 1].map((index) => ({
    hash: `0x${number.toString(16).padStart(62, '0')}${index}${branch}`,
    transactionIndex: `0x${index}`,
    from: `0x${'a1'.repeat(20)}`,
    to: `0x${'b2'.repeat(20)}`,
    value: '0x1',
    nonce: '0x0',
    input: '0x',
  })),
})

async function recordingOf(count: number, branch = 'a') {
  const file = join(mkdtempSync(join(tmpdir(), 'tocsin-ingest-')), 'blocks.jsonl')
  writeFileSync(file, Array.from({ length: count }, (_, index) => JSON.stringify(block(index + 1, branch))).join('\n'))
  return openRecording([file])
}

async function expectedValues(recording: Awaited<ReturnType<typeof recordingOf>>) {
  const values: string[] = []
  for await (const record of decodeRecording(recording))
    values.push(Buffer.from(recordOf(topic, record).value).toString())
  return values
}
const valuesIn = (log: ReturnType<typeof openSimulatedLog>) =>
  log.records(at).map(({ value }) => Buffer.from(value).toString())

describe('decodeBatches', () => {
  test('behavior: no watermark passes the next block, even where blocks are closer than the slots of their chain', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tocsin-ingest-')), 'blocks.jsonl')
    const afterTheMerge = [12, 13, 25, 37, 36_000].map((seconds, index) => ({
      ...block(18_000_000 + index, 'a'),
      timestamp: `0x${seconds.toString(16)}`,
    }))
    writeFileSync(file, afterTheMerge.map((one) => JSON.stringify(one)).join('\n'))
    const watermarks: number[] = []
    for await (const { records } of decodeBatches(await openRecording([file])))
      for (const record of records) if (record.type === 'sealed') watermarks.push(record.watermark)
    expect(watermarks).toEqual([12_999, 24_999, 36_999, 48_999, 36_011_999])
  })
})

describe('ingestRecording', () => {
  test('default: writes what decodeRecording gives, whatever the batch size', async () => {
    const recording = await recordingOf(7)
    const expected = await expectedValues(recording)
    expect(expected.length).toBe(7 * 4 + 1)
    for (const batchBlocks of [1, 3, 100]) {
      const log = openSimulatedLog()
      const progress: IngestProgress[] = []
      await ingestRecording({ recording, log, prefix: 'test', batchBlocks, onProgress: (step) => progress.push(step) })
      expect(valuesIn(log)).toEqual(expected)
      expect(progress.at(-1)).toEqual({ chainId: 1, blocks: 7, ofBlocks: 7, blockNumber: 7 })
    }
  })

  test('behavior: a block is in the log whole or not at all', async () => {
    const log = openSimulatedLog()
    const appends: string[][] = []
    log.decideAppends(({ records }) => {
      appends.push(records.map(({ value }) => (JSON.parse(Buffer.from(value).toString()) as { type: string }).type))
      return 'committed'
    })
    await ingestRecording({ recording: await recordingOf(2), log, prefix: 'test', batchBlocks: 1 })
    const whole = ['transaction', 'transaction', 'sealed', 'finalized']
    expect(appends).toEqual([whole, whole, ['watermark']])
  })

  test('behavior: stopped anywhere, it goes on where the log ends; a third call writes nothing', async () => {
    const recording = await recordingOf(7)
    const expected = await expectedValues(recording)
    for (let stopAfter = 1; stopAfter <= 7; stopAfter++) {
      let log = openSimulatedLog()
      const stop = new AbortController()
      log.decideAppends(({ index }) => {
        if (index === stopAfter) stop.abort()
        return 'committed'
      })
      await ingestRecording({ recording, log, prefix: 'test', batchBlocks: 1, signal: stop.signal }).catch(
        (error: unknown) => {
          if (!stop.signal.aborted) throw error
        },
      )
      for (let again = 0; again < 2; again++) {
        log = log.reopen()
        await ingestRecording({ recording, log, prefix: 'test', batchBlocks: 2 })
        expect(valuesIn(log)).toEqual(expected)
      }
    }
  })

  test('behavior: a full disk and commits of unknown outcome lose nothing and write nothing twice', async () => {
    const recording = await recordingOf(7)
    const fates: AppendFate[] = ['full', 'committed', 'commit-unknown', 'lost', 'full', 'commit-unknown', 'lost']
    const log = openSimulatedLog()
    log.decideAppends(({ index }) => fates[index] ?? 'committed')
    const retried: string[] = []
    const onRetry = (error: unknown) => retried.push(error instanceof Error ? error.constructor.name : '')
    await ingestRecording({ recording, log, prefix: 'test', batchBlocks: 1, onRetry })
    expect(valuesIn(log)).toEqual(await expectedValues(recording))
    expect(retried).toEqual([
      'LogFullError',
      'CommitUnknownError',
      'CommitUnknownError',
      'LogFullError',
      'CommitUnknownError',
      'CommitUnknownError',
    ])
  })

  test('behavior: a log that cannot be reached is waited out, wherever it is asked', async () => {
    const recording = await recordingOf(2)
    for (const call of ['createTopics', 'openProducer', 'offsets'] as const) {
      const log = openSimulatedLog()
      const told: unknown[] = []
      const onRetry = (error: unknown) => told.push(error)
      await ingestRecording({ recording, log: unreachableOnce(log, call), prefix: 'test', onRetry })
      expect(valuesIn(log)).toEqual(await expectedValues(recording))
      expect(told, call).toEqual([expect.any(LogUnavailableError)])
    }
  })

  test('error: another recording does not go on with this log', async () => {
    const log = openSimulatedLog()
    await ingestRecording({ recording: await recordingOf(3), log, prefix: 'test' })
    for (const other of [await recordingOf(3, 'b'), await recordingOf(5), await recordingOf(2)])
      await expect(ingestRecording({ recording: other, log, prefix: 'test' })).rejects.toThrow(
        /^The topic test\.1\.transactions holds other blocks than this recording/,
      )
  })
})
