import { event, type Protocol } from './protocol.ts'

/** Polygon's own coin as a contract, 0x…1010. The four balances of the log before and after are left out. */
export const polygon: Protocol = {
  name: 'Polygon',
  events: [
    event(
      'polygon-fee-transfer',
      'LogFeeTransfer(address,address,address,uint256,uint256,uint256,uint256,uint256)',
      { topics: 4, words: 5 },
      (read) => ({
        token: read.topicAddress(1),
        from: read.topicAddress(2),
        to: read.topicAddress(3),
        amount: read.uint(0),
      }),
    ),
  ],
}
