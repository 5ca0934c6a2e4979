import { describe, expect, test } from 'vitest'
import { perThousand, quarters } from './client-usage.ts'

const samples = [0, 400, 1_100, 1_500, 2_000, 3_900, 4_000].map((blocks, at) => ({
  blocks,
  cpuSeconds: blocks / 100,
  rssMiB: 100 + at,
}))

describe('perThousand', () => {
  test('default: of each thousand the CPU seconds since the one before, and the memory at its end', () => {
    expect(perThousand(samples)).toEqual([
      { blocks: 1_000, cpuSeconds: 11, rssMiB: 102 },
      { blocks: 2_000, cpuSeconds: 9, rssMiB: 104 },
      { blocks: 3_000, cpuSeconds: 19, rssMiB: 105 },
      { blocks: 4_000, cpuSeconds: 1, rssMiB: 106 },
    ])
  })
})

describe('quarters', () => {
  test('default: means over the first and the last quarter of the blocks; nothing before the first is served', () => {
    expect(quarters(samples)).toEqual({ first: 101, last: 106 })
    expect(quarters(samples.slice(0, 2))).toBeNull()
    expect(quarters([])).toBeNull()
  })
})
