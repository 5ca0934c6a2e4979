import type { Logger } from '@tocsin/service-kit'
import type { IngestorMetrics } from '../metrics.ts'
import type { ChainHealth } from '../source-health.ts'
import type { FollowObserver } from './follow.ts'

/** Follows a node's head into metrics, health and the process's log. */
export function followObserver(
  metrics: IngestorMetrics,
  health: Pick<ChainHealth, 'failing' | 'well' | 'stands'>,
  logger: Logger,
  now: () => number,
  progress: Pick<FollowObserver, 'looked' | 'appended'>,
): FollowObserver {
  let isQuarantined = false
  return {
    looked(at) {
      const { head, newest, final } = at
      progress.looked(at)
      // Told by the log already when the process starts again at the head, where it may be long until the next block.
      if (newest !== null) metrics.headBlock.set(newest.number)
      if (final !== null) metrics.finalBlock.set(final.number)
      metrics.lag.set(Math.max(0, head.number - (newest?.number ?? head.number)))
      if (newest === null) return
      metrics.lagSeconds.set(Math.max(0, (now() - newest.timestamp) / 1000))
      health.stands({ block: newest.number, behind: Math.max(0, head.number - newest.number) })
    },
    appended(block, at) {
      progress.appended(block, at)
      const { seal, undecoded } = block
      const { reverted, head } = at
      if (!isQuarantined) health.well()
      metrics.blocks.inc()
      metrics.transactions.inc(seal.transactions)
      metrics.events.inc(seal.events)
      for (const [event, logs] of Object.entries(undecoded)) metrics.undecoded.inc({ event }, logs)
      metrics.headBlock.set(seal.block.number)
      metrics.lag.set(Math.max(0, head.number - seal.block.number))
      metrics.lagSeconds.set(Math.max(0, (now() - seal.block.timestamp) / 1000))
      health.stands({ block: seal.block.number, behind: Math.max(0, head.number - seal.block.number) })
      if (reverted.length === 0) return
      metrics.reorgDepth.observe(reverted.length)
      logger.info(`reorg: ${reverted.length} blocks reverted`, { newBlock: seal.block.number })
    },
    finalized: (number) => metrics.finalBlock.set(number),
    failed: (error) => health.failing(error),
    quarantined(is) {
      if (!is) health.well()
      if (is === isQuarantined) return
      isQuarantined = is
      metrics.quarantined.set(is ? 1 : 0)
      if (!is) logger.info('the branch in the log is the chain again; nothing is quarantined any more')
    },
    noFinalizedTag: (depth) =>
      logger.info(`the node has no finalized tag: blocks count as final ${depth} under the head (--finality-depth)`),
    awaitsFinality: ({ to, head }) =>
      logger.info(`block ${to} is in the log and not final yet: waiting for that (--finality-depth)`, { head }),
    startsLater: ({ from, head }) =>
      logger.info(`the first block is to be ${from} and the head is ${head}: waiting for it`, {
        blocksToGo: from - head,
      }),
  }
}
