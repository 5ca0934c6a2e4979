import type { Alert } from '@tocsin/chain-model'
import { alertId, sha256Of } from './alert-id.ts'
import type { ConfiguredDetector, Finding, Judgement } from './detector.ts'
import { blocksOf, evidenceOf } from './evidence.ts'

/** An alert before its lifecycle: all but what the sink adds. */
export type AlertBody = Omit<Alert, 'revision' | 'status'>

/** SHA-256 over canonical JSON of parameters and evidence: one changed digit in either shows at once. */
export const evidenceHash = ({ parameters, evidence }: Pick<AlertBody, 'parameters' | 'evidence'>): string =>
  sha256Of({ parameters, evidence })

/** A finding judged, with the id of the alert that it would make: enough to tell whether that speaks. */
export interface JudgedFinding {
  readonly id: string
  readonly finding: Finding
  readonly judgement: Judgement
}

/** @throws {DoesNotFireError} where the rule does not hold. */
export function judgeFinding(chainId: number, detector: ConfiguredDetector, finding: Finding): JudgedFinding {
  const judgement = detector.judge(finding)
  const { occurrence } = judgement
  const about = { chainId, detector: detector.id, version: detector.version, key: finding.key, occurrence }
  return { id: alertId(about), finding, judgement }
}

/**
 * The alert that a finding makes. The one place where alerts are made: a task calls it with what it found, `verifyAlert`
 * with what the evidence says.
 * @throws {DoesNotFireError} where the rule does not hold.
 */
export const alertOf = (chainId: number, detector: ConfiguredDetector, finding: Finding): AlertBody =>
  alertOfJudged(chainId, detector, judgeFinding(chainId, detector, finding))

/** The alert, muted ones before it counted where the finding's state says how many. */
export function alertOfJudged(
  chainId: number,
  { id: detector, version, parameters }: ConfiguredDetector,
  { id, finding, judgement }: JudgedFinding,
): AlertBody {
  const { key } = finding
  const muted = finding.state['muted']
  const { thresholds, occurrence, eventTime, severity, confidence, title, sentence } = judgement
  const evidence = [...evidenceOf(finding, thresholds)]
  return {
    id,
    chainId,
    detector,
    version,
    severity,
    confidence,
    key,
    occurrence,
    eventTime,
    blocks: blocksOf(finding.references),
    title,
    sentence: muted === undefined ? sentence : `${sentence} Muted before it: ${muted}.`,
    parameters: { ...parameters },
    evidence,
    evidenceHash: evidenceHash({ parameters, evidence }),
  }
}
