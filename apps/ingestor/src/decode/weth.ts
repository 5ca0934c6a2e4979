import { emitted, type Protocol } from './protocol.ts'

/** WETH9 and its copies on other chains. Whether the emitter is one says the token's `kind`, not the log. */
export const weth: Protocol = {
  name: 'WETH9',
  events: [
    {
      signature: 'Deposit(address,uint256)',
      topics: 2,
      words: 1,
      decode: (read, log) => ({
        type: 'weth-deposit',
        ...emitted(log),
        to: read.topicAddress(1),
        value: read.uint(0),
      }),
    },
    {
      signature: 'Withdrawal(address,uint256)',
      topics: 2,
      words: 1,
      decode: (read, log) => ({
        type: 'weth-withdrawal',
        ...emitted(log),
        from: read.topicAddress(1),
        value: read.uint(0),
      }),
    },
  ],
}
