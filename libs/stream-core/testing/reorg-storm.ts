import { inspect } from 'node:util'
import { seededRandom, type SeededRandom } from './seeded-random.ts'
import { verifyLines } from './simulation/laws.ts'
import { blockMs, watchAnswers, watchTopology, type Transfer } from './simulation/market.ts'
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

/** A chain under a storm, told by height what becomes of its blocks. */
export interface StormedChain {
  readonly driver: TestDriver
  block(height: number, isFork: boolean): void
  /** The newest block, which is the one at `height`. */
  revert(height: number): void
  finalize(height: number): void
  /** Nothing follows. */
  end(): void
}

export interface ReorgStormOptions {
  /** Decides the storm. */
  readonly seed: number
  readonly reverts: number
  readonly maxDepth: number
  readonly onRevert?: (made: number) => void
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
 * Folds a storm over `heights` blocks, then the blocks alone, and holds the one to the other: state, timers, and what
 * stands of the outputs of `sinks`. @throws {BrokenLawError}
 */
export const verifyReorgStorm = (
  { heights, sinks, newChain }: { heights: number; sinks: readonly string[]; newChain: () => StormedChain },
  { seed, reverts, maxDepth, onRevert }: ReorgStormOptions,
): ReorgStormReport => {
  const stormy = newChain()
  let made = 0
  let deepest = 0
  for (const move of reorgMoves({ heights, reverts, maxDepth, random: seededRandom(seed) })) {
    switch (move.type) {
      case 'block':
        stormy.block(move.height, move.isFork)
        break
      case 'revert':
        made += 1
        onRevert?.(made)
        deepest = Math.max(deepest, move.depth)
        for (let height = move.height; height > move.height - move.depth; height -= 1) stormy.revert(height)
        break
      case 'finalize':
        stormy.finalize(move.height)
    }
  }

  const calm = newChain()
  for (let height = 0; height < heights; height += 1) calm.block(height, false)
  calm.finalize(heights - 1)
  const standing = (of: StormedChain) => standingLines(of.driver, sinks)
  // Before the end, for what ends leaves little behind.
  verifyLines('the state after the storm', stateLines(stormy.driver), stateLines(calm.driver))
  stormy.end()
  calm.end()
  verifyLines('the state at the end', stateLines(stormy.driver), stateLines(calm.driver))
  verifyLines('what stands after the storm', standing(stormy), standing(calm))
  const retracted = stormy.driver.outputs().filter(({ transition }) => transition.type === 'retracted').length
  return { blocks: heights, reverts: made, deepest, standing: standing(calm).length, retracted }
}

const stateLines = (driver: TestDriver): readonly string[] =>
  Object.entries(driver.dump()).flatMap(([table, values]) =>
    Object.entries(values).map(([key, value]) => `${table} ${key} ${lineOf(value)}`),
  )

const standingLines = (driver: TestDriver, sinks: readonly string[]): readonly string[] =>
  sinks.flatMap((sink) =>
    [...driver.standing(sink)].map(([id, { output, status }]) => `${sink} ${id} ${status} ${lineOf(output)}`),
  )

/** All of a value, whatever it is made of; fields in order of their names, for a rewound object may have another. */
const lineOf = (value: unknown): string =>
  inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, breakLength: Infinity, sorted: true })

/** The storm over transfers in the simulator's market. @throws {BrokenLawError} */
export const runReorgStorm = (
  blocks: readonly (readonly Transfer[])[],
  options: ReorgStormOptions,
): ReorgStormReport => {
  const newChain = (): StormedChain => {
    const driver = testDriver(watchTopology({ maxFinishedIds: Infinity }), { answers: watchAnswers })
    // Receivers as tokens, a price a block.
    const prices = blocks.flatMap((transfers, height) =>
      transfers.slice(0, 1).map(({ to }) => ({
        type: 'element' as const,
        timestamp: (height + 1) * blockMs + 500,
        value: { token: to, price: height },
      })),
    )
    driver.push('prices', ...prices, { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER })
    return {
      driver,
      block: (height, isFork) => {
        const own = blocks[height] ?? []
        // A fork has some of the block's transfers, with other amounts.
        const transfers = isFork ? own.slice(1).map((one) => ({ ...one, amount: one.amount + 1 })) : own
        const timestamp = (height + 1) * blockMs
        driver.push('chain', ...transfers.map((value) => ({ type: 'element' as const, timestamp, value })))
        driver.push('chain', { type: 'sealed', epoch: height + 1, watermark: timestamp + blockMs - 1 })
      },
      revert: (height) => driver.push('chain', { type: 'reverted', epoch: height + 1 }),
      finalize: (height) => driver.push('chain', { type: 'finalized', epoch: height + 1 }),
      end: () => driver.push('chain', { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }),
    }
  }
  return verifyReorgStorm({ heights: blocks.length, sinks: ['findings', 'outcomes'], newChain }, options)
}

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
