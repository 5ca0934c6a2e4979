import type { Address } from '@tocsin/chain-model'
import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol } from './protocol.ts'

/** proof, root, nullifierHash, recipient, relayer, fee, refund: from the word `at` on. */
function withdrawal(read: AbiReader, at: number, pool: Address) {
  read.bytes(at)
  read.hash(at + 1)
  read.uint(at + 6)
  return {
    pool,
    nullifierHash: read.hash(at + 2),
    recipient: read.address(at + 3),
    relayer: read.address(at + 4),
    fee: read.uint(at + 5),
  }
}

/** Tornado Cash's pools and their forks. Source: tornado-core, Tornado.sol; tornado-relayer-registry, TornadoRouter. */
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
  calls: [
    call('tornado-deposit', 'deposit(bytes32)', (read, { address }) => ({ pool: address, commitment: read.hash(0) })),
    call('tornado-deposit', 'deposit(address,bytes32,bytes)', (read) => {
      read.bytes(2) // a note, encrypted
      return { pool: read.address(0), commitment: read.hash(1) }
    }),
    call('tornado-withdraw', 'withdraw(bytes,bytes32,bytes32,address,address,uint256,uint256)', (read, { address }) =>
      withdrawal(read, 0, address),
    ),
    call('tornado-withdraw', 'withdraw(address,bytes,bytes32,bytes32,address,address,uint256,uint256)', (read) =>
      withdrawal(read, 1, read.address(0)),
    ),
  ],
}
