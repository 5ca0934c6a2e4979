import { event, type Protocol } from './protocol.ts'

/** Lenders within one transaction. `FlashLoan` is everyone's name for it: signature and topics tell whose. */
export const flashLoans: Protocol = {
  name: 'Flash loans',
  events: [
    event(
      'flash-loan',
      'FlashLoan(address,address,uint256,uint256,uint256,uint256)',
      { topics: 3, words: 4 },
      (read) => ({
        protocol: 'aave-v1' as const,
        receiver: read.topicAddress(1),
        initiator: null,
        asset: read.topicAddress(2),
        amount: read.uint(0),
        premium: read.uint(1),
      }),
    ),
    event(
      'flash-loan',
      'FlashLoan(address,address,address,uint256,uint256,uint16)',
      { topics: 4, words: 3 },
      (read) => ({
        protocol: 'aave-v2' as const,
        receiver: read.topicAddress(1),
        initiator: read.topicAddress(2),
        asset: read.topicAddress(3),
        amount: read.uint(0),
        premium: read.uint(1),
      }),
    ),
    event(
      'flash-loan',
      'FlashLoan(address,address,address,uint256,uint8,uint256,uint16)',
      { topics: 4, words: 4 },
      (read) => ({
        protocol: 'aave-v3' as const,
        receiver: read.topicAddress(1),
        initiator: read.address(0),
        asset: read.topicAddress(2),
        amount: read.uint(1),
        premium: read.uint(3),
      }),
    ),
    event('flash-loan', 'FlashLoan(address,address,uint256,uint256)', { topics: 3, words: 2 }, (read) => ({
      protocol: 'balancer' as const,
      receiver: read.topicAddress(1),
      initiator: null,
      asset: read.topicAddress(2),
      amount: read.uint(0),
      premium: read.uint(1),
    })),
    event('flash-loan', 'FlashLoan(address,address,uint256,uint256)', { topics: 2, words: 3 }, (read) => ({
      protocol: 'maker' as const,
      receiver: read.topicAddress(1),
      initiator: null,
      asset: read.address(0),
      amount: read.uint(1),
      premium: read.uint(2),
    })),
    event('flash-loan', 'FlashLoan(address,address,uint256)', { topics: 3, words: 1 }, (read) => ({
      protocol: 'morpho' as const,
      receiver: read.topicAddress(1),
      initiator: null,
      asset: read.topicAddress(2),
      amount: read.uint(0),
      premium: 0n,
    })),
    event('dydx-operation', 'LogOperation(address)', { topics: 1, words: 1 }, (read) => ({ sender: read.address(0) })),
  ],
}
