import { call, event, type Protocol } from './protocol.ts'

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
  calls: [
    call('transfer', 'transfer(address,uint256)', (read) => ({ to: read.address(0), amount: read.uint(1) })),
    call('transfer-from', 'transferFrom(address,address,uint256)', (read) => ({
      from: read.address(0),
      to: read.address(1),
      amount: read.uint(2),
    })),
    call('approve', 'approve(address,uint256)', (read) => ({ spender: read.address(0), amount: read.uint(1) })),
    call('increase-allowance', 'increaseAllowance(address,uint256)', (read) => ({
      spender: read.address(0),
      amount: read.uint(1),
    })),
    call('decrease-allowance', 'decreaseAllowance(address,uint256)', (read) => ({
      spender: read.address(0),
      amount: read.uint(1),
    })),
    call('mint', 'mint(address,uint256)', (read) => ({ to: read.address(0), amount: read.uint(1) })),
  ],
}
