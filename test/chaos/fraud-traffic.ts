import type { Call, TestBlock, TestChain } from '@tocsin/demo'
import type { SeededRandom } from '@tocsin/stream-core/testing'

export const wallets = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gil', 'hal'] as const

/** Rules that this traffic breaks often: all windows, small totals. */
export const parameters = [
  'transfer-volume.window=sliding',
  'transfer-volume.exclude=[]',
  'price-deviation.join=as-of',
  'running-total.over=400000',
]

/**
 * The next block of the chain: now and then one of the frauds, or half of one, which the next blocks complete or do not.
 * Most blocks are seconds apart, some close every window before them.
 */
export async function nextBlock(chain: TestChain, random: SeededRandom): Promise<TestBlock> {
  const someone = () => chain.account(random.oneOf(wallets))
  const anew = () => chain.account(`new ${random.integer(0, 2 ** 31)}`)
  const fraud = (): readonly Call[] => {
    const [from, to] = [someone(), someone()]
    switch (random.oneOf(['volume', 'total', 'pass-through', 'price', 'quiet'])) {
      case 'volume':
        return [chain.transfer('usdc', from, to.address, String(random.integer(30_000, 60_000)))]
      case 'total':
        return [chain.transfer('dai', from, to.address, String(random.integer(100_000, 200_000)))]
      case 'pass-through':
        return [
          chain.transfer('usdc', from, to.address, '20000'),
          ...(random.fraction() < 0.5 ? [chain.transfer('usdc', to, anew().address, '19000')] : []),
        ]
      case 'price':
        return chain.swap('v2', from, 'usdc', String(random.integer(10_000, 90_000)))
      default:
        return [chain.transfer('native', from, to.address, '0.01')]
    }
  }
  const { timestamp } = await chain.chain.head()
  const pace = random.fraction()
  const step = pace < 0.8 ? random.integer(1, 4) : pace < 0.97 ? random.integer(20, 90) : random.integer(600, 1_300)
  const calls = Array.from({ length: random.integer(0, 2) }, fraud).flat()
  return { calls, timestamp: timestamp + step }
}
