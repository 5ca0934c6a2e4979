import { openSimulatedLog, type AppendFate } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { openFeedProducer } from './feed-producer.ts'

const { signal } = new AbortController()
const place = { topic: 'feed', partition: 0 }
const record = (text: string) => ({ ...place, key: null, value: Buffer.from(text) })

describe('openFeedProducer', () => {
  test.each([
    ['commit-unknown', 'lost'],
    ['lost', 'commit-unknown', 'commit-unknown'],
    ['full', 'commit-unknown'],
    // The second b is like the first, which is there: it is not taken for it.
    ['committed', 'commit-unknown', 'lost'],
  ] satisfies AppendFate[][])('behavior: after %s each append is in the log once, in order', async (...fates) => {
    const log = openSimulatedLog()
    await log.createTopics([{ topic: 'feed', partitions: 1 }])
    log.decideAppends(({ index }) => fates[index] ?? 'committed')
    const errors: unknown[] = []
    const onRetry = (error: unknown) => errors.push(error)
    const producer = await openFeedProducer({ log, transactionalId: 'feed', random: () => 0, signal, onRetry })
    for (const text of ['a', 'b', 'b', 'c']) await producer.append([record(text), record(`${text}2`)])
    const values = log.records(place).map(({ value }) => Buffer.from(value).toString())
    expect(values).toEqual(['a', 'a2', 'b', 'b2', 'b', 'b2', 'c', 'c2'])
    expect(errors).toHaveLength(fates.filter((fate) => fate !== 'committed').length)
  })
})
