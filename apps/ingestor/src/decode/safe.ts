import type { Address } from '@tocsin/chain-model'
import type { LogReader } from './log-reader.ts'
import { event, type EventDecoder, type Protocol } from './protocol.ts'

/** Newer versions index the one argument. */
const both = (
  make: (layout: { topics: number; words: number }, account: (read: LogReader) => Address) => EventDecoder,
): readonly EventDecoder[] => [
  make({ topics: 1, words: 1 }, (read) => read.address(0)),
  make({ topics: 2, words: 0 }, (read) => read.topicAddress(1)),
]

/** Safe (Gnosis Safe) multi-signature wallets, 0.1 to 1.5. Source: safe-smart-account. */
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
  ],
}
