import type { AbiReader } from './abi-reader.ts'
import { call, type Protocol } from './protocol.ts'

/** What both kinds of order begin with. */
const order = (read: AbiReader) => ({
  makerToken: read.address(0),
  takerToken: read.address(1),
  makerAmount: read.uint(2, 128),
  takerAmount: read.uint(3, 128),
})

function signature(read: AbiReader, start: number): void {
  read.number(start, 2 ** 8 - 1) // its kind
  read.number(start + 1, 2 ** 8 - 1)
  read.hash(start + 2)
  read.hash(start + 3)
}

/** A LimitOrder of twelve words, its signature, and how much of the taker's token is paid. */
function limitOrder(read: AbiReader) {
  read.uint(4, 128) // a fee, in the taker's token, to the word 8
  for (const at of [6, 7, 8]) read.address(at) // who alone may take it, or send it
  read.hash(9)
  read.uint(10, 64)
  read.uint(11)
  signature(read, 12)
  return { order: 'limit' as const, ...order(read), maker: read.address(5), fillAmount: read.uint(16, 128) }
}

/** An RfqOrder of ten words, its signature, and how much of the taker's token is paid. */
function rfqOrder(read: AbiReader) {
  for (const at of [5, 6]) read.address(at) // who alone may take it, or send it
  read.hash(7)
  read.uint(8, 64)
  read.uint(9)
  signature(read, 10)
  return { order: 'rfq' as const, ...order(read), maker: read.address(4), fillAmount: read.uint(14, 128) }
}

const limit = '(address,address,uint128,uint128,uint128,address,address,address,address,bytes32,uint64,uint256)'
const rfq = '(address,address,uint128,uint128,address,address,address,bytes32,uint64,uint256)'
const signed = '(uint8,uint8,bytes32,bytes32)'

/**
 * Signed orders of 0x v4. The functions with a `_` the exchange calls on itself, for a taker that it names. Source:
 * protocol INativeOrdersFeature, LibNativeOrder.
 */
export const zeroEx: Protocol = {
  name: '0x',
  events: [],
  calls: [
    call('order-fill', `fillLimitOrder(${limit},${signed},uint128)`, (read, { caller }) => ({
      ...limitOrder(read),
      recipient: caller,
    })),
    call('order-fill', `_fillLimitOrder(${limit},${signed},uint128,address,address)`, (read) => {
      read.address(18) // the sender
      return { ...limitOrder(read), recipient: read.address(17) }
    }),
    call('order-fill', `fillRfqOrder(${rfq},${signed},uint128)`, (read, { caller }) => ({
      ...rfqOrder(read),
      recipient: caller,
    })),
    call('order-fill', `_fillRfqOrder(${rfq},${signed},uint128,address,bool,address)`, (read) => {
      read.address(15) // the taker
      read.bool(16) // the exchange pays
      return { ...rfqOrder(read), recipient: read.address(17) }
    }),
  ],
}
