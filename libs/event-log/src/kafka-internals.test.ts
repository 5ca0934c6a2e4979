import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadKafkajs } from './kafka-internals.ts'

type Grouping = (of: object) => Readonly<Record<number, readonly object[]>>
const load = (): Grouping =>
  createRequire(import.meta.url)('kafkajs/src/producer/groupMessagesPerPartition') as Grouping // of version 2.2.4

describe('loadKafkajs', () => {
  test('property: messages are grouped by partition as kafkajs’s own does it, which copies a group for each of them', () => {
    const own = load()
    loadKafkajs()
    const mended = load()
    expect(mended).not.toBe(own)
    fc.assert(
      fc.property(fc.array(fc.nat(3)), fc.boolean(), (partitions, isKnown) => {
        const messages = partitions.map((partition, index) => ({ partition, value: `${index}` }))
        const partitioner = ({ message }: { readonly message: { readonly partition: number } }) => message.partition
        const asked = { topic: 'a', partitionMetadata: isKnown ? [{}] : [], messages, partitioner }
        expect(mended(asked)).toEqual(own(asked))
      }),
    )
  })
})
