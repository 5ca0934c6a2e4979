import fc from 'fast-check'
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { compress, compressions, decompress } from './compression.ts'
import { UnsupportedBatchError } from './errors.ts'

const require = createRequire(import.meta.url)

describe('compress, decompress', () => {
  const repetitive = fc
    .array(fc.constantFrom('0x', 'dead', 'beef', 'transfer', '\u{1f512}', ''), { maxLength: 2000 })
    .map((words) => Buffer.from(words.join('')))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 5000 }).map((array) => Buffer.from(array)),
    repetitive,
  )

  test('property: what goes in comes out, by every compression', () => {
    fc.assert(
      fc.property(bytes, fc.constantFrom(...compressions.entries()), (original, [number, compression]) => {
        expect(decompress(compress(original, compression), number)).toEqual(original)
      }),
    )
  })

  test('behavior: megabytes, more than one block of each compression', () => {
    const original = Buffer.alloc(5_000_000, 'more than one block ')
    for (const [number, compression] of compressions.entries()) {
      expect(decompress(compress(original, compression), number).equals(original)).toBe(true)
    }
  })

  test('behavior: snappy in the blocks that Java writes, behind their header', () => {
    const blocks = ['one ', 'two ', 'three'].map((text) => compress(Buffer.from(text), 'snappy'))
    const header = Buffer.concat([Buffer.from([0x82]), Buffer.from('SNAPPY\0'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
    const framed = blocks.flatMap((block) => [Buffer.from([0, 0, 0, block.length]), block])
    expect(decompress(Buffer.concat([header, ...framed]), 2).toString()).toBe('one two three')
  })

  test('behavior: what a Node without zstd reads it with agrees with zlib', () => {
    const fzstd = require('fzstd') as { decompress(compressed: Uint8Array): Uint8Array }
    fc.assert(
      fc.property(bytes, (original) => {
        expect(Buffer.from(fzstd.decompress(compress(original, 'zstd')))).toEqual(original)
      }),
    )
  })

  test('error: a number that is none of Kafka’s', () => {
    expect(() => decompress(Buffer.alloc(1), 5)).toThrow(UnsupportedBatchError)
  })
})
