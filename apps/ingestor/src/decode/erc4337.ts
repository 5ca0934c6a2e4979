import { parseAddress, type Address, type Hex } from '@tocsin/chain-model'
import type { AbiReader } from './abi-reader.ts'
import { call, event, type Carry, type Protocol, type SourceCall } from './protocol.ts'
import { selectorOf } from './selector.ts'

/** The address with which `initCode` and `paymasterAndData` begin; null where they are empty. */
const leadingAddress = (bytes: Hex): Address | null => (bytes.length >= 42 ? parseAddress(bytes.slice(0, 42)) : null)

/** Since v0.8 an `initCode` that begins so says: the account is an EIP-7702 one. */
const eip7702Marker = '0x7702'

/** The parts of an operation that follow its sender in both layouts, and its paymaster, of which `paymasterAt` tells. */
function operation(read: AbiReader, start: number, entryPoint: SourceCall, carry: Carry, words: Layout) {
  const [sender, nonce] = [read.address(start), read.uint(start + 1)]
  const initCode = read.bytes(start + 2, start)
  const input = read.bytes(start + 3, start)
  for (let word = 4; word < words.paymaster; word++) read.uint(start + word)
  const paymaster = leadingAddress(read.bytes(start + words.paymaster, start))
  read.bytes(start + words.paymaster + 1, start) // the signature
  const factory = initCode.startsWith(eip7702Marker) ? null : leadingAddress(initCode)
  carry({ caller: entryPoint.address, address: sender, value: 0n, input })
  return { sender, nonce, factory, paymaster, selector: selectorOf(input) }
}

interface Layout {
  readonly name: 'v0.6' | 'v0.7'
  readonly tuple: string
  /** The word of an operation in which the offset of `paymasterAndData` stands; the signature is the next and last. */
  readonly paymaster: number
}

const layouts: readonly Layout[] = [
  {
    name: 'v0.6',
    tuple: '(address,uint256,bytes,bytes,uint256,uint256,uint256,uint256,uint256,bytes,bytes)',
    paymaster: 9,
  },
  { name: 'v0.7', tuple: '(address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes)', paymaster: 7 },
]

/** Account abstraction's entry points, v0.6 to v0.8. Source: ERC-4337, IEntryPoint; account-abstraction, IAccountExecute. */
export const erc4337: Protocol = {
  name: 'ERC-4337',
  events: [
    event(
      'user-operation',
      'UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)',
      { topics: 4, words: 4 },
      (read) => ({
        userOpHash: read.topicHash(1),
        sender: read.topicAddress(2),
        paymaster: read.topicAddress(3),
        success: read.bool(1),
        actualGasCost: read.uint(2),
      }),
    ),
    event('user-operations-begin', 'BeforeExecution()', { topics: 1, words: 0 }, () => ({})),
  ],
  calls: layouts.flatMap((layout) => [
    call('handle-operations', `handleOps(${layout.tuple}[],address)`, (read, entryPoint, carry) => ({
      layout: layout.name,
      beneficiary: read.address(1),
      operations: read.dynamicList(0, (start) => operation(read, start, entryPoint, carry, layout)),
    })),
    call(
      'handle-operations',
      `handleAggregatedOps((${layout.tuple}[],address,bytes)[],address)`,
      (read, entryPoint, carry) => {
        const groups = read.dynamicList(0, (start) => {
          read.address(start + 1) // the aggregator
          read.bytes(start + 2, start)
          return read.dynamicList(start, (at) => operation(read, at, entryPoint, carry, layout), start)
        })
        return { layout: layout.name, beneficiary: read.address(1), operations: groups.flat() }
      },
    ),
  ]),
}
