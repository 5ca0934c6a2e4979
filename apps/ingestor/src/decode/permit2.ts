import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol } from './protocol.ts'

/** PermitDetails: token, amount, expiration, nonce. */
const allowance = (read: AbiReader, at: number) => {
  read.uint(at + 3, 48)
  return { token: read.address(at), amount: read.uint(at + 1, 160), expiration: read.deadline(at + 2, 48) }
}
/** AllowanceTransferDetails. */
const transfer = (read: AbiReader, at: number) => ({
  token: read.address(at + 3),
  from: read.address(at),
  to: read.address(at + 1),
  amount: read.uint(at + 2, 160),
})

/** PermitTransferFrom and SignatureTransferDetails, which stand in the first six words. */
function signedTransfer(read: AbiReader) {
  read.uint(2) // the nonce
  const transfers = [{ token: read.address(0), permitted: read.uint(1), to: read.address(4), amount: read.uint(5) }]
  return { deadline: read.deadline(3), transfers, owner: read.address(6) }
}

/** PermitBatchTransferFrom and a list of SignatureTransferDetails, whose offsets are the first two words. */
function signedTransfers(read: AbiReader) {
  const permit = read.start(0)
  read.uint(permit + 1) // the nonce
  const permitted = read.list(permit, (at) => ({ token: read.address(at), permitted: read.uint(at + 1) }), 2, permit)
  const details = read.list(1, (at) => ({ to: read.address(at), amount: read.uint(at + 1) }), 2)
  if (permitted.length !== details.length) read.refuse()
  const transfers = permitted.flatMap((one, at) => {
    const to = details[at]
    return to === undefined ? [] : [{ ...one, ...to }]
  })
  return { deadline: read.deadline(permit + 2), transfers, owner: read.address(2) }
}

/** Uniswap's Permit2: allowances beside the token's own. Source: permit2, IAllowanceTransfer, ISignatureTransfer. */
export const permit2: Protocol = {
  name: 'Permit2',
  events: [
    event('permit2-approval', 'Approval(address,address,address,uint160,uint48)', { topics: 4, words: 2 }, (read) => ({
      owner: read.topicAddress(1),
      token: read.topicAddress(2),
      spender: read.topicAddress(3),
      amount: read.uint(0),
      expiration: read.deadline(1),
      signed: false,
    })),
    event(
      'permit2-approval',
      'Permit(address,address,address,uint160,uint48,uint48)',
      { topics: 4, words: 3 },
      (read) => ({
        owner: read.topicAddress(1),
        token: read.topicAddress(2),
        spender: read.topicAddress(3),
        amount: read.uint(0),
        expiration: read.deadline(1),
        signed: true,
      }),
    ),
  ],
  calls: [
    call('permit2-approve', 'approve(address,address,uint160,uint48)', (read) => ({
      token: read.address(0),
      spender: read.address(1),
      amount: read.uint(2, 160),
      expiration: read.deadline(3, 48),
    })),
    call('permit2-permit', 'permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)', (read) => {
      read.bytes(7)
      const allowances = [allowance(read, 1)]
      return { owner: read.address(0), spender: read.address(5), deadline: read.deadline(6), allowances }
    }),
    call('permit2-permit', 'permit(address,((address,uint160,uint48,uint48)[],address,uint256),bytes)', (read) => {
      const permit = read.start(1)
      read.bytes(2)
      return {
        owner: read.address(0),
        spender: read.address(permit + 1),
        deadline: read.deadline(permit + 2),
        allowances: read.list(permit, (at) => allowance(read, at), 4, permit),
      }
    }),
    call('permit2-transfer-from', 'transferFrom(address,address,uint160,address)', (read) => ({
      transfers: [transfer(read, 0)],
    })),
    call('permit2-transfer-from', 'transferFrom((address,address,uint160,address)[])', (read) => ({
      transfers: read.list(0, (at) => transfer(read, at), 4),
    })),
    call(
      'permit2-signature-transfer',
      'permitTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes)',
      (read) => {
        read.bytes(7)
        return { ...signedTransfer(read), witness: null }
      },
    ),
    call(
      'permit2-signature-transfer',
      'permitTransferFrom(((address,uint256)[],uint256,uint256),(address,uint256)[],address,bytes)',
      (read) => {
        read.bytes(3)
        return { ...signedTransfers(read), witness: null }
      },
    ),
    call(
      'permit2-signature-transfer',
      'permitWitnessTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes32,string,bytes)',
      (read) => {
        read.bytes(8)
        read.bytes(9)
        return { ...signedTransfer(read), witness: read.hash(7) }
      },
    ),
    call(
      'permit2-signature-transfer',
      'permitWitnessTransferFrom(((address,uint256)[],uint256,uint256),(address,uint256)[],address,bytes32,string,bytes)',
      (read) => {
        read.bytes(4)
        read.bytes(5)
        return { ...signedTransfers(read), witness: read.hash(3) }
      },
    ),
    call('permit2-lockdown', 'lockdown((address,address)[])', (read) => ({
      allowances: read.list(0, (at) => ({ token: read.address(at), spender: read.address(at + 1) }), 2),
    })),
  ],
}
