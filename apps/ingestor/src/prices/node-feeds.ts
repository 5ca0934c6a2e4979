import type { Address, Asset, Hex } from '@tocsin/chain-model'
import type { ChainSource } from '../sources/chain-source.ts'
import type { FeedReader } from './chain-pricer.ts'

/** The first four bytes of the hash of each function's signature. */
const selectors = {
  decimals: '0x313ce567',
  getReserves: '0x0902f1ac',
  latestRoundData: '0xfeaf968c',
  liquidity: '0x1a686502',
  slot0: '0x3850c7bd',
} as const

/**
 * Asks the contracts of the feeds themselves, at the block: a Chainlink proxy, whose answer is that of the aggregator it
 * has there, or a pool. A v4 pool has no such function. Decimals are asked once: a token's do not change, and an
 * aggregator's only with the proxy's phase.
 */
export function nodeFeeds(source: Pick<ChainSource, 'call'>): FeedReader {
  const decimals = new Map<string, number>()
  return {
    async read(feed, { hash: blockHash }, signal) {
      if (blockHash === null || feed.kind === 'constant') return null
      const words = async (to: Address, data: Hex): Promise<readonly bigint[]> =>
        wordsOf(await source.call({ blockHash, to, data }, signal))
      const decimalsOf = async (address: Address, phase = 0n): Promise<number | null> => {
        const key = `${address} ${phase}`
        const known = decimals.get(key)
        if (known !== undefined) return known
        const [told] = await words(address, selectors.decimals)
        if (told === undefined || told > 255n) return null
        decimals.set(key, Number(told))
        return Number(told)
      }
      const ofAsset = (asset: Asset) => (asset === 'native' ? Promise.resolve(18) : decimalsOf(asset))
      if (feed.kind === 'chainlink') {
        const [roundId, answer, , updatedAt] = await words(feed.proxy, selectors.latestRoundData)
        if (roundId === undefined || answer === undefined || updatedAt === undefined) return null
        const digits = await decimalsOf(feed.proxy, roundId >> 64n)
        // A round that is not answered yet has no time.
        if (digits === null || updatedAt === 0n || updatedAt > 1n << 40n) return null
        const time = Number(updatedAt) * 1_000
        return { type: 'answer', answer: BigInt.asIntN(256, answer), decimals: digits, roundId, updatedAt: time }
      }
      const pair = { asset: await ofAsset(feed.asset), quote: await ofAsset(feed.quote) }
      if (feed.kind === 'uniswap-v2') {
        const [reserve0, reserve1] = await words(feed.address, selectors.getReserves)
        if (reserve0 === undefined || reserve1 === undefined) return null
        return { type: 'reserves', reserve0, reserve1, decimals: pair }
      }
      if (feed.kind === 'uniswap-v4') return null
      const [sqrtPriceX96] = await words(feed.address, selectors.slot0)
      const [liquidity] = await words(feed.address, selectors.liquidity)
      if (sqrtPriceX96 === undefined || liquidity === undefined) return null
      return { type: 'root', sqrtPriceX96, liquidity, decimals: pair }
    },
  }
}

/** None where the call failed, or where what it gave are no words. */
function wordsOf(answer: Hex | null | undefined): readonly bigint[] {
  if (answer === null || answer === undefined || (answer.length - 2) % 64 !== 0) return []
  return Array.from({ length: (answer.length - 2) / 64 }, (_, at) =>
    BigInt(`0x${answer.slice(2 + 64 * at, 66 + 64 * at)}`),
  )
}
