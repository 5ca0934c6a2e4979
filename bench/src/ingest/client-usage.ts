import { setTimeout } from 'node:timers/promises'
import { cpuSecondsOf, rssMiBOf } from '../process-usage.ts'
import { rounded } from '../measure.ts'

/** What a client had taken when the node had served it so many blocks. */
export interface UsageSample {
  readonly blocks: number
  readonly cpuSeconds: number
  readonly rssMiB: number
}

const everyMs = 500

/** Looks at a client until the answer is called, which gives what was seen; nothing where the system does not tell. */
export function watchUsage(
  pid: number,
  served: () => Promise<number>,
  onBlocks: (blocks: number) => void,
): () => Promise<readonly UsageSample[]> {
  const samples: UsageSample[] = []
  const over = new AbortController()
  const look = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await setTimeout(everyMs, undefined, { signal: over.signal }).catch(() => {})
      if (over.signal.aborted) return
      const blocks = await served()
      onBlocks(blocks)
      try {
        const [cpuSeconds, rssMiB] = [cpuSecondsOf(pid), rssMiBOf(pid)]
        if (cpuSeconds !== null && rssMiB !== null) samples.push({ blocks, cpuSeconds, rssMiB })
      } catch {
        return // it has ended
      }
    }
  }
  const looking = look()
  return async () => {
    over.abort()
    await looking
    return samples
  }
}

/** By thousands of blocks: the CPU seconds of each, and what was held in memory at its end. */
export function perThousand(samples: readonly UsageSample[]): readonly UsageSample[] {
  const stages: UsageSample[] = []
  let before = 0
  for (const { blocks, cpuSeconds, rssMiB } of samples) {
    if (blocks < (stages.length + 1) * 1_000) continue
    stages.push({ blocks: (stages.length + 1) * 1_000, cpuSeconds: rounded(cpuSeconds - before), rssMiB })
    before = cpuSeconds
  }
  return stages
}

/** The mean of what was held over the first and the last quarter of the blocks, MiB; null where nobody looked. */
export function quarters(samples: readonly UsageSample[]): { readonly first: number; readonly last: number } | null {
  const total = samples.at(-1)?.blocks ?? 0
  const meanOf = (some: readonly UsageSample[]): number =>
    Math.round(some.reduce((sum, { rssMiB }) => sum + rssMiB, 0) / some.length)
  const first = samples.filter(({ blocks }) => blocks > 0 && blocks <= total / 4)
  const last = samples.filter(({ blocks }) => blocks > 0 && blocks > (3 * total) / 4)
  return first.length === 0 || last.length === 0 ? null : { first: meanOf(first), last: meanOf(last) }
}
