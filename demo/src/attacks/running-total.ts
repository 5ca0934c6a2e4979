import type { Attack, Scene } from '../attack.ts'
import { amountOf, pay, transfer } from '../market.ts'

/**
 * A wallet sends 105,000 USD in equal parts, at `offsets` (blocks from its first): slowly enough that no window of ten
 * minutes holds 100,000 of them. Only the total over time crosses the line, at the last part.
 */
export function runningTotal(offsets: readonly number[]): Attack {
  const part = amountOf('dai', (105_000 / offsets.length).toFixed(2))
  return {
    detector: 'running-total',
    story: 'a patient wallet crosses 100,000 USD in all, drop by drop',
    steps: [
      {
        after: 0,
        calls: ({ market, actor }) => [
          pay(market.accounts.exchange, actor('wallet').address, 10n ** 17n),
          transfer(
            market.accounts.exchange,
            market.contracts.tokens.dai,
            actor('wallet').address,
            amountOf('dai', '105000'),
          ),
        ],
      },
      ...offsets.map((offset) => ({
        after: offset + 1,
        calls: ({ market, actor }: Scene) => [
          transfer(actor('wallet'), market.contracts.tokens.dai, market.accounts.merchant.address, part),
        ],
      })),
    ],
  }
}
