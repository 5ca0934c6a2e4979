import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import {
  CommitUnknownError,
  EventLogError,
  InvalidTopicError,
  LogClosedError,
  OffsetOutOfRangeError,
  ProducerFencedError,
  TopicMismatchError,
  UnknownPartitionError,
  UnknownTopicError,
} from '../src/errors.ts'
import type { EventLog, LogRecord, TopicPartition } from '../src/event-log.ts'
import {
  appendAll,
  at,
  deadlineIn,
  newTopic,
  pollRecords,
  readRecords,
  readTexts,
  readTo,
  recordsOf,
  textOf,
  unique,
} from './log-actions.ts'
import { type LogAddress, openLogAt } from './log-address.ts'
import { numberedTransaction, parseNumberedRecord } from './numbered-transaction.ts'
import { portLaws } from './port-laws.ts'

/** A log that the suite may fill. Several may share a cluster: the suite names its topics and ids at random. */
export interface LogUnderTest {
  readonly log: EventLog
  /** The same log as a later process finds it. What was opened before may be at an end, or go on like a zombie. */
  reopen(): Promise<EventLog>
  /** Ends all that was opened. */
  dispose(): Promise<void>
  /** Where a child process can open it; left out for a log in memory, which has nothing to survive. */
  readonly address?: LogAddress
}

const DEADLINE_MS = 30_000
const LONGER_THAN_A_TEST_MS = 600_000
const KILLS = 10

/**
 * What every log promises, as tests: an adapter that passes is one that the rest of Tocsin can run on. One that is kept
 * in memory has no `kill -9` to survive, and says so.
 */
