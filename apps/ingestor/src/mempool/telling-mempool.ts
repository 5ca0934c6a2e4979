import type { FollowObserver } from '../ledger/follow.ts'
import type { LedgerNews } from './follow-mempool.ts'

/** Tells the mempool what is in the log. */
export const tellingMempool = (mempool: LedgerNews, observe: FollowObserver): FollowObserver => ({
  ...observe,
  appended(block, at) {
    observe.appended(block, at)
    const { number, hash } = block.seal.block
    if (hash !== null) mempool.sealed({ number, hash }, block.mined, at.reverted)
  },
  finalized(number) {
    observe.finalized(number)
    mempool.finalized(number)
  },
})
