import { parseAddress, type Address, type Hex } from '@tocsin/chain-model'
import { AbiReader } from './abi-reader.ts'
import { call, carriedFrom, type Carry, type Protocol, type SourceCall } from './protocol.ts'

/** The list of (address, value, data) whose offset stands in the word at `index`. */
const batch = (read: AbiReader, index: number, account: SourceCall, carry: Carry) =>
  read.dynamicList(index, (start) =>
    carriedFrom(account, carry, read.address(start), read.uint(start + 1), read.bytes(start + 2, start)),
  )

/** ERC-7579's first byte of the mode: a single call, packed, or a batch, ABI-encoded. Others are of no such shape. */
function byMode(read: AbiReader, account: SourceCall, carry: Carry) {
  const mode = read.hash(0).slice(2, 4)
  const execution = read.bytes(1)
  if (mode === '00' && execution.length >= 106) {
    const [target, value] = [parseAddress(execution.slice(0, 42)), BigInt(`0x${execution.slice(42, 106)}`)]
    return [carriedFrom(account, carry, target, value, `0x${execution.slice(106)}`)]
  }
  if (mode === '01') {
    const inner = new AbiReader({ topics: [], data: execution })
    const calls = batch(inner, 0, account, carry)
    if (inner.fits) return calls
  }
  read.refuse()
  return []
}

/**
 * What accounts execute for their owner: ERC-4337's SimpleAccount of v0.6 to v0.8, Coinbase's Smart Wallet, and accounts
 * by ERC-7579 and ERC-7821. Source: account-abstraction, SimpleAccount, BaseAccount; the ERCs.
 */
export const smartAccounts: Protocol = {
  name: 'Smart accounts',
  events: [],
  calls: [
    call('account-execute', 'execute(address,uint256,bytes)', (read, account, carry) => ({
      calls: [carriedFrom(account, carry, read.address(0), read.uint(1), read.bytes(2))],
    })),
    call('account-execute', 'executeBatch(address[],bytes[])', (read, account, carry) => {
      const targets = read.addresses(0)
      const inputs = read.dynamicList(1, (start) => read.bytesAt(start))
      return { calls: zipped(read, account, carry, targets, [], inputs) }
    }),
    call('account-execute', 'executeBatch(address[],uint256[],bytes[])', (read, account, carry) => {
      const [targets, values] = [read.addresses(0), read.uints(1)]
      const inputs = read.dynamicList(2, (start) => read.bytesAt(start))
      return { calls: zipped(read, account, carry, targets, values, inputs) }
    }),
    call('account-execute', 'executeBatch((address,uint256,bytes)[])', (read, account, carry) => ({
      calls: batch(read, 0, account, carry),
    })),
    call('account-execute', 'execute(bytes32,bytes)', (read, account, carry) => ({
      calls: byMode(read, account, carry),
    })),
  ],
}

/** The lists of a batch belong together; `values` may be empty: nothing is sent along. */
function zipped(
  read: AbiReader,
  account: SourceCall,
  carry: Carry,
  targets: readonly Address[],
  values: readonly bigint[],
  inputs: readonly Hex[],
) {
  if (targets.length !== inputs.length || (values.length > 0 && values.length !== targets.length)) read.refuse()
  return targets.map((target, at) => carriedFrom(account, carry, target, values[at] ?? 0n, inputs[at] ?? '0x'))
}
