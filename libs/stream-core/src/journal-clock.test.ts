import { describe, expect, test } from 'vitest'
import { ProducerFencedError } from '@tocsin/event-log'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import { journalClock } from './journal-clock.ts'

const topic = 'clock'
const partitions = [
  { topic, partition: 0 },
  { topic, partition: 1 },
]

/** Journals what the clock shows at each interval, one after the other, and stops. */
const journal = async (
  times: readonly number[],
  options: { readonly log?: ReturnType<typeof openSimulatedLog> } = {},
) => {
  const { log = openSimulatedLog() } = options
  await log.createTopics([{ topic, partitions: 2 }])
  const stop = new AbortController()
  const left = [...times]
  const waits: number[] = []
  const running = journalClock(
    {
      log,
      partitions,
      transactionalId: 'clock',
      clock: () => left.shift() ?? 0,
      intervalMs: 250,
      eventLoop: {
        wait: async (ms) => {
          waits.push(ms)
          if (left.length === 0) stop.abort()
        },
      },
    },
    stop.signal,
  )
  await running
  const written = partitions.map((at) => log.records(at).map(({ value }) => String(Buffer.from(value))))
  return { log, waits, written }
}

describe('journalClock', () => {
  test('default: what the clock shows, in whole milliseconds, at once and after every interval, on each partition', async () => {
    const { waits, written } = await journal([1000.7, 1250, 1500])
    const times = ['{"clock":1000}', '{"clock":1250}', '{"clock":1500}']
    expect(written).toEqual([times, times])
    expect(waits).toEqual([250, 250, 250])
  })
  test('behavior: a clock that goes back or stands is not journaled', async () => {
    const { written } = await journal([1000, 900, 1000, 1001])
    expect(written[0]).toEqual(['{"clock":1000}', '{"clock":1001}'])
  })
  test('behavior: what the log cannot do now is tried again at the next interval, with the time of then', async () => {
    const log = openSimulatedLog()
    const fates = ['full', 'lost', 'commit-unknown', 'committed'] as const
    log.decideAppends(({ index }) => fates[index] ?? 'committed')
    const { written } = await journal([1000, 1250, 1500, 1750], { log })
    expect(written[0]).toEqual(['{"clock":1500}', '{"clock":1750}'])
  })
  test('error: a second writer of the same id ends the first', async () => {
    const log = openSimulatedLog()
    await log.createTopics([{ topic, partitions: 2 }])
    const running = journalClock(
      {
        log,
        partitions,
        transactionalId: 'clock',
        clock: (
          (time) => () =>
            (time += 1)
        )(0),
        intervalMs: 250,
        eventLoop: { wait: async () => void (await log.openProducer('clock')) },
      },
      new AbortController().signal,
    )
    await expect(running).rejects.toThrow(ProducerFencedError)
  })
})
