import { parseAddress, type Address, type Hex } from '@tocsin/chain-model'
import type { AbiReader } from './abi-reader.ts'
import { call, event, carriedFrom, type Carry, type EventDecoder, type Protocol, type SourceCall } from './protocol.ts'
import { selectorOf } from './selector.ts'

const operations = ['call', 'delegatecall'] as const

/** `to`, `value`, `data`, `operation`, which are the first four words. By delegatecall the Safe borrows the code of `to`. */
function execution(read: AbiReader, account: SourceCall, carry: Carry) {
  const [target, value, input] = [read.address(0), read.uint(1), read.bytes(2)]
  const operation = operations[read.number(3, 1)] ?? 'call'
  return { transaction: carriedOut(operation, account, carry, target, value, input), operation }
}

function carriedOut(
  operation: (typeof operations)[number],
  account: SourceCall,
  carry: Carry,
  target: Address,
  value: bigint,
  input: Hex,
) {
  if (operation === 'call') return carriedFrom(account, carry, target, value, input)
  carry({ caller: account.caller, address: account.address, value: 0n, input, borrowed: true })
  return { target, value, selector: selectorOf(input) }
}

/** Behind each other: a byte for the operation, 20 for the address, 32 for the value, 32 for the length, then the data. */
function packedCalls(read: AbiReader, packed: Hex, account: SourceCall, carry: Carry) {
  const calls = []
  let at = 2
  while (at < packed.length) {
    const header = packed.slice(at, at + 170)
    const length = Number(`0x${header.slice(106, 170) || '0'}`)
    const operation = operations[Number.parseInt(header.slice(0, 2), 16)]
    if (header.length !== 170 || operation === undefined || at + 170 + length * 2 > packed.length) {
      read.refuse()
      break
    }
    const target = parseAddress(`0x${header.slice(2, 42)}`)
    const value = BigInt(`0x${header.slice(42, 106)}`)
    const input: Hex = `0x${packed.slice(at + 170, at + 170 + length * 2)}`
    calls.push({ ...carriedOut(operation, account, carry, target, value, input), operation })
    at += 170 + length * 2
  }
  return { calls }
}

/** Newer versions index the one argument. */
const both = (
  make: (layout: { topics: number; words: number }, account: (read: AbiReader) => Address) => EventDecoder,
): readonly EventDecoder[] => [
  make({ topics: 1, words: 1 }, (read) => read.address(0)),
  make({ topics: 2, words: 0 }, (read) => read.topicAddress(1)),
]

/** Safe (Gnosis Safe) multi-signature wallets, 0.1 to 1.5. Source: safe-smart-account: Safe, ModuleManager, MultiSend. */
export const safe: Protocol = {
  name: 'Safe',
  events: [
    ...both((layout, account) =>
      event('safe-owner-added', 'AddedOwner(address)', layout, (read) => ({ owner: account(read) })),
    ),
    ...both((layout, account) =>
      event('safe-owner-removed', 'RemovedOwner(address)', layout, (read) => ({ owner: account(read) })),
    ),
    event('safe-threshold-changed', 'ChangedThreshold(uint256)', { topics: 1, words: 1 }, (read) => ({
      threshold: read.uint(0),
    })),
    ...both((layout, account) =>
      event('safe-module-enabled', 'EnabledModule(address)', layout, (read) => ({ module: account(read) })),
    ),
    ...both((layout, account) =>
      event('safe-guard-changed', 'ChangedGuard(address)', layout, (read) => ({ guard: account(read) })),
    ),
    event('safe-master-copy-changed', 'ChangedMasterCopy(address)', { topics: 1, words: 1 }, (read) => ({
      masterCopy: read.address(0),
    })),
    event('safe-execution', 'ExecutionSuccess(bytes32,uint256)', { topics: 1, words: 2 }, (read) => ({
      safeTxHash: read.hash(0),
      payment: read.uint(1),
    })),
    event('safe-execution', 'ExecutionSuccess(bytes32,uint256)', { topics: 2, words: 1 }, (read) => ({
      safeTxHash: read.topicHash(1),
      payment: read.uint(0),
    })),
    event('safe-execution-failed', 'ExecutionFailure(bytes32,uint256)', { topics: 1, words: 2 }, (read) => ({
      safeTxHash: read.hash(0),
      payment: read.uint(1),
    })),
    event('safe-execution-failed', 'ExecutionFailure(bytes32,uint256)', { topics: 2, words: 1 }, (read) => ({
      safeTxHash: read.topicHash(1),
      payment: read.uint(0),
    })),
    ...(
      [
        ['ExecutionFromModuleSuccess(address)', true],
        ['ExecutionFromModuleFailure(address)', false],
      ] as const
    ).flatMap(([signature, success]) =>
      both((layout, account) =>
        event('safe-module-execution', signature, layout, (read) => ({ module: account(read), success })),
      ),
    ),
  ],
  calls: [
    call(
      'safe-transaction',
      'execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)',
      (read, account, carry) => {
        for (const word of [4, 5, 6]) read.uint(word)
        for (const word of [7, 8]) read.address(word)
        const executed = execution(read, account, carry)
        read.bytes(9)
        return executed
      },
    ),
    ...['execTransactionFromModule', 'execTransactionFromModuleReturnData'].map((name) =>
      call('safe-module-transaction', `${name}(address,uint256,bytes,uint8)`, execution),
    ),
    call('multi-send', 'multiSend(bytes)', (read, account, carry) => packedCalls(read, read.bytes(0), account, carry), {
      borrowed: true,
    }),
    call('safe-add-owner', 'addOwnerWithThreshold(address,uint256)', (read) => ({
      owner: read.address(0),
      threshold: read.uint(1),
    })),
    call('safe-remove-owner', 'removeOwner(address,address,uint256)', (read) => {
      read.address(0) // who stands before it in the Safe's list
      return { owner: read.address(1), threshold: read.uint(2) }
    }),
    call('safe-swap-owner', 'swapOwner(address,address,address)', (read) => {
      read.address(0)
      return { oldOwner: read.address(1), newOwner: read.address(2) }
    }),
    call('safe-change-threshold', 'changeThreshold(uint256)', (read) => ({ threshold: read.uint(0) })),
    call('safe-enable-module', 'enableModule(address)', (read) => ({ module: read.address(0) })),
    call('safe-set-guard', 'setGuard(address)', (read) => ({ guard: read.address(0) })),
  ],
}
