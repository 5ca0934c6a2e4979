import { describe, expect, test } from 'vitest'
import { CommitUnknownError, LogFullError } from '../src/errors.ts'
import { eventLogSuite } from './event-log.suite.ts'
import { type AppendFate, openSimulatedLog } from './simulated-log.ts'

for (const markers of [false, true]) {
  eventLogSuite(
    markers ? 'simulated, with markers' : 'simulated',
    async () => {
      let log = openSimulatedLog({ markers })
      return {
        log,
        reopen: async () => (log = log.reopen()),
        dispose: () => log.close(),
      }
    },
    { isInMemory: true },
  )
}

describe('openSimulatedLog', () => {
  const place = { topic: 'topic', partition: 0 }
  const record = { ...place, key: null, value: Buffer.from('value') }

  test.each<[AppendFate, typeof LogFullError | typeof CommitUnknownError, number, boolean]>([
    ['full', LogFullError, 0, true],
    ['lost', CommitUnknownError, 0, false],
    ['commit-unknown', CommitUnknownError, 1, false],
  ])('behavior: an append may be %s', async (fate, error, written, goesOn) => {
    const log = openSimulatedLog()
    await log.createTopics([{ topic: 'topic', partitions: 1 }])
    log.decideAppends(({ index }) => (index === 0 ? fate : 'committed'))
    const producer = await log.openProducer('id')
    await expect(producer.append([record])).rejects.toThrow(error)
    expect(log.records(place).length).toBe(written)
    if (goesOn) await producer.append([record])
    else await expect(producer.append([record])).rejects.toThrow(error)
    expect(log.records(place).length).toBe(written + (goesOn ? 1 : 0))
  })

  test('behavior: a held append is seen by nobody until it is let go, and is lost if the process ends before', async () => {
    const log = openSimulatedLog()
    await log.createTopics([{ topic: 'topic', partitions: 1 }])
    const { promise, resolve } = Promise.withResolvers<AppendFate>()
    log.decideAppends(() => promise)
    const producer = await log.openProducer('id')
    const held = producer.append([record])
    const later = log.reopen()
    resolve('committed')
    await expect(held).rejects.toThrow('closed')
    expect(later.records(place)).toEqual([])
  })
})
