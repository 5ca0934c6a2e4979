import type { AbiReader } from './abi-reader.ts'
import { call, type Protocol } from './protocol.ts'

/** The parts `v`, `r`, `s` of a signature, of which nothing is told. */
function signature(read: AbiReader, at: number): void {
  read.number(at, 255)
  read.uint(at + 1)
  read.uint(at + 2)
}

/** All or nothing, as DAI's `permit` approves. */
const allowed = (all: boolean) => (all ? 2n ** 256n - 1n : 0n)

function permit(read: AbiReader) {
  const [owner, spender] = [read.address(0), read.address(1)]
  return { standard: 'eip-2612' as const, owner, spender, amount: read.uint(2), deadline: read.deadline(3) }
}

const authorized = (read: AbiReader) => ({
  from: read.address(0),
  to: read.address(1),
  amount: read.uint(2),
  validAfter: read.deadline(3),
  validBefore: read.deadline(4),
  nonce: read.hash(5),
})

/**
 * What a token's owner signs and anyone may bring: EIP-2612 permits, DAI's of before, EIP-3009 transfers; with the
 * signature in parts or, since USDC 2.2, as bytes. Source: the EIPs; dss, Dai.sol; stablecoin-evm, FiatTokenV2_2.
 */
export const signedTokenCalls: Protocol = {
  name: 'Signed approvals and transfers',
  events: [],
  calls: [
    call('permit', 'permit(address,address,uint256,uint256,uint8,bytes32,bytes32)', (read) => {
      signature(read, 4)
      return permit(read)
    }),
    call('permit', 'permit(address,address,uint256,uint256,bytes)', (read) => {
      read.bytes(4)
      return permit(read)
    }),
    call('permit', 'permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)', (read) => {
      signature(read, 5)
      read.uint(2) // the nonce
      return {
        standard: 'dai' as const,
        owner: read.address(0),
        spender: read.address(1),
        amount: allowed(read.bool(4)),
        deadline: read.uint(3) === 0n ? null : read.deadline(3),
      }
    }),
    ...['transferWithAuthorization', 'receiveWithAuthorization'].flatMap((name) => [
      call(
        'transfer-with-authorization',
        `${name}(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)`,
        (read) => {
          signature(read, 6)
          return authorized(read)
        },
      ),
      call('transfer-with-authorization', `${name}(address,address,uint256,uint256,uint256,bytes32,bytes)`, (read) => {
        read.bytes(6)
        return authorized(read)
      }),
    ]),
  ],
}
