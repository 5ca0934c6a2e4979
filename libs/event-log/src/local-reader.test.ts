import { describe, expect, test } from 'vitest'
import { OffsetOutOfRangeError } from './errors.ts'
import { LocalReader } from './local-reader.ts'

describe('LocalReader', () => {
  test('error: records that are trimmed while they are read are missing, not skipped', async () => {
    const at = { topic: 't', partition: 0 }
    const range = { beginning: 0, end: 3 }
    const partitions = {
      range: () => range,
      read: async () => {
        range.beginning = 2
        return { ...at, records: [{ offset: 2, key: null, value: new Uint8Array() }], nextOffset: 3 }
      },
    }
    const reader = new LocalReader(partitions, [{ ...at, offset: 0 }], {}, () => {})
    await expect(reader.poll(0)).rejects.toThrow(OffsetOutOfRangeError)
    reader.seek({ ...at, offset: 2 })
    expect(await reader.poll(0)).toMatchObject([{ nextOffset: 3 }])
  })
})
