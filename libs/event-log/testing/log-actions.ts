import { expect } from 'vitest'
import type { EventLog, LogRecord, NewRecord, Position, Reader } from '../src/event-log.ts'

// What the tests of a log do with it, over and over.

const DEADLINE_MS = 30_000

/** All committed records from a position up to `end`: a reader is done when its `nextOffset` is there. */
export async function readTo(log: EventLog, from: Position, end: number): Promise<readonly LogRecord[]> {
  const reader = await log.openReader([from])
  const records: LogRecord[] = []
  const deadline = deadlineIn(DEADLINE_MS)
  for (let offset = from.offset; offset < end;) {
    if (deadline.passed()) throw new Error(`stands at ${offset} of ${end} in ${from.topic}/${from.partition}`)
    for (const batch of await reader.poll(1000)) {
      records.push(...batch.records)
      offset = batch.nextOffset
    }
  }
  await reader.close()
  return records
}

/** Polls until there are `count` records, and no more than those. */
export async function pollRecords(reader: Reader, count: number): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = []
  const deadline = deadlineIn(DEADLINE_MS)
  while (records.length < count && !deadline.passed()) records.push(...recordsOf(await reader.poll(DEADLINE_MS)))
  expect(records.length).toBe(count)
  return records
}

export async function readRecords(log: EventLog, from: Position, count: number): Promise<readonly LogRecord[]> {
  const reader = await log.openReader([from])
  const records = await pollRecords(reader, count)
  await reader.close()
  return records
}

export async function readTexts(log: EventLog, from: Position, count: number): Promise<readonly string[]> {
  return (await readRecords(log, from, count)).map(textOf)
}

export async function newTopic(log: EventLog, partitions: number): Promise<string> {
  const topic = unique('topic')
  await log.createTopics([{ topic, partitions }])
  return topic
}

export async function appendAll(log: EventLog, records: readonly NewRecord[]): Promise<void> {
  const producer = await log.openProducer(unique('id'))
  await producer.append(records)
  await producer.close()
}

export const recordsOf = (batches: Awaited<ReturnType<Reader['poll']>>) => batches.flatMap(({ records }) => records)
export const textOf = ({ value }: Pick<LogRecord, 'value'>) => Buffer.from(value).toString()
export const at = (topic: string, partition: number, text: string) => ({
  topic,
  partition,
  key: null,
  value: Buffer.from(text),
})
export const unique = (what: string) => `suite.${what}.${crypto.randomUUID()}`
export function deadlineIn(ms: number): { passed(): boolean } {
  const start = performance.now()
  return { passed: () => performance.now() - start > ms }
}