export function eventLogSuite(
  name: string,
  open: () => Promise<LogUnderTest>,
  { isInMemory = false }: { readonly isInMemory?: boolean } = {},
): void {
  const opened: LogUnderTest[] = []
  const openLog = async () => {
    const subject = await open()
    opened.push(subject)
    return subject
  }
  afterEach(async () => {
    for (const subject of opened.splice(0)) await subject.dispose()
  })

  describe(`${name}: createTopics`, () => {
    test('default: a new topic has its partitions, each empty from offset 0', async () => {
      const { log } = await openLog()
      const topic = unique('topic')
      await log.createTopics([{ topic, partitions: 3 }])
      expect(await log.partitions(topic)).toBe(3)
      for (const partition of [0, 1, 2]) {
        expect(await log.offsets({ topic, partition })).toEqual({ beginning: 0, end: 0 })
      }
    })

    test('behavior: creating it again changes nothing', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 2)
      await appendAll(log, [at(topic, 1, 'kept')])
      await log.createTopics([
        { topic, partitions: 2 },
        { topic: unique('other'), partitions: 1 },
      ])
      expect(await readTexts(log, { topic, partition: 1, offset: 0 }, 1)).toEqual(['kept'])
    })

    test('error: a topic that exists with another number of partitions', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 2)
      await expect(log.createTopics([{ topic, partitions: 3 }])).rejects.toThrow(TopicMismatchError)
      expect(await log.partitions(topic)).toBe(2)
    })

    test('error: a name or a number of partitions that no topic can have', async () => {
      const { log } = await openLog()
      for (const spec of [
        { topic: '', partitions: 1 },
        { topic: 'a/b', partitions: 1 },
        { topic: '..', partitions: 1 },
        { topic: unique('none'), partitions: 0 },
        { topic: unique('half'), partitions: 1.5 },
      ]) {
        await expect(log.createTopics([spec])).rejects.toThrow(InvalidTopicError)
      }
    })
  })

  describe(`${name}: partitions, offsets`, () => {
    test('error: an unknown topic', async () => {
      const { log } = await openLog()
      const topic = unique('unknown')
      await expect(log.partitions(topic)).rejects.toThrow(UnknownTopicError)
      await expect(log.offsets({ topic, partition: 0 })).rejects.toThrow(UnknownTopicError)
      await expect(log.openReader([{ topic, partition: 0, offset: 0 }])).rejects.toThrow(UnknownTopicError)
      await expect(log.trim({ topic, partition: 0 }, 0)).rejects.toThrow(UnknownTopicError)
    })

    test('error: an unknown partition', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 2)
      await expect(log.offsets({ topic, partition: 2 })).rejects.toThrow(UnknownPartitionError)
      await expect(log.openReader([{ topic, partition: 2, offset: 0 }])).rejects.toThrow(UnknownPartitionError)
    })
  })

  describe(`${name}: append`, () => {
    test('default: each partition of each topic has its records, in the order given', async () => {
      const { log } = await openLog()
      await expect(
        portLaws['each partition of each topic has its records, in the order given'](log),
      ).resolves.toBeUndefined()
    })

    test('behavior: keys and values come back byte for byte: none, empty, zeros, any', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const any = Uint8Array.from({ length: 256 }, (_, index) => index)
      const zeros = new Uint8Array(4)
      const empty = new Uint8Array(0)
      const pairs = [
        [null, any],
        [empty, any],
        [zeros, zeros],
        [any, empty],
        [null, empty],
      ] as const
      const producer = await log.openProducer(unique('id'))
      await producer.append(pairs.map(([key, value]) => ({ topic, partition: 0, key, value })))
      const records = await readRecords(log, { topic, partition: 0, offset: 0 }, pairs.length)
      expect(records.map(({ key, value }) => [key && [...key], [...value]])).toEqual(
        pairs.map(([key, value]) => [key && [...key], [...value]]),
      )
      expect(records.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4])
    })

    const plainTexts = ['plain', '', 'text'].map((text) => Buffer.from(text))
    test.each([
      ['ASCII alone', plainTexts],
      // Of which two are no text.
      [
        'others too',
        [...plainTexts, ...['grün 🐟', '\ufffd'].map((text) => Buffer.from(text)), Buffer.from([0x61, 0xff])],
      ],
    ])('behavior: where a record tells its size and its text, they are those of its value: %s', async (_, values) => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const key = Buffer.from('key')
      const producer = await log.openProducer(unique('id'))
      // By themselves and together, since a log may keep the values of a transaction as one.
      for (const value of values) await producer.append([{ topic, partition: 0, key: null, value }])
      await producer.append(values.map((value) => ({ topic, partition: 0, key, value })))
      const records = await readRecords(log, { topic, partition: 0, offset: 0 }, 2 * values.length)
      expect(records.map(textOf)).toEqual([...values, ...values].map(String))
      for (const { value, size, text } of records) {
        expect(size ?? value.length).toBe(value.length)
        const whole = Buffer.from(value).toString()
        expect(text === undefined || text === (whole.includes('\ufffd') ? null : whole)).toBe(true)
      }
    })

    test('behavior: no records are no transaction', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const producer = await log.openProducer(unique('id'))
      expect(await producer.append([])).toEqual([])
      expect(await log.offsets({ topic, partition: 0 })).toEqual({ beginning: 0, end: 0 })
    })

    test('behavior: appends that are not awaited are made in their order', async () => {
      const { log } = await openLog()
      await expect(portLaws['appends that are not awaited are made in their order'](log)).resolves.toBeUndefined()
    })

    test('behavior: an append may go elsewhere than was prepared for, or never come', async () => {
      const { log } = await openLog()
      const [topic, other] = [await newTopic(log, 2), await newTopic(log, 1)]
      const [id, both] = [unique('id'), [0, 1].map((partition) => ({ topic, partition }))]
      const producer = await log.openProducer(id)
      producer.prepare?.(both)
      await producer.append([at(topic, 1, 'a'), at(other, 0, 'b')])
      producer.prepare?.([{ topic: unique('unknown'), partition: 0 }, ...both])
      expect(await producer.append([])).toEqual([])
      await producer.append([at(topic, 0, 'c')])
      producer.prepare?.(both)
      producer.prepare?.(both)
      await producer.close()
      await (await log.openProducer(id)).append([at(topic, 0, 'd'), at(other, 0, 'e')])
      expect(await readTexts(log, { topic, partition: 0, offset: 0 }, 2)).toEqual(['c', 'd'])
      expect(await readTexts(log, { topic, partition: 1, offset: 0 }, 1)).toEqual(['a'])
      expect(await readTexts(log, { topic: other, partition: 0, offset: 0 }, 2)).toEqual(['b', 'e'])
    })

    test('behavior: to prepare twice, or while an append is under way, is to prepare once', async () => {
      const { log } = await openLog()
      const places = [{ topic: await newTopic(log, 1), partition: 0 }] as const
      const [{ topic }] = places
      const producer = await log.openProducer(unique('id'))
      producer.prepare?.(places)
      producer.prepare?.(places)
      const first = producer.append([at(topic, 0, 'a')]).then(() => true)
      do producer.prepare?.(places)
      while (!(await Promise.race([first, setImmediate(false)])))
      await producer.append([at(topic, 0, 'b')])
      expect(await readTexts(log, { topic, partition: 0, offset: 0 }, 2)).toEqual(['a', 'b'])
    })

    test('behavior: what was prepared and never appended holds back no reader, and not the next owner', async () => {
      const { log } = await openLog()
      const [topic, id] = [await newTopic(log, 1), unique('id')]
      const other = await log.openProducer(unique('id'))
      const texts: string[] = []
      const readOn = async (text: string) => {
        await other.append([at(topic, 0, text)])
        texts.push(text)
        expect(await readTexts(log, { topic, partition: 0, offset: 0 }, texts.length)).toEqual(texts)
      }
      // As one that was killed: nobody closes it.
      const killed = await log.openProducer(id)
      killed.prepare?.([{ topic, partition: 0 }])
      await readOn('while it is open')
      const closed = await log.openProducer(id)
      closed.prepare?.([{ topic, partition: 0 }])
      await closed.close()
      await readOn('after it was closed')
      const owner = await log.openProducer(id)
      await owner.append([at(topic, 0, 'of the next owner')])
      texts.push('of the next owner')
      await readOn('after that')
    })

    test('error: what was prepared before another one took over is not appended', async () => {
      const { log } = await openLog()
      const [topic, id] = [await newTopic(log, 1), unique('id')]
      const fenced = await log.openProducer(id)
      fenced.prepare?.([{ topic, partition: 0 }])
      const owner = await log.openProducer(id)
      await expect(fenced.append([at(topic, 0, 'lost')])).rejects.toThrow(ProducerFencedError)
      await owner.append([at(topic, 0, 'kept')])
      expect(await readTexts(log, { topic, partition: 0, offset: 0 }, 1)).toEqual(['kept'])
    })

    test('behavior: two producers at once: each in its order, every transaction unbroken', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const producers = [await log.openProducer(unique('id')), await log.openProducer(unique('id'))]
      await Promise.all(
        producers.map(async (producer, who) => {
          for (let n = 0; n < 15; n++)
            await producer.append([at(topic, 0, `${who} ${n} a`), at(topic, 0, `${who} ${n} b`)])
        }),
      )
      const texts = await readTexts(log, { topic, partition: 0, offset: 0 }, 60)
      for (const who of ['0', '1']) {
        const own = texts.filter((text) => text.startsWith(who))
        expect(own).toEqual(Array.from({ length: 15 }, (_, n) => [`${who} ${n} a`, `${who} ${n} b`]).flat())
      }
    })

    test('behavior: a transaction of 5 MB over three partitions, records of up to 900 kB', async () => {
      const { log } = await openLog()
      const [a, b] = [await newTopic(log, 2), await newTopic(log, 1)]
      const large = [900_000, 900_000, 400_000, 600_000, 900_000, 700_000].map((bytes, index) => ({
        topic: index % 3 === 0 ? b : a,
        partition: index % 3 === 2 ? 1 : 0,
        key: null,
        value: patterned(bytes, index),
      }))
      const small = Array.from({ length: 6000 }, (_, index) => ({
        topic: a,
        partition: 0,
        key: null,
        value: patterned(100, index),
      }))
      const producer = await log.openProducer(unique('id'))
      await producer.append([...large, ...small])
      for (const place of [
        { topic: a, partition: 0 },
        { topic: a, partition: 1 },
        { topic: b, partition: 0 },
      ]) {
        const sent = [...large, ...small].filter((record) => samePlace(record, place))
        const got = await readRecords(log, { ...place, offset: 0 }, sent.length)
        const equal = sent.every(
          ({ value }, index) => Buffer.compare(value, got[index]?.value ?? new Uint8Array(0)) === 0,
        )
        expect({ place, records: got.length, equal }).toEqual({ place, records: sent.length, equal: true })
      }
    })

    test('error: an unknown topic or partition: nothing of the transaction is written, the producer goes on', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const producer = await log.openProducer(unique('id'))
      await expect(producer.append([at(topic, 0, 'lost'), at(unique('unknown'), 0, 'lost')])).rejects.toThrow(
        UnknownTopicError,
      )
      await expect(producer.append([at(topic, 0, 'lost'), at(topic, 1, 'lost')])).rejects.toThrow(UnknownPartitionError)
      await producer.append([at(topic, 0, 'kept')])
      expect(await readTexts(log, { topic, partition: 0, offset: 0 }, 1)).toEqual(['kept'])
    })

    test('error: a record without a key in a compacted topic: nothing of the transaction is written', async () => {
      const { log } = await openLog()
      await expect(
        portLaws['a record without a key in a compacted topic: nothing of the transaction is written'](log),
      ).resolves.toBeUndefined()
    })

    test('error: a closed producer', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const producer = await log.openProducer(unique('id'))
      await producer.close()
      await expect(producer.append([at(topic, 0, 'late')])).rejects.toThrow(LogClosedError)
    })
  })

  describe(`${name}: openProducer`, () => {
    test('default: fences the earlier producer of the id at once, and only that', async () => {
      const { log } = await openLog()
      await expect(
        portLaws['fences the earlier producer of the id at once, and only that'](log),
      ).resolves.toBeUndefined()
    })

    test('behavior: a producer that was opened and never used is fenced too', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const id = unique('id')
      const earlier = await log.openProducer(id)
      await log.openProducer(id)
      await expect(earlier.append([at(topic, 0, 'zombie')])).rejects.toThrow(ProducerFencedError)
    })

    test('behavior: a producer of a previous process writes no more', async () => {
      const subject = await openLog()
      const topic = await newTopic(subject.log, 1)
      const id = unique('id')
      const earlier = await subject.log.openProducer(id)
      await earlier.append([at(topic, 0, 'before')])
      const log = await subject.reopen()
      const later = await log.openProducer(id)
      await expect(earlier.append([at(topic, 0, 'zombie')])).rejects.toThrow(EventLogError)
      await later.append([at(topic, 0, 'after')])
      expect(await readTexts(log, { topic, partition: 0, offset: 0 }, 2)).toEqual(['before', 'after'])
    })

    test('behavior: right after it, the end has all that the id ever committed', async () => {
      const { log } = await openLog()
      await expect(portLaws['right after it, the end has all that the id ever committed'](log)).resolves.toBeUndefined()
    })

    test('behavior: appends under way when a later one is opened are there if acknowledged, whole or absent if not', async () => {
      const { log } = await openLog()
      const [a, b] = [await newTopic(log, 1), await newTopic(log, 1)]
      const id = unique('id')
      const acknowledged: string[] = []
      const refused: string[] = []
      const errors: unknown[] = []
      for (let round = 0; round < 5; round++) {
        const earlier = await log.openProducer(id)
        const appends = Array.from({ length: 6 }, (_, n) => {
          const text = `${round} ${n}`
          return earlier.append([at(a, 0, text), at(b, 0, text)]).then(
            () => acknowledged.push(text),
            (error: unknown) => {
              errors.push(error)
              if (!(error instanceof CommitUnknownError)) refused.push(text)
            },
          )
        })
        if (round % 2 === 1) await appends[0]
        await Promise.all([log.openProducer(id), ...appends])
      }
      for (const error of errors) expect(error).toSatisfy(isEndOfProducer)
      await log.openProducer(id)
      const [inA, inB] = await Promise.all(
        [a, b].map(async (topic) => {
          const { end } = await log.offsets({ topic, partition: 0 })
          return (await readTo(log, { topic, partition: 0, offset: 0 }, end)).map(textOf)
        }),
      )
      expect(inA).toEqual(inB)
      expect(inA).toEqual(expect.arrayContaining(acknowledged))
      expect(inA?.filter((text) => refused.includes(text))).toEqual([])
      expect(new Set(inA).size).toBe(inA?.length)
    })
  })

  describe(`${name}: openReader`, () => {
    test('default: goes on from an offset, and knows by nextOffset that it has read everything', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const id = unique('id')
      const producer = await log.openProducer(id)
      for (const text of ['0', '1', '2', '3']) await producer.append([at(topic, 0, text)])
      const first = await log.openReader([{ topic, partition: 0, offset: 0 }], { maxBytes: 1 })
      const seen: string[] = []
      let offset = 0
      while (seen.length < 2) {
        for (const batch of await first.poll(DEADLINE_MS)) {
          seen.push(...batch.records.map(textOf))
          offset = batch.nextOffset
        }
      }
      await first.close()
      await log.openProducer(id) // so that the end is exact on a cluster too
      const { end } = await log.offsets({ topic, partition: 0 })
      const rest = await readTo(log, { topic, partition: 0, offset }, end)
      expect([...seen, ...rest.map(textOf)]).toEqual(['0', '1', '2', '3'])
    })

    test('behavior: small polls visit each record once, in order, at least one at a time', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const texts = Array.from({ length: 50 }, (_, index) => `${index} ${'x'.repeat(index * 40)}`)
      await appendAll(
        log,
        texts.slice(0, 25).map((text) => at(topic, 0, text)),
      )
      await appendAll(
        log,
        texts.slice(25).map((text) => at(topic, 0, text)),
      )
      const reader = await log.openReader([{ topic, partition: 0, offset: 0 }], { maxBytes: 100 })
      expect((await pollRecords(reader, texts.length)).map(textOf)).toEqual(texts)
      await reader.close()
    })

    test('behavior: starts inside a transaction', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      await appendAll(
        log,
        ['0', '1', '2', '3', '4'].map((text) => at(topic, 0, text)),
      )
      expect(await readTexts(log, { topic, partition: 0, offset: 3 }, 2)).toEqual(['3', '4'])
    })

    test('behavior: a reader never sees a part of a transaction as the whole', async () => {
      const { log } = await openLog()
      const topics = [await newTopic(log, 1), await newTopic(log, 2)] as const
      const reader = await log.openReader(numberedPlaces(topics).map((place) => ({ ...place, offset: 0 })))
      const producer = await log.openProducer(unique('id'))
      const transactions = Array.from({ length: 40 }, (_, n) => numberedTransaction(n, topics))
      const records = transactions.flat().length
      const writing = (async () => {
        for (const transaction of transactions) await producer.append(transaction)
      })()
      const seen: LogRecord[] = []
      const deadline = deadlineIn(DEADLINE_MS)
      while (seen.length < records && !deadline.passed()) {
        for (const batch of await reader.poll(1000)) seen.push(...batch.records)
      }
      await writing
      expect(wholeTransactions(seen)).toEqual(transactions.map((_, n) => n))
      await reader.close()
    })

    test('behavior: a poll waits for the first record and wakes for it', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 2)
      const producer = await log.openProducer(unique('id'))
      const reader = await log.openReader([
        { topic, partition: 0, offset: 0 },
        { topic, partition: 1, offset: 0 },
      ])
      const polled = pollRecords(reader, 1)
      await producer.append([at(topic, 1, 'news')])
      expect((await polled).map(textOf)).toEqual(['news'])
      await reader.close()
    })

    test('behavior: a poll answers [] when nothing came in time', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const reader = await log.openReader([{ topic, partition: 0, offset: 0 }])
      expect(await reader.poll(20)).toEqual([])
      expect(await reader.poll(0)).toEqual([])
      await reader.close()
    })

    test('behavior: a signal ends a poll that waits, and the reader goes on', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const reader = await log.openReader([{ topic, partition: 0, offset: 0 }])
      const ending = new AbortController()
      const polled = reader.poll(LONGER_THAN_A_TEST_MS, ending.signal)
      ending.abort()
      expect(await polled).toEqual([])
      expect(await reader.poll(LONGER_THAN_A_TEST_MS, ending.signal)).toEqual([])
      await appendAll(log, [at(topic, 0, 'news')])
      expect((await pollRecords(reader, 1)).map(textOf)).toEqual(['news'])
      await reader.close()
    })

    test('behavior: a paused partition is silent until it is resumed', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 2)
      const reader = await log.openReader([
        { topic, partition: 0, offset: 0 },
        { topic, partition: 1, offset: 0 },
      ])
      reader.pause({ topic, partition: 0 })
      await appendAll(log, [at(topic, 0, 'held'), at(topic, 1, 'free')])
      expect((await pollRecords(reader, 1)).map(textOf)).toEqual(['free'])
      expect(recordsOf(await reader.poll(50))).toEqual([])
      reader.resume({ topic, partition: 0 })
      expect((await pollRecords(reader, 1)).map(textOf)).toEqual(['held'])
      await reader.close()
    })

    test('behavior: seek goes back and forward, also under a waiting poll', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      await appendAll(
        log,
        ['0', '1', '2', '3'].map((text) => at(topic, 0, text)),
      )
      const reader = await log.openReader([{ topic, partition: 0, offset: 0 }])
      expect((await pollRecords(reader, 4)).map(textOf)).toEqual(['0', '1', '2', '3'])
      reader.seek({ topic, partition: 0, offset: 1 })
      expect((await pollRecords(reader, 3)).map(textOf)).toEqual(['1', '2', '3'])
      const waiting = pollRecords(reader, 1)
      reader.seek({ topic, partition: 0, offset: 3 })
      expect((await waiting).map(textOf)).toEqual(['3'])
      await reader.close()
    })

    test('behavior: two readers do not disturb each other', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      await appendAll(
        log,
        ['0', '1'].map((text) => at(topic, 0, text)),
      )
      const [one, two] = [
        await log.openReader([{ topic, partition: 0, offset: 0 }]),
        await log.openReader([{ topic, partition: 0, offset: 1 }]),
      ]
      expect((await pollRecords(one, 2)).map(textOf)).toEqual(['0', '1'])
      await one.close()
      expect((await pollRecords(two, 1)).map(textOf)).toEqual(['1'])
      await two.close()
    })

    test('behavior: what was polled stays as it was', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const values = Array.from({ length: 64 }, (_, index) => patterned(20_000, index))
      for (const value of values) await appendAll(log, [{ topic, partition: 0, key: value.subarray(0, 9), value }])
      const reader = await log.openReader([{ topic, partition: 0, offset: 0 }], { maxBytes: 30_000 })
      const records = await pollRecords(reader, values.length)
      expect(records.every(({ value }, index) => Buffer.compare(value, values[index] ?? value) === 0)).toBe(true)
      expect(records.every(({ key, value }) => key !== null && Buffer.compare(key, value.subarray(0, 9)) === 0)).toBe(
        true,
      )
      await reader.close()
    })

    test('behavior: close ends a waiting poll; error: a poll after it', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const reader = await log.openReader([{ topic, partition: 0, offset: 0 }])
      const waiting = reader.poll(DEADLINE_MS)
      await reader.close()
      expect(await within(waiting, DEADLINE_MS / 2)).toEqual([])
      await expect(reader.poll(0)).rejects.toThrow(LogClosedError)
    })

    test('error: an offset past the end is refused, not waited for', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const reader = await log.openReader([{ topic, partition: 0, offset: 7 }])
      await expect(reader.poll(DEADLINE_MS)).rejects.toThrow(OffsetOutOfRangeError)
      await reader.close()
    })
  })

  describe(`${name}: trim`, () => {
    test('default: the beginning moves up, what is above stays', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 2)
      const id = unique('id')
      const producer = await log.openProducer(id)
      await producer.append(['0', '1', '2', '3'].flatMap((text) => [at(topic, 0, text), at(topic, 1, text)]))
      await log.openProducer(id)
      await log.trim({ topic, partition: 0 }, 2)
      expect((await log.offsets({ topic, partition: 0 })).beginning).toBe(2)
      expect((await log.offsets({ topic, partition: 1 })).beginning).toBe(0)
      expect(await readTexts(log, { topic, partition: 0, offset: 2 }, 2)).toEqual(['2', '3'])
      expect(await readTexts(log, { topic, partition: 1, offset: 0 }, 4)).toEqual(['0', '1', '2', '3'])
    })

    test('behavior: never goes back; up to the end empties the partition and offsets go on', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const id = unique('id')
      await (await log.openProducer(id)).append(['0', '1', '2'].map((text) => at(topic, 0, text)))
      const producer = await log.openProducer(id)
      const { end } = await log.offsets({ topic, partition: 0 })
      await log.trim({ topic, partition: 0 }, end)
      await log.trim({ topic, partition: 0 }, 1)
      expect(await log.offsets({ topic, partition: 0 })).toEqual({ beginning: end, end })
      await producer.append([at(topic, 0, 'next')])
      const [record] = await readRecords(log, { topic, partition: 0, offset: end }, 1)
      expect(record && [record.offset, textOf(record)]).toEqual([end, 'next'])
    })

    test('error: reading what was trimmed away, with the range that is left', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const id = unique('id')
      await (await log.openProducer(id)).append(['0', '1', '2'].map((text) => at(topic, 0, text)))
      await log.openProducer(id)
      await log.trim({ topic, partition: 0 }, 2)
      const reader = await log.openReader([{ topic, partition: 0, offset: 1 }])
      await expect(reader.poll(DEADLINE_MS)).rejects.toThrow(/Offset 1 of .*\/0 cannot be read: it holds 2 to/)
      await expect(reader.poll(DEADLINE_MS)).rejects.toThrow(OffsetOutOfRangeError)
      reader.seek({ topic, partition: 0, offset: 2 })
      expect((await pollRecords(reader, 1)).map(textOf)).toEqual(['2'])
      await reader.close()
    })

    test('error: a trim past the end', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      await expect(log.trim({ topic, partition: 0 }, 5)).rejects.toThrow(OffsetOutOfRangeError)
    })
  })

  describe(`${name}: close`, () => {
    test('behavior: a later process finds topics, records and ranges', async () => {
      const subject = await openLog()
      const topic = await newTopic(subject.log, 3)
      const id = unique('id')
      const producer = await subject.log.openProducer(id)
      await producer.append(['0', '1', '2'].flatMap((text) => [at(topic, 0, text), at(topic, 2, text)]))
      await subject.log.openProducer(id)
      await subject.log.trim({ topic, partition: 2 }, 1)
      const before = await subject.log.offsets({ topic, partition: 2 })
      const log = await subject.reopen()
      expect(await log.partitions(topic)).toBe(3)
      expect(await log.offsets({ topic, partition: 2 })).toEqual(before)
      expect(await log.offsets({ topic, partition: 1 })).toEqual({ beginning: 0, end: 0 })
      expect(await readTexts(log, { topic, partition: 2, offset: 1 }, 2)).toEqual(['1', '2'])
      await appendAll(log, [at(topic, 0, '3')])
      expect(await readTexts(log, { topic, partition: 0, offset: 0 }, 4)).toEqual(['0', '1', '2', '3'])
    })

    test('error: a log used after it', async () => {
      const { log } = await openLog()
      const topic = await newTopic(log, 1)
      const producer = await log.openProducer(unique('id'))
      const reader = await log.openReader([{ topic, partition: 0, offset: 0 }])
      const waiting = reader.poll(DEADLINE_MS)
      await log.close()
      await log.close()
      expect(await within(waiting, DEADLINE_MS / 2)).toEqual([])
      await expect(log.partitions(topic)).rejects.toThrow(LogClosedError)
      await expect(producer.append([at(topic, 0, 'late')])).rejects.toThrow(LogClosedError)
    })
  })

  if (isInMemory) return
  describe(`${name}: kill -9`, () => {
    test(`behavior: after each of ${KILLS} kills, every acknowledged transaction is whole and no other is in part`, async () => {
      const { log: first, address } = await openLog()
      if (address === undefined) throw new Error('A log that is not in memory has an address.')
      const topics = [await newTopic(first, 1), await newTopic(first, 2)] as const
      await first.close()
      const id = unique('id')
      const random = seeded(20240607)
      const acknowledged: number[] = []
      let next = 0
      for (let kill = 0; kill < KILLS; kill++) {
        const printed = await appendUntilKilled({
          address,
          id,
          next,
          topics,
          after: 1 + Math.floor(random() * 60),
          random,
        })
        acknowledged.push(...printed)
        const log = await openLogAt(address)
        await log.openProducer(id)
        const whole = wholeTransactions(await readPlaces(log, numberedPlaces(topics)))
        await log.close()
        expect(whole).toEqual(expect.arrayContaining(acknowledged))
        // One at most was committed and not yet acknowledged when the process died.
        expect(whole.length - acknowledged.length).toBeLessThanOrEqual(kill + 1)
        next = (whole.at(-1) ?? -1) + 1
      }
      expect(acknowledged.length).toBeGreaterThan(KILLS)
    }, 300_000)
  })
}

