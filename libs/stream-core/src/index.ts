export * from './aggregate.ts'
export * from './clock.ts'
export * from './codec.ts'
export type * from './broadcast-stream.ts'
export type * from './connected-streams.ts'
export {
  openDistributedJob,
  type DistributedJob,
  type DistributedJobOptions,
  type DistributedJobProgress,
} from './distributed/distributed-job.ts'
export { EnrichmentError, type EnrichmentFailure, type EnrichOptions, type EnrichRetryStrategy } from './enrichment.ts'
export { JobModuleError, type JobDefinition, type JobModule } from './distributed/job-definition.ts'
export { shardedJobTopics, type JobTopicsOptions } from './distributed/job-topics.ts'
export { FrameError } from './distributed/frame.ts'
export {
  defaultMaxParallelism,
  keyGroupOf,
  keyGroupOwner,
  keyGroupRange,
  type KeyGroupRange,
} from './distributed/key-groups.ts'
export { type ShardEvent } from './distributed/shard-slot.ts'
export * from './distributed/sharded-job.ts'
export {
  restoreShardedSavepoint,
  takeShardedSavepoint,
  type ShardedRestoreOptions,
  type ShardedSavepointOptions,
} from './distributed/sharded-savepoint.ts'
export { CheckpointMissingError, planTrim, type Trim, type TrimOptions } from './distributed/trim-job.ts'
export { WorkerLostError, WorkerTaskError } from './distributed/worker.ts'
export * from './evictor.ts'
export type * from './interval-joined-streams.ts'
export type * from './job-graph.ts'
export * from './job.ts'
export * from './join-function.ts'
export * from './journal-clock.ts'
export * from './process-function.ts'
export type { RestartStrategy } from './restart-strategy.ts'
export {
  describeSavepoint,
  inspectSavepoint,
  savepointEntries,
  type SavepointInspection,
  type SavepointState,
} from './savepoint/inspect-savepoint.ts'
export { restoreSavepoint, type RestoreOptions, type RestoreReport } from './savepoint/restore-savepoint.ts'
export { SavepointMismatchError } from './savepoint/savepoint-mismatch-error.ts'
export type { DeclaredState } from './savepoint/savepoint-match.ts'
export { SavepointError } from './savepoint/savepoint-error.ts'
export type { SavepointSummary } from './savepoint/savepoint-file.ts'
export type { SavepointHead, SavepointInput, SavepointWatermark } from './savepoint/savepoint-head.ts'
export * from './sink.ts'
export * from './source.ts'
export * from './state/key-encoding.ts'
export { StateDescriptorError } from './state/state-descriptor-error.ts'
export { StateTtlMismatchError } from './state/versioned.ts'
export * from './state/state.ts'
export * from './state/value-codecs.ts'
export * from './stream.ts'
export * from './task/errors.ts'
export type { CheckpointReport } from './task/checkpoint.ts'
export type { CommitReport } from './task/commits.ts'
export { watchEventLoop, type EventLoop, type EventLoopDelay } from './task/event-loop.ts'
export type { DurationSummary, TimeShares } from './task/measures.ts'
export type { OperatorProgress } from './task/operator-progress.ts'
export type { TaskPace, TaskProgress } from './task/task-runner.ts'
export * from './time-window.ts'
export type * from './temporal-joined-streams.ts'
export * from './time.ts'
export * from './topology.ts'
export * from './trigger.ts'
export * from './watermark-strategy.ts'
export type * from './window-joined-streams.ts'
export * from './window.ts'
export type { SidedElement } from './operators/tag-sides.ts'
export type * from './windowed-stream.ts'
