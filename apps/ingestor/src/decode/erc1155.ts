import type { LogReader } from './log-reader.ts'
import { event, type Protocol } from './protocol.ts'

/** EIP-1155. A batch whose ids and values differ in number does not fit. */
export const erc1155: Protocol = {
  name: 'ERC-1155',
  events: [
    event(
      'erc1155-transfer',
      'TransferSingle(address,address,address,uint256,uint256)',
      { topics: 4, words: 2 },
      (read) => transfer(read, [read.uint(0)], [read.uint(1)]),
    ),
    event(
      'erc1155-transfer',
      'TransferBatch(address,address,address,uint256[],uint256[])',
      { topics: 4, words: null },
      (read) => transfer(read, read.uints(0), read.uints(1)),
    ),
  ],
}

function transfer(read: LogReader, ids: readonly bigint[], values: readonly bigint[]) {
  if (ids.length !== values.length) read.refuse()
  return {
    operator: read.topicAddress(1),
    from: read.topicAddress(2),
    to: read.topicAddress(3),
    items: ids.map((tokenId, item) => ({ tokenId, value: values[item] ?? 0n })),
  }
}
