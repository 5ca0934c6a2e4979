import { event, type Protocol } from './protocol.ts'

/** EIP-721. `ApprovalForAll` is EIP-1155's too. */
export const erc721: Protocol = {
  name: 'ERC-721',
  events: [
    event('erc721-transfer', 'Transfer(address,address,uint256)', { topics: 4, words: 0 }, (read) => ({
      from: read.topicAddress(1),
      to: read.topicAddress(2),
      tokenId: read.topicUint(3),
    })),
    event('erc721-approval', 'Approval(address,address,uint256)', { topics: 4, words: 0 }, (read) => ({
      owner: read.topicAddress(1),
      spender: read.topicAddress(2),
      tokenId: read.topicUint(3),
    })),
    event('approval-for-all', 'ApprovalForAll(address,address,bool)', { topics: 3, words: 1 }, (read) => ({
      owner: read.topicAddress(1),
      operator: read.topicAddress(2),
      approved: read.bool(0),
    })),
  ],
}
