import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RecordTooLargeError } from './errors.ts'
import { planRequests } from './kafka-producer.ts'

const topics = new Map([
  ['a', { maxBatchBytes: 10_000 }],
  ['b', { maxBatchBytes: 2_000 }],
])
const record = (topic: string, partition: number, bytes: number, mark = 0) => ({
  topic,
  partition,
  key: null,
  value: Buffer.alloc(bytes, mark),
})

describe('planRequests', () => {
  test('default: what a broker takes at once is one request', () => {
    const requests = planRequests([record('a', 0, 10), record('b', 0, 10), record('a', 1, 10)], topics)
    expect(requests).toHaveLength(1)
    expect(requests[0]?.topicMessages?.map(({ topic, messages }) => [topic, messages.length])).toEqual([
      ['a', 2],
      ['b', 1],
    ])
  })

  test('property: every record once, in order in its partition, no batch over what its topic takes', () => {
    const one = fc.record({ topic: fc.constantFrom('a', 'b'), partition: fc.nat(2), bytes: fc.nat(1800) })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 80 }), (sizes) => {
        const records = sizes.map(({ topic, partition, bytes }, index) => record(topic, partition, bytes + 1, index))
        const sent = planRequests(records, topics).map(({ topicMessages = [] }) =>
          topicMessages.flatMap(({ topic, messages }) =>
            messages.map(({ partition, value }) => ({ place: `${topic}/${partition}`, topic, value })),
          ),
        )
        for (const place of ['a/0', 'a/1', 'a/2', 'b/0', 'b/1', 'b/2']) {
          const marks = sent.flat().flatMap((message) => (message.place === place ? [message.value?.[0]] : []))
          expect(marks).toEqual(
            records.flatMap(({ topic, partition, value }) => (`${topic}/${partition}` === place ? [value[0]] : [])),
          )
        }
        for (const request of sent) {
          for (const [topic, messages] of [...Map.groupBy(request, ({ place }) => place).values()].map(
            (group) => [group[0]?.topic ?? '', group] as const,
          )) {
            const bytes = messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
            expect(bytes).toBeLessThanOrEqual(topics.get(topic)?.maxBatchBytes ?? 0)
          }
        }
      }),
    )
  })

  test('error: a record that its topic does not take', () => {
    expect(() => planRequests([record('a', 0, 5000), record('b', 0, 5000)], topics)).toThrow(RecordTooLargeError)
  })
})
