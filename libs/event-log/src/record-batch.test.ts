import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compress, compressions, type Compression } from './compression.ts'
import { CorruptBatchError, UnsupportedBatchError } from './errors.ts'
import type { LogRecord } from './event-log.ts'
import { type AbortedTransaction, committedRecords, decodeRecordBatches, type StoredBatch } from './record-batch.ts'

// kafkajs's own encoders, which real brokers accept, judge the decoder.
const require = createRequire(import.meta.url)
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: {
  offsetDelta: number
  timestampDelta: number
  key: Buffer | null
  value: Buffer
  headers?: Record<string, string>
}) => { readonly buffer: Buffer }
const { RecordBatch: encodeBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: (batch: object) => Promise<{ readonly buffer: Buffer }>
}
const crc32c = require('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number

async function batchOf(
  firstOffset: number,
  records: readonly Pick<LogRecord, 'key' | 'value'>[],
  more: object = {},
): Promise<Buffer> {
  const encoded = records.map(({ key, value }, offsetDelta) =>
    encodeRecord({
      offsetDelta,
      timestampDelta: offsetDelta * 1e10,
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(value),
      headers: { name: 'value' },
    }),
  )
  const batch = { firstOffset, lastOffsetDelta: records.length - 1, records: encoded, ...more }
  return (await encodeBatch(batch)).buffer
}

/** The batch as changed by hand, with the checksum that a producer would have taken of it. */
function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

/** The batch with its records compressed, as a broker does it to a topic with `compression.type`. */
function compressed(batch: Buffer, number: number, bytes: Buffer): Buffer {
  const whole = Buffer.concat([batch.subarray(0, 61), bytes])
  whole.writeInt32BE(whole.length - 12, 8)
  whole.writeInt16BE(whole.readInt16BE(21) | number, 21)
  return sealed(whole)
}

const bytes = fc.uint8Array({ maxLength: 300 })
const someRecords = fc.array(fc.record({ key: fc.option(bytes), value: bytes }), { minLength: 1, maxLength: 20 })
const plain = ({ offset, key, value }: LogRecord) => ({ offset, key: key && [...key], value: [...value] })

describe('decodeRecordBatches', () => {
  test('property: what kafkajs encodes comes back, by every compression', async () => {
    const any = fc.constantFrom<Compression>(...compressions)
    await fc.assert(
      fc.asyncProperty(someRecords, fc.nat(2 ** 40), any, async (records, first, compression) => {
        const plainBatch = await batchOf(first, records, { transactional: true, producerId: 77 })
        const number = compressions.indexOf(compression)
        const batch = compressed(plainBatch, number, compress(plainBatch.subarray(61), compression))
        const [decoded] = decodeRecordBatches(batch)
        expect(decoded?.records.map(plain)).toEqual(records.map((record, i) => plain({ ...record, offset: first + i })))
        expect(decoded).toMatchObject({
          baseOffset: first,
          lastOffset: first + records.length - 1,
          producerId: 77n,
          transactional: true,
        })
      }),
    )
  })

  test('behavior: several batches, the last of them cut off anywhere', async () => {
    const [one, two] = [
      await batchOf(5, [{ key: null, value: Buffer.from('a') }]),
      await batchOf(6, [{ key: null, value: Buffer.from('b') }]),
    ]
    const both = Buffer.concat([one, two])
    expect(decodeRecordBatches(both).map(({ baseOffset }) => baseOffset)).toEqual([5, 6])
    for (let length = one.length; length < both.length; length++) {
      expect(decodeRecordBatches(both.subarray(0, length)).map(({ baseOffset }) => baseOffset)).toEqual([5])
    }
    expect(decodeRecordBatches(Buffer.alloc(0))).toEqual([])
  })

  test('behavior: a batch emptied by compaction still says where to read on', async () => {
    const emptied = await batchOf(10, [], { lastOffsetDelta: 4 })
    const batches = decodeRecordBatches(emptied)
    expect(committedRecords(batches, [], 10)).toEqual({ records: [], nextOffset: 15 })
  })

  test('behavior: a control batch says what it is and has no records', async () => {
    for (const [type, control] of [
      [0, 'abort'],
      [1, 'commit'],
      [2, 'other'],
    ] as const) {
      const marker = await batchOf(3, [{ key: Buffer.from([0, 0, 0, type]), value: Buffer.alloc(6) }], {
        transactional: true,
      })
      marker.writeInt16BE(marker.readInt16BE(21) | 0b10_0000, 21)
      expect(decodeRecordBatches(sealed(marker))).toMatchObject([{ control, records: [], lastOffset: 3 }])
    }
  })

  test('property: error: one bit that fell over, wherever the checksum looks', async () => {
    const batch = await batchOf(40, [{ key: null, value: Buffer.from('a value') }])
    const place = fc.record({ byte: fc.integer({ min: 17, max: batch.length - 1 }), bit: fc.nat(7) })
    fc.assert(
      fc.property(place, ({ byte, bit }) => {
        const changed = Buffer.from(batch)
        changed.writeUInt8(changed.readUInt8(byte) ^ (1 << bit), byte)
        expect(() => decodeRecordBatches(changed)).toThrow(CorruptBatchError)
        expect(() => decodeRecordBatches(changed)).toThrow('offset 40')
      }),
    )
  })

  test('error: a length that no batch has, a compression that Kafka has not, a format before Kafka 0.11', async () => {
    const batch = await batchOf(0, [{ key: null, value: Buffer.from('a') }])
    for (const length of [-12, 0, 48]) {
      const cut = Buffer.from(batch)
      cut.writeInt32BE(length, 8)
      expect(() => decodeRecordBatches(cut)).toThrow(CorruptBatchError)
    }
    expect(() => decodeRecordBatches(compressed(batch, 5, batch.subarray(61)))).toThrow(UnsupportedBatchError)
    batch.writeInt8(1, 16)
    expect(() => decodeRecordBatches(batch)).toThrow('message format 1')
  })
})

describe('committedRecords', () => {
  /** A partition as some producers write it, their transactions interleaved; `at` names what is written. */
  type Step = {
    readonly producer: number
    readonly act: 'write' | 'write alone' | 'commit' | 'abort'
    readonly size: number
  }
  const steps = fc.array(
    fc.record<Step>({
      producer: fc.nat(3),
      act: fc.constantFrom('write', 'write', 'write', 'write alone', 'commit', 'abort'),
      size: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 60 },
  )

  /** What a broker stores of the steps, and which offsets a committed reader must see, by the definition of a transaction. */
  function store(run: readonly Step[]) {
    const batches: StoredBatch[] = []
    const aborted: (AbortedTransaction & { readonly lastOffset: number })[] = []
    const open = new Map<number, number[]>()
    const visible: number[] = []
    let offset = 0
    const end = [0, 1, 2, 3].map((producer): Step => ({ producer, act: 'commit', size: 1 })) // so that all is stable
    for (const { producer, act, size } of [...run, ...end]) {
      const baseOffset = offset
      const own = open.get(producer)
      const at = { baseOffset, producerId: BigInt(producer) }
      if (act === 'commit' || act === 'abort') {
        if (own === undefined) continue
        batches.push({ ...at, lastOffset: offset++, transactional: true, control: act, records: [] })
        if (act === 'commit') visible.push(...own)
        else aborted.push({ producerId: at.producerId, firstOffset: own[0] ?? 0, lastOffset: baseOffset })
        open.delete(producer)
        continue
      }
      const offsets = Array.from({ length: size }, () => offset++)
      // A key of four zeros is what kafkajs takes for an abort marker.
      const records = offsets.map((recordOffset) => ({
        offset: recordOffset,
        key: Buffer.alloc(4),
        value: Buffer.alloc(0),
      }))
      const transactional = act === 'write'
      if (transactional) open.set(producer, [...(own ?? []), ...offsets])
      else visible.push(...offsets)
      const producerId = transactional ? at.producerId : -1n
      batches.push({ baseOffset, lastOffset: offset - 1, producerId, transactional, records })
    }
    return { batches, aborted, visible: visible.toSorted((a, b) => a - b), end: offset }
  }

  test('property: exactly the committed records, from any offset, in fetches of any length, whatever the order of the aborts', () => {
    fc.assert(
      fc.property(steps, fc.nat(100), fc.integer({ min: 1, max: 7 }), fc.boolean(), (run, start, length, reversed) => {
        const { batches, aborted, visible, end } = store(run)
        const seen: number[] = []
        let from = Math.min(start, end)
        while (from < end) {
          // As a broker answers: whole batches from the one that holds the offset, and every abort that touches them.
          const first = batches.findIndex(({ lastOffset }) => lastOffset >= from)
          const fetched = batches.slice(first, first + length)
          const last = fetched.at(-1)?.lastOffset ?? end
          const touching = aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset <= last)
          const answer = committedRecords(fetched, reversed ? touching.toReversed() : touching, from)
          seen.push(...answer.records.map(({ offset }) => offset))
          expect(answer.nextOffset).toBeGreaterThan(from)
          from = answer.nextOffset
        }
        expect(seen).toEqual(visible.filter((offset) => offset >= Math.min(start, end)))
        expect(from).toBe(end)
      }),
      { numRuns: 1000 },
    )
  })

  test('behavior: of two interleaved transactions the later is aborted first, then the earlier', () => {
    const write = (baseOffset: number, producerId: bigint): StoredBatch => {
      const records = [{ offset: baseOffset, key: null, value: Buffer.alloc(0) }]
      return { baseOffset, lastOffset: baseOffset, producerId, transactional: true, records }
    }
    const abort = (offset: number, producerId: bigint): StoredBatch => {
      return { baseOffset: offset, lastOffset: offset, producerId, transactional: true, control: 'abort', records: [] }
    }
    const batches = [write(0, 1n), write(1, 2n), write(2, 1n), abort(3, 2n), write(4, 1n), abort(5, 1n), write(6, 2n)]
    const aborted = [
      { producerId: 2n, firstOffset: 1 },
      { producerId: 1n, firstOffset: 0 },
    ]
    const { records, nextOffset } = committedRecords(batches, aborted, 0)
    expect([records.map(({ offset }) => offset), nextOffset]).toEqual([[6], 7])
  })
})
