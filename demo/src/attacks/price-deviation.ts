import type { Attack } from '../attack.ts'
import { amountOf, approve, pay, routerOf, swap, transfer, type PoolName } from '../market.ts'

/**
 * One trade of 24,000 USD into a pool of 300,000 pays about 8 % more than the feed says and leaves the pool 16 % off.
 * The arbitrageur brings it back in the next block, whose own trade is then off the feed just as much.
 */
export function priceDeviation(pool: PoolName): Attack {
  return {
    detector: 'price-deviation',
    story: `one large trade pushes the ${pool} pool far off the price feed`,
    steps: [
      {
        after: 0,
        calls: ({ market, actor }) => {
          const { usdc } = market.contracts.tokens
          return [
            pay(market.accounts.exchange, actor('whale').address, 10n ** 17n),
            transfer(market.accounts.exchange, usdc, actor('whale').address, amountOf('usdc', '24000')),
          ]
        },
      },
      {
        after: 1,
        calls: ({ market, actor }) => [
          approve(actor('whale'), market.contracts.tokens.usdc, routerOf(market, pool)),
          swap(market, pool, actor('whale'), 'usdc', amountOf('usdc', '24000')),
        ],
      },
    ],
  }
}
