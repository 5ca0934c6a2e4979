import { emitted, type Protocol } from './protocol.ts'

/** EIP-721. `ApprovalForAll` is EIP-1155's too. */
export const erc721: Protocol = {
  name: 'ERC-721',
  events: [
    {
      signature: 'Transfer(address,address,uint256)',
      topics: 4,
      words: 0,
      decode: (read, log) => ({
        type: 'erc721-transfer',
        ...emitted(log),
        from: read.topicAddress(1),
        to: read.topicAddress(2),
        tokenId: read.topicUint(3),
      }),
    },
    {
      signature: 'Approval(address,address,uint256)',
      topics: 4,
      words: 0,
      decode: (read, log) => ({
        type: 'erc721-approval',
        ...emitted(log),
        owner: read.topicAddress(1),
        spender: read.topicAddress(2),
        tokenId: read.topicUint(3),
      }),
    },
    {
      signature: 'ApprovalForAll(address,address,bool)',
      topics: 3,
      words: 1,
      decode: (read, log) => ({
        type: 'approval-for-all',
        ...emitted(log),
        owner: read.topicAddress(1),
        operator: read.topicAddress(2),
        approved: read.bool(0),
      }),
    },
  ],
}
