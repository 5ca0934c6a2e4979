import type { Attack } from '../attack.ts'
import { amountOf, pay, transfer } from '../market.ts'

/** A new wallet receives 18,000 demo USDC and hands 17,900 on, two blocks later, to a wallet that nobody has seen. */
export const passThrough: Attack = {
  detector: 'pass-through',
  story: 'a fresh wallet receives 18,000 USD and passes them on within seconds to another fresh one',
  steps: [
    {
      after: 0,
      calls: ({ market, actor }) => [
        pay(market.accounts.exchange, actor('mule').address, 10n ** 17n),
        transfer(
          market.accounts.exchange,
          market.contracts.tokens.usdc,
          actor('mule').address,
          amountOf('usdc', '18000'),
        ),
      ],
    },
    {
      after: 2,
      calls: ({ market, actor }) => [
        transfer(actor('mule'), market.contracts.tokens.usdc, actor('drop').address, amountOf('usdc', '17900')),
      ],
    },
  ],
}
