import { event, type Protocol } from './protocol.ts'

/** Account abstraction's entry points, v0.6 to v0.8. Source: ERC-4337, IEntryPoint. */
export const erc4337: Protocol = {
  name: 'ERC-4337',
  events: [
    event(
      'user-operation',
      'UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)',
      { topics: 4, words: 4 },
      (read) => ({
        userOpHash: read.topicHash(1),
        sender: read.topicAddress(2),
        paymaster: read.topicAddress(3),
        success: read.bool(1),
        actualGasCost: read.uint(2),
      }),
    ),
    event('user-operations-begin', 'BeforeExecution()', { topics: 1, words: 0 }, () => ({})),
  ],
}
