export { eventLogSuite, type LogUnderTest } from './event-log.suite.ts'
export type { LogAddress } from './log-address.ts'
export { type AppendFate, openSimulatedLog, type PendingAppend, type SimulatedLog } from './simulated-log.ts'
export { withoutWorkaround } from '../src/kafka-workarounds.ts'
