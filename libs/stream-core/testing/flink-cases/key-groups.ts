import { defaultMaxParallelism, keyGroupOwner, keyGroupRange } from '../../src/distributed/key-groups.ts'
import { expectEqual, type CaseRunner, type FlinkCase } from './case.ts'

interface RangeCase extends FlinkCase {
  readonly rows: readonly (readonly [maxParallelism: number, parallelism: number, ranges: readonly unknown[]])[]
}

export const runKeyGroupRange: CaseRunner<RangeCase> = ({ rows }) => {
  for (const [maxParallelism, parallelism, ranges] of rows) {
    const got = Array.from({ length: parallelism }, (_, shard) => {
      const { first, last } = keyGroupRange(maxParallelism, parallelism, shard)
      return [first, last]
    })
    expectEqual(got, ranges, `${maxParallelism} groups over ${parallelism} shards`)
  }
}

interface OwnerCase extends FlinkCase {
  readonly rows: readonly (readonly [maxParallelism: number, parallelism: number, keyGroup: number, owner: number])[]
}

export const runKeyGroupOwner: CaseRunner<OwnerCase> = ({ rows }) => {
  for (const [maxParallelism, parallelism, keyGroup, owner] of rows) {
    expectEqual(keyGroupOwner(maxParallelism, parallelism, keyGroup), owner, `owner of group ${keyGroup}`)
  }
}

interface DefaultCase extends FlinkCase {
  readonly rows: readonly (readonly [parallelism: number, maxParallelism: number])[]
}

export const runKeyGroupDefault: CaseRunner<DefaultCase> = ({ rows }) => {
  for (const [parallelism, maxParallelism] of rows) {
    expectEqual(defaultMaxParallelism(parallelism), maxParallelism, `groups for ${parallelism} shards`)
  }
}
