import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol } from './protocol.ts'

/** Assets and amounts, lists of one length whose offsets stand in the words 1 and 2. */
function loans(read: AbiReader) {
  const [assets, amounts] = [read.addresses(1), read.uints(2)]
  if (assets.length !== amounts.length) read.refuse()
  return assets.map((asset, at) => ({ asset, amount: amounts[at] ?? 0n }))
}

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
  calls: [
    call('flash-loan', 'flashLoan(address,address[],uint256[],uint256[],address,bytes,uint16)', (read) => {
      read.uints(3) // how each is repaid
      read.address(4)
      read.bytes(5)
      read.number(6, 2 ** 16 - 1)
      return { protocol: 'aave' as const, receiver: read.address(0), loans: loans(read) }
    }),
    call('flash-loan', 'flashLoanSimple(address,address,uint256,bytes,uint16)', (read) => {
      read.bytes(3)
      read.number(4, 2 ** 16 - 1)
      const asked = [{ asset: read.address(1), amount: read.uint(2) }]
      return { protocol: 'aave' as const, receiver: read.address(0), loans: asked }
    }),
    call('flash-loan', 'flashLoan(address,address[],uint256[],bytes)', (read) => {
      read.bytes(3)
      return { protocol: 'balancer' as const, receiver: read.address(0), loans: loans(read) }
    }),
    call('flash-loan', 'flashLoan(address,uint256,bytes)', (read, { caller }) => {
      read.bytes(2)
      return {
        protocol: 'morpho' as const,
        receiver: caller,
        loans: [{ asset: read.address(0), amount: read.uint(1) }],
      }
    }),
    call('flash-loan', 'flashLoan(address,address,uint256,bytes)', (read) => {
      read.bytes(3)
      const asked = [{ asset: read.address(1), amount: read.uint(2) }]
      return { protocol: 'erc-3156' as const, receiver: read.address(0), loans: asked }
    }),
  ],
}
