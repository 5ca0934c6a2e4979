import { event, type Protocol } from './protocol.ts'

/** Tornado Cash's pools and their forks. Source: tornado-core, Tornado.sol. */
export const tornado: Protocol = {
  name: 'Tornado Cash',
  events: [
    event('tornado-deposit', 'Deposit(bytes32,uint32,uint256)', { topics: 2, words: 2 }, (read) => ({
      commitment: read.topicHash(1),
      leafIndex: read.number(0, 2 ** 32 - 1),
    })),
    event('tornado-withdrawal', 'Withdrawal(address,bytes32,address,uint256)', { topics: 2, words: 3 }, (read) => ({
      to: read.address(0),
      nullifierHash: read.hash(1),
      relayer: read.topicAddress(1),
      fee: read.uint(2),
    })),
  ],
}
