import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultMaxParallelism, keyGroupOf, keyGroupOwner, keyGroupRange, murmurHash } from './key-groups.ts'

describe('keyGroupRange', () => {
  test('default: 128 groups over three shards are 43, 43 and 42', () => {
    const ranges = [0, 1, 2].map((shard) => keyGroupRange(128, 3, shard))
    expect(ranges).toEqual([
      { first: 0, last: 42 },
      { first: 43, last: 85 },
      { first: 86, last: 127 },
    ])
  })
  test('property: the ranges part all groups, and each is owned by the shard whose range it is in', () => {
    const shape = fc
      .integer({ min: 1, max: 600 })
      .chain((groups) => fc.tuple(fc.constant(groups), fc.integer({ min: 1, max: groups })))
    fc.assert(
      fc.property(shape, ([groups, shards]) => {
        let next = 0
        for (let shard = 0; shard < shards; shard += 1) {
          const { first, last } = keyGroupRange(groups, shards, shard)
          expect(first).toBe(next)
          for (let group = first; group <= last; group += 1) expect(keyGroupOwner(groups, shards, group)).toBe(shard)
          next = last + 1
        }
        expect(next).toBe(groups)
      }),
    )
  })
})

describe('defaultMaxParallelism', () => {
  test('default: half as many again, up to a power of two, from 128 to 32,768', () => {
    const asked = [1, 85, 86, 170, 171, 1000, 32_768]
    expect(asked.map(defaultMaxParallelism)).toEqual([128, 128, 256, 256, 256, 2048, 32_768])
  })
})

describe('keyGroupOf', () => {
  test('default: an ASCII key is hashed as Java does a string, then by MurmurHash3', () => {
    // "hello".hashCode() in Java.
    expect(keyGroupOf('hello', 128)).toBe(murmurHash(99_162_322) % 128)
  })
  test('property: a group is below the number of groups, and keys spread over all of them', () => {
    const seen = new Set<number>()
    for (let key = 0; key < 5000; key += 1) seen.add(keyGroupOf(`0x${key.toString(16).padStart(40, '0')}`, 128))
    expect(seen.size).toBe(128)
    fc.assert(fc.property(fc.integer(), (value) => murmurHash(value) >= 0))
  })
})
