import { event, type Protocol } from './protocol.ts'

/** Uniswap's Permit2: allowances beside the token's own. Source: permit2, IAllowanceTransfer. */
export const permit2: Protocol = {
  name: 'Permit2',
  events: [
    event('permit2-approval', 'Approval(address,address,address,uint160,uint48)', { topics: 4, words: 2 }, (read) => ({
      owner: read.topicAddress(1),
      token: read.topicAddress(2),
      spender: read.topicAddress(3),
      amount: read.uint(0),
      expiration: read.deadline(1),
      signed: false,
    })),
    event(
      'permit2-approval',
      'Permit(address,address,address,uint160,uint48,uint48)',
      { topics: 4, words: 3 },
      (read) => ({
        owner: read.topicAddress(1),
        token: read.topicAddress(2),
        spender: read.topicAddress(3),
        amount: read.uint(0),
        expiration: read.deadline(1),
        signed: true,
      }),
    ),
  ],
}
