export type { AlertBody } from './alert.ts'
export { alertOf, evidenceHash } from './alert.ts'
export { alertId, sha256Of } from './alert-id.ts'
export * from './backtest.ts'
export { canonicalJson } from './canonical-json.ts'
export * from './config.ts'
export { configureDetectors } from './configure.ts'
export * from './detect.ts'
export {
  DoesNotFireError,
  parseOverrides,
  type ConfiguredDetector,
  type Detector,
  type Finding,
  type ParameterDescription,
  type ParameterOverrides,
  type Recording,
  type Reference,
  type Tally,
} from './detector.ts'
export { catalogue } from './detectors/catalogue.ts'
export type { Price } from './features/price.ts'
export { inCanonicalOrder, latestRevisions, readFinalAlerts, readTransitions } from './final-alerts.ts'
export { ParameterError, type ParameterProblem } from './parameters.ts'
export { readRules } from './read-rules.ts'
export { RuleError } from './rules/rules.ts'
export type { KnownAbi } from './rules/rule-abi.ts'
export { recordedTransactions } from './recorded-transactions.ts'
export { createAlertsTopic, detectionTopics, pipelineTopics } from './topics.ts'
export { detectionTopology, type DetectionOptions } from './topology.ts'
export { verifyAlert, type VerifyResult } from './verify-alert.ts'
