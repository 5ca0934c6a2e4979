import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CheckpointRecordWriter, decodeCheckpointRecord } from './checkpoint-record.ts'

const byteString = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const value = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))

describe('CheckpointRecordWriter', () => {
  test('property: what is read back is what was written, deletions and heads too', () => {
    const cell = fc.record({
      table: fc.constantFrom('totals/sum', 'größe/π', ''),
      key: byteString,
      sub: fc.option(byteString),
      value: fc.option(value),
    })
    fc.assert(
      fc.property(
        fc.array(cell),
        fc.option(value),
        fc.constantFrom('snapshot' as const, 'increment' as const, null),
        (cells, meta, begins) => {
          const writer = new CheckpointRecordWriter()
          writer.add({ table: 'before', key: '', sub: null, value: null })
          writer.take(null, null)
          for (const one of cells) writer.add(one)
          const bytes = writer.bytes
          const record = writer.take(begins, meta)
          expect(record.length).toBe(6 + bytes + (meta?.length ?? 0))
          expect(decodeCheckpointRecord(record)).toEqual({ begins, cells, meta })
        },
      ),
      { numRuns: 200 },
    )
  })

  test('behavior: it grows with what is written', () => {
    const writer = new CheckpointRecordWriter()
    const large = Buffer.alloc(300_000, 7)
    writer.add({ table: 't', key: 'k', sub: null, value: large })
    writer.add({ table: 't', key: 'l', sub: 's', value: large })
    expect(decodeCheckpointRecord(writer.take('increment', null)).cells).toEqual([
      { table: 't', key: 'k', sub: null, value: large },
      { table: 't', key: 'l', sub: 's', value: large },
    ])
  })

  test('error: another format, and a record that is cut, are told', () => {
    expect(() => decodeCheckpointRecord(Uint8Array.of(9, 0, 0, 0, 0, 0))).toThrow('has format 9')
    expect(() => decodeCheckpointRecord(new Uint8Array())).toThrow('has format none')
    const writer = new CheckpointRecordWriter()
    writer.add({ table: 't', key: 'key', sub: null, value: Buffer.from('value') })
    expect(() => decodeCheckpointRecord(writer.take(null, null).subarray(0, 15))).toThrow('in the middle of a cell')
  })
})
