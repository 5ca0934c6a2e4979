import { spans, type IngestorConfig } from '../config.ts'
import type { IngestProgress } from '../ingest.ts'
import type { FollowObserver } from './follow.ts'

/** How far the log is on its way to the last block asked for, or to the head where it is far behind that. */
export function catchUp(
  chainId: number,
  { from, to }: Pick<IngestorConfig, 'from' | 'to'>,
  onProgress: (progress: IngestProgress | null) => void,
): Pick<FollowObserver, 'looked' | 'appended'> {
  /** The number of the block after which this run began to catch up. */
  let since: number | null = null
  const tell = (number: number, headNumber: number) => {
    if (since === null) return
    const [first, last] = [from === null || from > since ? since + 1 : from, to ?? headNumber]
    const [blocks, ofBlocks] = [number - first + 1, last - first + 1]
    onProgress({ chainId, blocks, ofBlocks, blockNumber: number, before: since - first + 1 })
    if (number < last) return
    since = null
    onProgress(null)
  }
  return {
    looked({ head, newest }) {
      if (since !== null || newest === null) return
      const behind = (to ?? head.number) - newest.number
      if (behind < (to === null ? spans.minBackfillBlocks : 1)) return
      since = newest.number
      tell(newest.number, head.number)
    },
    appended: ({ seal }, { head }) => tell(seal.block.number, head.number),
  }
}
