import { expect } from 'vitest'
import { InvalidRecordError, ProducerFencedError } from '../src/errors.ts'
import type { EventLog } from '../src/event-log.ts'
import { at, newTopic, readTexts, readTo, textOf, unique } from './log-actions.ts'

/**
 * Promises of the port that a defect of a Kafka client once broke, each a function that throws when it is broken: the
 * suite holds every log to them, and the Kafka tests see each one broken when the work-around is switched off.
 */
export const portLaws = {
  /** D6: a producer id is asked for when a producer is opened, not when it first writes. */
  async 'fences the earlier producer of the id at once, and only that'(log: EventLog): Promise<void> {
    const topic = await newTopic(log, 1)
    const id = unique('id')
    const other = await log.openProducer(unique('other'))
    const earlier = await log.openProducer(id)
    await earlier.append([at(topic, 0, 'earlier')])
    const later = await log.openProducer(id)
    await expect(earlier.append([at(topic, 0, 'zombie')])).rejects.toThrow(ProducerFencedError)
    await expect(earlier.append([at(topic, 0, 'zombie')])).rejects.toThrow(ProducerFencedError)
    await later.append([at(topic, 0, 'later')])
    await other.append([at(topic, 0, 'other')])
    expect(await readTexts(log, { topic, partition: 0, offset: 0 }, 3)).toEqual(['earlier', 'later', 'other'])
  },

  /** D7: what was committed is written to partitions later, and a new owner must not read before. */
  async 'right after it, the end has all that the id ever committed'(log: EventLog): Promise<void> {
    const partitions = Array.from({ length: 12 }, (_, partition) => partition)
    const topic = await newTopic(log, partitions.length)
    const id = unique('id')
    for (let n = 0; n < 10; n++) {
      const producer = await log.openProducer(id)
      await producer.append(partitions.map((partition) => at(topic, partition, `${n}`)))
      await log.openProducer(id)
      const ranges = await Promise.all(partitions.map((partition) => log.offsets({ topic, partition })))
      const [partition, { end }] = [...ranges.entries()].toSorted(([, a], [, b]) => a.end - b.end)[0] ?? [0, { end: 0 }]
      const texts = (await readTo(log, { topic, partition, offset: 0 }, end)).map(textOf)
      expect(texts).toEqual(Array.from({ length: n + 1 }, (_, index) => `${index}`))
    }
  },

  /** D8: a client that chooses partitions itself chooses again when it tries again. */
  async 'each partition of each topic has its records, in the order given'(log: EventLog): Promise<void> {
    const [a, b] = [await newTopic(log, 2), await newTopic(log, 1)]
    const producer = await log.openProducer(unique('id'))
    const sent = Array.from({ length: 30 }, (_, n) => at(n % 3 === 0 ? b : a, n % 3 === 2 ? 1 : 0, `${n}`))
    const positions = await producer.append(sent).catch((error: unknown) => [error])
    const places = [
      { topic: a, partition: 0 },
      { topic: a, partition: 1 },
      { topic: b, partition: 0 },
    ]
    for (const { topic, partition } of places) {
      const own = sent.filter((record) => record.topic === topic && record.partition === partition)
      expect(positions).toContainEqual({ topic, partition, offset: own.length })
      expect(await readTexts(log, { topic, partition, offset: 0 }, own.length)).toEqual(own.map(textOf))
    }
    expect(positions.length).toBe(places.length)
  },

  /** D11: a Kafka producer has one transaction at a time, and kafkajs refuses a second. */
  async 'appends that are not awaited are made in their order'(log: EventLog): Promise<void> {
    const topic = await newTopic(log, 1)
    const producer = await log.openProducer(unique('id'))
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`)
    const results = await Promise.allSettled(texts.map((text) => producer.append([at(topic, 0, text)])))
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
    expect(await readTexts(log, { topic, partition: 0, offset: 0 }, texts.length)).toEqual(texts)
  },

  /** §2.1: a refusal inside a transaction costs the producer, so what will be refused is not begun. */
  async 'a record without a key in a compacted topic: nothing of the transaction is written'(
    log: EventLog,
  ): Promise<void> {
    const topic = unique('compacted')
    await log.createTopics([{ topic, partitions: 1, cleanup: 'compact' }])
    const producer = await log.openProducer(unique('id'))
    const keyed = { ...at(topic, 0, 'kept'), key: Buffer.from('key') }
    await expect(producer.append([keyed, at(topic, 0, 'no key')])).rejects.toThrow(InvalidRecordError)
    await producer.append([keyed])
    expect(await readTexts(log, { topic, partition: 0, offset: 0 }, 1)).toEqual(['kept'])
  },
}
