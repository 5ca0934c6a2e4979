import type { SeededRandom } from './seeded-random.ts'

/** What a chain does next. Heights count from 0; `isFork`: with content that does not survive. */
export type ReorgMove =
  | { readonly type: 'block'; readonly height: number; readonly isFork: boolean }
  /** `depth` blocks, the newest of them at `height`. */
  | { readonly type: 'revert'; readonly height: number; readonly depth: number }
  | { readonly type: 'finalize'; readonly height: number }

/**
 * A chain of `heights` blocks that is reverted `reverts` times by 1 to `maxDepth` blocks, small depths being as frequent
 * as large ones by their magnitude. What grows back is partly a fork's, and is often reverted again before it has grown
 * to where it was. At the end all blocks stand that survive, and all are final.
 */
export function* reorgMoves(options: {
  readonly heights: number
  readonly reverts: number
  readonly maxDepth: number
  readonly random: SeededRandom
}): Generator<ReorgMove> {
  const { heights, reverts, maxDepth, random } = options
  /** Whether the block at each height is a fork's. */
  const chain: boolean[] = []
  let final = -1
  function* grow(isFork: boolean): Generator<ReorgMove> {
    yield { type: 'block', height: chain.length, isFork }
    chain.push(isFork)
  }
  function* revert(depth: number): Generator<ReorgMove> {
    yield { type: 'revert', height: chain.length - 1, depth }
    chain.length -= depth
  }
  for (let made = 0; made < reverts; made += 1) {
    // The chain moves on by as much as there are blocks to come; before the first revert it can be `maxDepth` deep.
    const goal = Math.min(heights, maxDepth + Math.floor(((heights - maxDepth) * made) / reverts))
    const isShort = random.fraction() < 0.3 && chain.length > final + 1
    const until = isShort ? Math.min(goal, chain.length + random.integer(0, 3)) : goal
    while (chain.length < until) yield* grow(random.fraction() < 0.3)
    const depth = Math.min(Math.floor(maxDepth ** random.fraction() + random.fraction()), chain.length - final - 1)
    if (depth > 0) yield* revert(depth)
    // Nothing that a later revert may want to reach, and nothing above a block that will have to go.
    const firstFork = chain.indexOf(true)
    const deepest = Math.min(chain.length - maxDepth, firstFork === -1 ? heights : firstFork) - 1
    if (deepest > final && random.fraction() < 0.2) yield { type: 'finalize', height: (final = deepest) }
  }
  const firstFork = chain.indexOf(true)
  while (firstFork !== -1 && chain.length > firstFork) yield* revert(Math.min(maxDepth, chain.length - firstFork))
  while (chain.length < heights) yield* grow(false)
  yield { type: 'finalize', height: heights - 1 }
}
