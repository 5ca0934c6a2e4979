import type { ChainEvent } from '@tocsin/chain-model'
import type { SourceLog } from '../sources/source-block.ts'
import type { LogReader } from './log-reader.ts'
import { emitted, type Protocol } from './protocol.ts'

/** EIP-1155. A batch whose ids and values differ in number does not fit. */
export const erc1155: Protocol = {
  name: 'ERC-1155',
  events: [
    {
      signature: 'TransferSingle(address,address,address,uint256,uint256)',
      topics: 4,
      words: 2,
      decode: (read, log) => transfer(read, log, [read.uint(0)], [read.uint(1)]),
    },
    {
      signature: 'TransferBatch(address,address,address,uint256[],uint256[])',
      topics: 4,
      words: null,
      decode: (read, log) => transfer(read, log, read.uints(0), read.uints(1)),
    },
  ],
}

function transfer(read: LogReader, log: SourceLog, ids: readonly bigint[], values: readonly bigint[]): ChainEvent {
  if (ids.length !== values.length) read.fits = false
  return {
    type: 'erc1155-transfer',
    ...emitted(log),
    operator: read.topicAddress(1),
    from: read.topicAddress(2),
    to: read.topicAddress(3),
    items: ids.map((tokenId, item) => ({ tokenId, value: values[item] ?? 0n })),
  }
}
