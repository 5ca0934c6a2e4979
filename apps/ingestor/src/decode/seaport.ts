import type { AbiReader } from './abi-reader.ts'
import { event, type Protocol } from './protocol.ts'

const item = (read: AbiReader, at: number) => ({
  itemType: read.number(at, 5),
  token: read.address(at + 1),
  identifier: read.uint(at + 2),
  amount: read.uint(at + 3),
})

/** OpenSea's Seaport. Source: seaport, ConsiderationEventsAndErrors. */
export const seaport: Protocol = {
  name: 'Seaport',
  events: [
    event(
      'seaport-order-fulfilled',
      'OrderFulfilled(bytes32,address,address,address,(uint8,address,uint256,uint256)[],(uint8,address,uint256,uint256,address)[])',
      { topics: 3, words: null },
      (read) => ({
        orderHash: read.hash(0),
        offerer: read.topicAddress(1),
        zone: read.topicAddress(2),
        recipient: read.address(1),
        offer: read.list(2, (at) => item(read, at), 4),
        consideration: read.list(3, (at) => ({ ...item(read, at), recipient: read.address(at + 4) }), 5),
      }),
    ),
  ],
}
