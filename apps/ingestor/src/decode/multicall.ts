import type { AbiReader } from './abi-reader.ts'
import { call, carriedFrom, type Carry, type Protocol, type SourceCall } from './protocol.ts'
import { selectorOf } from './selector.ts'

/** The contract calls itself: for the functions of `multicall` its caller stays the caller, and so does the value. */
function own(read: AbiReader, index: number, { caller, address, value }: SourceCall, carry: Carry) {
  const selectors = read.dynamicList(index, (start) => {
    const input = read.bytesAt(start)
    carry({ caller, address, value, input })
    return selectorOf(input)
  })
  return { selectors }
}

/** Each call of a list of tuples: `target`, `value` and `data` say in which word of it they stand, a value not always. */
function each(
  read: AbiReader,
  index: number,
  made: SourceCall,
  carry: Carry,
  words: { readonly flag?: number; readonly value?: number; readonly data: number },
) {
  const calls = read.dynamicList(index, (start) => {
    if (words.flag !== undefined) read.bool(start + words.flag)
    const [target, value] = [read.address(start), words.value === undefined ? 0n : read.uint(start + words.value)]
    return carriedFrom(made, carry, target, value, read.bytes(start + words.data, start))
  })
  return { calls }
}

/** Many calls in one. Source: OpenZeppelin's and Uniswap's Multicall, makerdao/multicall, mds1/multicall3. */
export const multicall: Protocol = {
  name: 'Multicall',
  events: [],
  calls: [
    call('multicall', 'multicall(bytes[])', (read, made, carry) => own(read, 0, made, carry)),
    call('multicall', 'multicall(uint256,bytes[])', (read, made, carry) => {
      read.uint(0) // the deadline
      return own(read, 1, made, carry)
    }),
    call('multicall', 'multicall(bytes32,bytes[])', (read, made, carry) => {
      read.hash(0) // the block before
      return own(read, 1, made, carry)
    }),
    ...['aggregate', 'blockAndAggregate'].map((name) =>
      call('aggregate', `${name}((address,bytes)[])`, (read, made, carry) => each(read, 0, made, carry, { data: 1 })),
    ),
    ...['tryAggregate', 'tryBlockAndAggregate'].map((name) =>
      call('aggregate', `${name}(bool,(address,bytes)[])`, (read, made, carry) => {
        read.bool(0)
        return each(read, 1, made, carry, { data: 1 })
      }),
    ),
    call('aggregate', 'aggregate3((address,bool,bytes)[])', (read, made, carry) =>
      each(read, 0, made, carry, { flag: 1, data: 2 }),
    ),
    call('aggregate', 'aggregate3Value((address,bool,uint256,bytes)[])', (read, made, carry) =>
      each(read, 0, made, carry, { flag: 1, value: 2, data: 3 }),
    ),
  ],
}
