import type { Alert } from '@tocsin/chain-model'
import { alertId, sha256Of } from './alert-id.ts'
import type { ConfiguredDetector, Finding } from './detector.ts'
import { blocksOf, evidenceOf } from './evidence.ts'

/** An alert before its lifecycle: all but what the sink adds. */
export type AlertBody = Omit<Alert, 'revision' | 'status'>

/** SHA-256 over canonical JSON of parameters and evidence: one changed digit in either shows at once. */
export const evidenceHash = ({ parameters, evidence }: Pick<AlertBody, 'parameters' | 'evidence'>): string =>
  sha256Of({ parameters, evidence })

/**
 * The alert that a finding makes. The one place where alerts are made: a task calls it with what it found, `verifyAlert`
 * with what the evidence says.
 * @throws {DoesNotFireError} where the rule does not hold.
 */
export function alertOf(chainId: number, detector: ConfiguredDetector, finding: Finding): AlertBody {
  const { id, version, parameters } = detector
  const { key } = finding
  const muted = finding.state['muted']
  const { thresholds, occurrence, eventTime, severity, confidence, title, sentence } = detector.judge(finding)
  const evidence = [...evidenceOf(finding, thresholds)]
  return {
    id: alertId({ chainId, detector: id, version, key, occurrence }),
    chainId,
    detector: id,
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
