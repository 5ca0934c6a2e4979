import type { Attack, Scene } from '../attack.ts'
import type { Call } from '../chain.ts'
import { amountOf, pay, transfer } from '../market.ts'

const burst = (token: 'usdc' | 'dai') => ({
  calls: ({ market, actor }: Scene): readonly Call[] => [
    transfer(
      actor('wallet'),
      market.contracts.tokens[token],
      market.accounts.merchant.address,
      amountOf(token, '24500'),
    ),
  ],
})

/** A wallet sends 122,500 USD in five transfers of two tokens within ten seconds: none of them is large by itself. */
export const transferVolume: Attack = {
  detector: 'transfer-volume',
  story: 'a wallet empties itself: 122,500 USD in five transfers',
  steps: [
    {
      after: 0,
      calls: ({ market, actor }) => {
        const { exchange } = market.accounts
        const { address } = actor('wallet')
        const { usdc, dai } = market.contracts.tokens
        return [
          pay(exchange, address, 10n ** 17n),
          transfer(exchange, usdc, address, amountOf('usdc', '73500')),
          transfer(exchange, dai, address, amountOf('dai', '49000')),
        ]
      },
    },
    { after: 1, ...burst('usdc') },
    { after: 2, ...burst('dai') },
    { after: 3, ...burst('usdc') },
    { after: 4, ...burst('dai') },
    { after: 5, ...burst('usdc') },
  ],
}
