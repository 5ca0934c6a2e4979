import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol } from './protocol.ts'

const transfer = (read: AbiReader) => ({ from: read.address(0), to: read.address(1), tokenId: read.uint(2) })

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
  calls: [
    call('erc721-transfer-from', 'safeTransferFrom(address,address,uint256)', transfer),
    call('erc721-transfer-from', 'safeTransferFrom(address,address,uint256,bytes)', (read) => {
      read.bytes(3)
      return transfer(read)
    }),
    call('set-approval-for-all', 'setApprovalForAll(address,bool)', (read) => ({
      operator: read.address(0),
      approved: read.bool(1),
    })),
  ],
}
