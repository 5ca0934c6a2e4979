import { event, type Protocol } from './protocol.ts'

/** EIP-20. The same signatures with four topics are EIP-721's. */
export const erc20: Protocol = {
  name: 'ERC-20',
  events: [
    event('erc20-transfer', 'Transfer(address,address,uint256)', { topics: 3, words: 1 }, (read) => ({
      from: read.topicAddress(1),
      to: read.topicAddress(2),
      value: read.uint(0),
    })),
    event('erc20-approval', 'Approval(address,address,uint256)', { topics: 3, words: 1 }, (read) => ({
      owner: read.topicAddress(1),
      spender: read.topicAddress(2),
      value: read.uint(0),
    })),
  ],
}
