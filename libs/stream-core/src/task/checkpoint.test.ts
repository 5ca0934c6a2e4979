import { openSimulatedLog } from '@tocsin/event-log/testing'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { numberCodec, openJob, StreamBuilder, stringKey, valueState, type SourceRecord } from '../index.ts'
import { openMemoryStore } from '../state/memory-store.ts'

const wallets = Array.from({ length: 200 }, (_, index) => `wallet ${index}`)
const seen = valueState('seen', numberCodec)

const setUp = async () => {
  const log = openSimulatedLog()
  await log.createTopics(['payments', 'dead'].map((topic) => ({ topic, partitions: 1 })))
  const producer = await log.openProducer('writer')
  const pay = () =>
    producer.append(
      wallets.map((value) => {
        const record = { type: 'element', timestamp: 0, value } satisfies SourceRecord<string>
        return { topic: 'payments', partition: 0, key: null, value: Buffer.from(JSON.stringify(record)) }
      }),
    )
  const builder = new StreamBuilder({ job: 'payments', version: '1' })
  builder
    .source<string>('payments', {
      topic: 'payments',
      codec: { decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<string> },
      watermarks: { type: 'in-log' },
    })
    .keyBy((wallet) => wallet, stringKey)
    .process('count', {
      processElement(_, ctx) {
        ctx.state(seen).value = (ctx.state(seen).value ?? 0) + 1
      },
    })
  return { log, pay, topology: builder.build() }
}

describe('writeCheckpoint', () => {
  test('behavior: it leaves the fold three quarters of the time, where there is more to fold and nobody waits for it', async () => {
    const { log, pay, topology } = await setUp()
    let now = 0
    const waits: number[] = []
    const job = await openJob({
      topology,
      log,
      store: openMemoryStore(),
      stateFolder: '',
      progressTopic: 'progress',
      deadLetters: { topic: 'dead', encode: ({ payload }) => payload },
      checkpointIntervalMs: 1_000_000,
      // Each look at it is a millisecond of work.
      clock: () => (now += 1),
      eventLoop: {
        turn: () => setImmediate(),
        wait: async (ms, signal) => {
          await setImmediate()
          if (signal?.aborted !== true) waits.push(ms)
        },
      },
    })
    const stop = new AbortController()
    const running = job.run(stop.signal)
    const folded = async (elements: number) => {
      while (job.progress().elements < elements) await setImmediate()
    }
    const checkpointed = async (times: number) => {
      while (job.progress().checkpoints < times) await setImmediate()
      return job.progress().lastCheckpoint?.longestSliceMs ?? 0
    }
    await pay()
    await folded(wallets.length)
    now += 1_000_000
    expect(await checkpointed(1)).toBeGreaterThan(0)
    expect(waits).toEqual([])

    for (let times = 0; times < 50; times += 1) await pay()
    now += 1_000_000
    const longest = await checkpointed(2)
    expect(waits.length).toBeGreaterThan(0)
    // A slice ends after 2 ms.
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(3 * 2)
    expect(Math.max(...waits)).toBeLessThanOrEqual(3 * longest)

    await folded(51 * wallets.length)
    await pay()
    await folded(52 * wallets.length)
    waits.length = 0
    stop.abort()
    await running
    expect(job.progress()).toMatchObject({ checkpoints: 3, lastCheckpoint: { cells: wallets.length } })
    expect(waits).toEqual([])
    await job.close()
  })
})
