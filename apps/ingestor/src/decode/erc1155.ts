import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol } from './protocol.ts'

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
  calls: [
    call('erc1155-transfer-from', 'safeTransferFrom(address,address,uint256,uint256,bytes)', (read) => {
      read.bytes(4)
      const items = [{ tokenId: read.uint(2), value: read.uint(3) }]
      return { from: read.address(0), to: read.address(1), items }
    }),
    call('erc1155-transfer-from', 'safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)', (read) => {
      const items = itemsOf(read, read.uints(2), read.uints(3))
      read.bytes(4)
      return { from: read.address(0), to: read.address(1), items }
    }),
  ],
}

const transfer = (read: AbiReader, ids: readonly bigint[], values: readonly bigint[]) => ({
  operator: read.topicAddress(1),
  from: read.topicAddress(2),
  to: read.topicAddress(3),
  items: itemsOf(read, ids, values),
})

function itemsOf(read: AbiReader, ids: readonly bigint[], values: readonly bigint[]) {
  if (ids.length !== values.length) read.refuse()
  return ids.map((tokenId, item) => ({ tokenId, value: values[item] ?? 0n }))
}
