import { InvalidRecordError, InvalidTopicError } from './errors.ts'
import type { NewRecord, TopicSpec } from './event-log.ts'

/** Doubts a topic once, by Kafka's rules, so that a name that the embedded log takes is one a cluster takes too. */
export function parseTopicSpec({
  topic,
  partitions,
  cleanup = 'delete',
  isTrimmed = false,
}: TopicSpec): Required<TopicSpec> {
  const named = /^[a-zA-Z0-9._-]{1,249}$/.test(topic) && topic !== '.' && topic !== '..'
  if (!named || !Number.isInteger(partitions) || partitions < 1) throw new InvalidTopicError({ topic, partitions })
  return { topic, partitions, cleanup, isTrimmed }
}

/** @throws {InvalidRecordError} as Kafka refuses it: a record without a key in a compacted topic. */
export function verifyRecord({ topic, key }: NewRecord, cleanup: 'delete' | 'compact'): void {
  if (cleanup === 'compact' && key === null) throw new InvalidRecordError({ topic })
}
