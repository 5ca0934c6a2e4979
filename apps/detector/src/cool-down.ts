import type { Severity } from '@tocsin/chain-model'
import { days, valueState, type KeyedProcessFunction } from '@tocsin/stream-core'
import { alertOfJudged, judgeFinding, type AlertBody } from './alert.ts'
import type { ConfiguredDetector, Finding, Tally } from './detector.ts'
import { severityRank } from './severity.ts'
import { valueCodec } from './value-codec.ts'

interface Spoken {
  readonly id: string
  readonly eventTime: number
  readonly severity: Severity
  readonly muted: number
}

/** A key that has not spoken for so long is forgotten, with what was muted since. */
const forgottenAfter = days(30)

/**
 * Makes alerts of findings and mutes those of a key that come within the detector's cool-down after one that spoke
 * (exactly so long after is within). A key's first alert always speaks; so does a higher severity, and a revision of the
 * alert that spoke. The next to speak says how many were muted. State: one entry a key, 30 days.
 */
export function alertsWithCoolDown(
  chainId: number,
  detector: ConfiguredDetector,
  tally: Tally,
): KeyedProcessFunction<string, Finding, AlertBody> {
  const spokenState = valueState<Spoken>('spoken', valueCodec())
  return {
    processElement(finding, ctx) {
      const spoken = ctx.state(spokenState)
      const last = spoken.value
      const muted = last?.muted ?? 0
      const judged = judgeFinding(chainId, detector, finding)
      const { id } = judged
      const { eventTime, severity } = judged.judgement
      const speaks =
        last === undefined ||
        id === last.id ||
        eventTime - last.eventTime > detector.coolDown ||
        detector.coolDown === 0 ||
        severityRank(severity) > severityRank(last.severity)
      if (!speaks) {
        tally.suppressed(detector.id, 'cool-down')
        spoken.value = { ...last, muted: muted + 1 }
        return
      }
      spoken.value = { id, eventTime, severity, muted: 0 }
      ctx.timers.registerEventTimeTimer(eventTime + forgottenAfter + 1)
      const told = muted === 0 ? finding : { ...finding, state: { ...finding.state, muted: `${muted}` } }
      ctx.emit(alertOfJudged(chainId, detector, { ...judged, finding: told }))
    },
    onTimer(timestamp, ctx) {
      const spoken = ctx.state(spokenState)
      if (spoken.value !== undefined && spoken.value.eventTime + forgottenAfter < timestamp) spoken.clear()
    },
  }
}
