import type { Logger } from '@tocsin/service-kit'
import type { FollowObserver } from './follow.ts'

/** Says once where the log goes on, if that is not where the settings say: they are for an empty one, and it has no gaps. */
export function tellingResume(from: number | null, logger: Logger, observe: FollowObserver): FollowObserver {
  let isTold = from === null
  return {
    ...observe,
    looked(at) {
      observe.looked(at)
      if (isTold || at.newest === null) return
      isTold = true
      const next = at.newest.number + 1
      if (next !== from)
        logger.info(`the log holds blocks up to ${at.newest.number}: it goes on with block ${next}`, { from })
    },
  }
}
