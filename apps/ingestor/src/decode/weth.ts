import { event, type Protocol } from './protocol.ts'

/** WETH9 and its copies on other chains. Whether the emitter is one says the token's `kind`, not the log. */
export const weth: Protocol = {
  name: 'WETH9',
  events: [
    event('weth-deposit', 'Deposit(address,uint256)', { topics: 2, words: 1 }, (read) => ({
      to: read.topicAddress(1),
      value: read.uint(0),
    })),
    event('weth-withdrawal', 'Withdrawal(address,uint256)', { topics: 2, words: 1 }, (read) => ({
      from: read.topicAddress(1),
      value: read.uint(0),
    })),
  ],
}
