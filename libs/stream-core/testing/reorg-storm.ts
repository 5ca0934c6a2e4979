import { seededRandom, type SeededRandom } from './seeded-random.ts'
import { verifyLines } from './simulation/laws.ts'
import { blockMs, watchTopology, type Transfer } from './simulation/market.ts'
import { testDriver, type TestDriver } from './test-driver.ts'

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
  while (chain.includes(true)) yield* revert(Math.min(maxDepth, chain.length - chain.indexOf(true)))
  while (chain.length < heights) yield* grow(false)
  yield { type: 'finalize', height: heights - 1 }
}

export interface ReorgStormReport {
  readonly blocks: number
  readonly reverts: number
  readonly deepest: number
  /** Outputs at the end. */
  readonly standing: number
  readonly retracted: number
}

/**
 * Folds a storm over these blocks, then the blocks alone, and holds the one to the other: state, timers, and what stands.
 * @throws {BrokenLawError}
 */
export const runReorgStorm = (
  blocks: readonly (readonly Transfer[])[],
  options: {
    readonly seed: number
    readonly reverts: number
    readonly maxDepth: number
    readonly onRevert?: (made: number) => void
  },
): ReorgStormReport => {
  const { seed, reverts, maxDepth, onRevert } = options
  const heights = blocks.length
  const block = (driver: TestDriver, height: number, isFork: boolean) => {
    const own = blocks[height] ?? []
    // A fork has some of the block's transfers, with other amounts.
    const transfers = isFork ? own.slice(1).map((one) => ({ ...one, amount: one.amount + 1 })) : own
    const timestamp = (height + 1) * blockMs
    driver.push('chain', ...transfers.map((value) => ({ type: 'element' as const, timestamp, value })))
    driver.push('chain', { type: 'sealed', epoch: height + 1, watermark: timestamp + blockMs - 1 })
  }
  const newDriver = () => {
    const driver = testDriver(watchTopology({ maxFinishedIds: Infinity }))
    // Receivers as tokens, a price a block.
    const prices = blocks.flatMap((transfers, height) =>
      transfers.slice(0, 1).map(({ to }) => ({
        type: 'element' as const,
        timestamp: (height + 1) * blockMs + 500,
        value: { token: to, price: height },
      })),
    )
    driver.push('prices', ...prices, { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER })
    return driver
  }
  const end = (driver: TestDriver) => driver.push('chain', { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER })

  const stormy = newDriver()
  let made = 0
  let deepest = 0
  for (const move of reorgMoves({ heights, reverts, maxDepth, random: seededRandom(seed) })) {
    switch (move.type) {
      case 'block':
        block(stormy, move.height, move.isFork)
        break
      case 'revert':
        made += 1
        onRevert?.(made)
        deepest = Math.max(deepest, move.depth)
        for (let height = move.height; height > move.height - move.depth; height -= 1) {
          stormy.push('chain', { type: 'reverted', epoch: height + 1 })
        }
        break
      case 'finalize':
        stormy.push('chain', { type: 'finalized', epoch: move.height + 1 })
    }
  }
  end(stormy)

  const calm = newDriver()
  for (let height = 0; height < heights; height += 1) block(calm, height, false)
  calm.push('chain', { type: 'finalized', epoch: heights })
  end(calm)
  verifyLines('the state after the storm', stateLines(stormy), stateLines(calm))
  verifyLines('what stands after the storm', standingLines(stormy), standingLines(calm))
  const retracted = stormy.outputs().filter(({ transition }) => transition.type === 'retracted').length
  return { blocks: heights, reverts: made, deepest, standing: standingLines(calm).length, retracted }
}

const stateLines = (driver: TestDriver): readonly string[] =>
  Object.entries(driver.dump()).flatMap(([table, values]) =>
    Object.entries(values).map(([key, value]) => `${table} ${key} ${JSON.stringify(value)}`),
  )

const standingLines = (driver: TestDriver): readonly string[] =>
  ['findings', 'outcomes'].flatMap((sink) =>
    [...driver.standing(sink)].map(([id, { output, status }]) => `${sink} ${id} ${status} ${JSON.stringify(output)}`),
  )

/** Up to four transfers a block, among few wallets. */
export const generatedBlocks = (seed: number, count: number): readonly (readonly Transfer[])[] => {
  const random = seededRandom(seed)
  const transfer = (): Transfer => ({
    from: random.oneOf(wallets),
    to: random.oneOf(wallets),
    amount: random.integer(1, 20),
  })
  return Array.from({ length: count }, () => Array.from({ length: random.integer(0, 4) }, transfer))
}

const wallets = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay'] as const
