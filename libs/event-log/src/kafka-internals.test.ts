import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadKafkajs } from './kafka-internals.ts'

type Grouping = (of: object) => Readonly<Record<number, readonly object[]>>
type EncodeRecord = (of: object) => { readonly buffer: Buffer }

// Of version 2.2.4: its own when it is first asked for, and mended afterwards.
const require = createRequire(import.meta.url)
const grouping = () => require('kafkajs/src/producer/groupMessagesPerPartition') as Grouping
const encoding = () => require('kafkajs/src/protocol/recordBatch/record/v0') as EncodeRecord
const own = { grouping: grouping(), encoding: encoding() }
loadKafkajs()

describe('loadKafkajs', () => {
  test('property: messages are grouped by partition as kafkajs’s own does it, which copies a group for each of them', () => {
    const mended = grouping()
    expect(mended).not.toBe(own.grouping)
    fc.assert(
      fc.property(fc.array(fc.nat(3)), fc.boolean(), (partitions, isKnown) => {
        const messages = partitions.map((partition, index) => ({ partition, value: `${index}` }))
        const partitioner = ({ message }: { readonly message: { readonly partition: number } }) => message.partition
        const asked = { topic: 'a', partitionMetadata: isKnown ? [{}] : [], messages, partitioner }
        expect(mended(asked)).toEqual(own.grouping(asked))
      }),
    )
  })

  test('property: records are encoded to the bytes of kafkajs’s own, which makes an encoder for each of them', () => {
    const mended = encoding()
    expect(mended).not.toBe(own.encoding)
    const bytes = fc.option(fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some)))
    const offset = fc.oneof(fc.nat(200), fc.nat(2 ** 30 - 1))
    const others = fc.oneof(
      { weight: 5, arbitrary: fc.constant({}) },
      fc.record({ headers: fc.constantFrom({}, { name: 'value' }) }),
      fc.record({ timestampDelta: fc.nat() }),
    )
    const encoded = (encode: EncodeRecord, record: object) => encode(record).buffer.toString('hex')
    fc.assert(
      fc.property(offset, bytes, bytes, others, (offsetDelta, key, value, more) => {
        const record = { offsetDelta, timestampDelta: 0, key, value, ...more }
        expect(encoded(mended, record)).toBe(encoded(own.encoding, record))
      }),
      {
        examples: [
          [0, null, null, {}],
          [63, Buffer.alloc(63), Buffer.alloc(64), {}],
          [64, Buffer.alloc(8191), Buffer.alloc(8192), {}],
          [2 ** 30 - 1, Buffer.alloc(0), Buffer.alloc(1_048_576), {}],
        ],
      },
    )
  })
})
