import type { ByteString } from '../state/key-encoding.ts'

/**
 * Key groups: the unit in which keys belong to shards. There are `maxParallelism` of them for the life of a job, and each
 * shard owns a contiguous range, so that another number of shards moves whole groups and splits none.
 * Source: Flink's KeyGroupRangeAssignment. Differs: what is hashed is the bytes of the encoded key, not a hash code of
 * the object; for ASCII string keys that is Java's `String.hashCode`, so there the groups are Flink's.
 */
export interface KeyGroupRange {
  readonly first: number
  /** Inclusive. */
  readonly last: number
}

const smallestMaxParallelism = 128
const largestMaxParallelism = 32_768

/** Half as many again as there are shards, up to a power of two, between 128 and 32,768. */
export const defaultMaxParallelism = (parallelism: number): number => {
  const wanted = parallelism + Math.floor(parallelism / 2)
  let power = smallestMaxParallelism
  while (power < wanted && power < largestMaxParallelism) power *= 2
  return power
}

/** The groups that shard `shard` of `parallelism` owns. */
export const keyGroupRange = (maxParallelism: number, parallelism: number, shard: number): KeyGroupRange => ({
  first: Math.floor((shard * maxParallelism + parallelism - 1) / parallelism),
  last: Math.floor(((shard + 1) * maxParallelism - 1) / parallelism),
})

/** The shard of `parallelism` that owns `keyGroup`. */
export const keyGroupOwner = (maxParallelism: number, parallelism: number, keyGroup: number): number =>
  Math.floor((keyGroup * parallelism) / maxParallelism)

/** The group of a key, from the bytes of its codec. */
export const keyGroupOf = (key: ByteString, maxParallelism: number): number => {
  let hash = 0
  for (let index = 0; index < key.length; index += 1) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0
  return murmurHash(hash) % maxParallelism
}

const rotateLeft = (value: number, by: number): number => (value << by) | (value >>> (32 - by))

/** MurmurHash3 of one 32-bit number, made positive. Source: Flink's MathUtils.murmurHash. */
export const murmurHash = (value: number): number => {
  let code = rotateLeft(Math.imul(value, 0xcc9e2d51), 15)
  code = rotateLeft(Math.imul(code, 0x1b873593), 13)
  code = (Math.imul(code, 5) + 0xe6546b64) ^ 4
  code = Math.imul(code ^ (code >>> 16), 0x85ebca6b)
  code = Math.imul(code ^ (code >>> 13), 0xc2b2ae35)
  code ^= code >>> 16
  if (code >= 0) return code
  return code === -0x8000_0000 ? 0 : -code
}