/** Runs the child, kills it a random moment after `after` transactions, and answers the numbers it acknowledged. */
async function appendUntilKilled(run: {
  readonly address: LogAddress
  readonly id: string
  readonly next: number
  readonly topics: readonly [string, string]
  readonly after: number
  readonly random: () => number
}): Promise<readonly number[]> {
  const program = fileURLToPath(new URL('./append-until-killed.ts', import.meta.url))
  const child = spawn(
    process.execPath,
    ['--conditions=@tocsin/source', program, JSON.stringify(run.address), run.id, `${run.next}`, ...run.topics],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const exited: Promise<readonly unknown[]> = once(child, 'close')
  let complaints = ''
  child.stderr.on('data', (chunk) => (complaints += chunk))
  const acknowledged: number[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    acknowledged.push(Number(line))
    // A few ms on, so that it dies anywhere in an append and not only right after one.
    if (acknowledged.length === run.after) setTimeout(() => child.kill('SIGKILL'), run.random() * 8)
  })
  const [, signal] = await exited
  if (signal !== 'SIGKILL') throw new Error(`the child ended before it was killed: ${complaints}`)
  return acknowledged
}

/** The numbers of the transactions in `records`, in order. Fails if one is there in part or twice. */
function wholeTransactions(records: readonly LogRecord[]): readonly number[] {
  const places = new Map<number, { count: number; indexes: number[] }>()
  for (const record of records) {
    const { n, index, count } = parseNumberedRecord(record)
    const place = places.get(n) ?? { count, indexes: [] }
    place.indexes.push(index)
    places.set(n, place)
  }
  for (const [n, { count, indexes }] of places) {
    const whole = Array.from({ length: count }, (_, index) => index)
    expect({ n, indexes: indexes.toSorted((a, b) => a - b) }).toEqual({ n, indexes: whole })
  }
  return [...places.keys()].toSorted((a, b) => a - b)
}

const numberedPlaces = ([a, b]: readonly [string, string]): readonly TopicPartition[] => [
  { topic: a, partition: 0 },
  { topic: b, partition: 0 },
  { topic: b, partition: 1 },
]

async function readPlaces(log: EventLog, places: readonly TopicPartition[]): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  for (const place of places) {
    const { end } = await log.offsets(place)
    records.push(...(await readTo(log, { ...place, offset: 0 }, end)))
  }
  return records
}

const samePlace = (a: TopicPartition, b: TopicPartition) => a.topic === b.topic && a.partition === b.partition
const isEndOfProducer = (error: unknown) => error instanceof ProducerFencedError || error instanceof CommitUnknownError
const patterned = (bytes: number, seed: number) => Buffer.alloc(bytes, `${seed} ${seed * 7919} `)

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${ms} ms`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** mulberry32: the kills fall at the same places in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
