import { emitted, type Protocol } from './protocol.ts'

/** EIP-20. The same signatures with four topics are EIP-721's. */
export const erc20: Protocol = {
  name: 'ERC-20',
  events: [
    {
      signature: 'Transfer(address,address,uint256)',
      topics: 3,
      words: 1,
      decode: (read, log) => ({
        type: 'erc20-transfer',
        ...emitted(log),
        from: read.topicAddress(1),
        to: read.topicAddress(2),
        value: read.uint(0),
      }),
    },
    {
      signature: 'Approval(address,address,uint256)',
      topics: 3,
      words: 1,
      decode: (read, log) => ({
        type: 'erc20-approval',
        ...emitted(log),
        owner: read.topicAddress(1),
        spender: read.topicAddress(2),
        value: read.uint(0),
      }),
    },
  ],
}
