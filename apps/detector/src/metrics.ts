import type { Metrics } from '@tocsin/service-kit'
import type { DurationSummary, JobProgress, ShardedJobProgress, ShardEvent } from '@tocsin/stream-core'
import type { Tally } from './detector.ts'

/** Measures of detection. What is reverted or replayed counts again: they are for watching, never for results. */
export interface DetectionMetrics {
  readonly tally: Tally
  progress(progress: JobProgress): void
  /** Which shards this process has, where several share the job. */
  shards(shards: ShardedJobProgress['shards']): void
  shardEvent(event: ShardEvent): void
  /** The job failed and is opened again. */
  restarted(code: string): void
  /** A record was put aside in the dead letters. */
  putAside(code: string): void
}

export function detectionMetrics(metrics: Metrics): DetectionMetrics {
  const unpriced = metrics.counter({
    name: 'tocsin_detector_unpriced_elements_total',
    help: 'Transfers and trades that a USD rule could not judge for want of a price.',
    labels: ['detector'],
  })
  const suppressed = metrics.counter({
    name: 'tocsin_detector_suppressed_total',
    help: 'Elements and findings left out, by detector and reason: a label class, hub, cool-down.',
    labels: ['detector', 'reason'],
  })
  const restarts = metrics.counter({
    name: 'tocsin_detector_restarts_total',
    help: 'Times the job failed and was opened again, by error code.',
    labels: ['code'],
  })
  const putAside = metrics.counter({
    name: 'tocsin_detector_put_aside_total',
    help: 'Records that became dead letters, by error code.',
    labels: ['code'],
  })
  const gauge = (name: string, help: string) => metrics.gauge({ name: `tocsin_detector_${name}`, help })
  const elements = gauge('elements', 'Elements folded since the process began.')
  const outputs = gauge('outputs', 'Alert transitions committed since the process began.')
  const deadLetters = gauge('dead_letters', 'Records that could not be read or evaluated since the process began.')
  const lateElements = gauge('late_elements', 'Elements that came after their window since the process began.')
  const waiting = gauge(
    'waiting_info',
    '1 while the job waits for the log, or its last checkpoint could not be written.',
  )
  const failedCheckpoints = gauge(
    'failed_checkpoints',
    'Checkpoints that could not be written since the process began.',
  )
  const openEpochs = gauge('open_blocks', 'Blocks that may yet be reverted.')
  const lag = gauge(
    'lag_records',
    'Records of all inputs that are still to be read, and of what the shards tell each other.',
  )
  const watermark = gauge(
    'watermark_seconds',
    'Event time up to which all was seen; 0 as long as nothing was, and on a process without a shard.',
  )
  const keys = gauge('state_keys', 'Keys with state.')
  const timers = gauge('state_timers', 'Timers waiting.')
  const spilledEpochs = gauge('spilled_blocks', 'Of them, those whose undo is on disk: finality has stalled.')
  const divergences = gauge('divergences', 'Replayed commits whose outputs differ under a changed version.')
  const inputLag = metrics.gauge({
    name: 'tocsin_detector_input_lag_records',
    help: 'Records of an input that are still to be read.',
    labels: ['topic', 'partition'],
  })
  const ownedShards = gauge('owned_shards', 'Shards that this process runs.')
  const standbyShards = gauge('standby_shards', 'Shards of whose checkpoints this process has a whole copy.')
  const standbyLag = gauge('standby_lag_records', 'Records of checkpoints that its copies do not have yet.')
  const groupMember = gauge('group_member_info', '0 while the other processes may have taken its shards over.')
  const shardTakeovers = metrics.counter({
    name: 'tocsin_detector_shard_takeovers_total',
    help: 'Shards that this process took over, from a copy of its own or by reading the checkpoints then.',
    labels: ['from'],
  })
  const fencedShards = metrics.counter({
    name: 'tocsin_detector_fenced_shards_total',
    help: 'Shards whose work here stopped since another process had taken them.',
  })
  const time = metrics.gauge({
    name: 'tocsin_detector_time_ratio',
    help: 'Share of the last second that the job was busy, idle or backPressured: waiting for the log to take its output.',
    labels: ['use'],
  })
  const operator = (name: string, help: string) =>
    metrics.gauge({ name: `tocsin_detector_operator_${name}`, help, labels: ['operator'] })
  const recordsIn = operator('records_in', 'Elements that reached the operator since the job was opened.')
  const recordsOut = operator('records_out', 'Elements that the operator gave on since the job was opened.')
  const operatorLate = operator('late_records', 'Elements that came behind what the operator still waits for.')
  const operatorKeys = operator('keys', 'Keys with state in the operator.')
  const operatorWatermark = operator('watermark_seconds', 'Event time up to which the operator has seen all.')
  let latest: JobProgress | undefined
  const durations = (name: string, help: string, of: (progress: JobProgress) => DurationSummary) =>
    metrics.countedHistogram({
      name: `tocsin_detector_${name}_duration_seconds`,
      help,
      collect: () => (latest === undefined ? null : inSeconds(of(latest))),
    })
  durations('commit', 'How long commits of outputs and progress took.', (progress) => progress.commitDurations)
  durations('checkpoint', 'How long checkpoints of the state took.', (progress) => progress.checkpointDurations)
  return {
    tally: {
      unpriced: (detector) => unpriced.inc({ detector }),
      // An address as reason would be a label of many values.
      suppressed: (detector, label) => suppressed.inc({ detector, reason: label.startsWith('0x') ? 'address' : label }),
    },
    progress(progress) {
      elements.set(progress.elements)
      outputs.set(progress.outputs)
      deadLetters.set(progress.deadLetters)
      lateElements.set(progress.lateElements)
      waiting.set(progress.reason === null ? 0 : 1)
      failedCheckpoints.set(progress.failedCheckpoints)
      openEpochs.set(progress.openEpochs)
      lag.set(progress.lag)
      watermark.set((progress.watermark ?? 0) / 1000)
      keys.set(progress.keys)
      timers.set(progress.timers)
      latest = progress
      spilledEpochs.set(progress.spilledEpochs)
      divergences.set(progress.divergences)
      // A shard that moved away took its inputs and operators along.
      for (const ofShards of [inputLag, recordsIn, recordsOut, operatorLate, operatorKeys, operatorWatermark])
        ofShards.reset()
      for (const { topic, partition, lag: behind } of progress.inputs) inputLag.set({ topic, partition }, behind)
      const { busyTimeMsPerSecond, idleTimeMsPerSecond, backPressuredTimeMsPerSecond } = progress.time
      time.set({ use: 'busy' }, busyTimeMsPerSecond / 1000)
      time.set({ use: 'idle' }, idleTimeMsPerSecond / 1000)
      time.set({ use: 'backPressured' }, backPressuredTimeMsPerSecond / 1000)
      for (const { name, ...of } of progress.operators) {
        recordsIn.set({ operator: name }, of.recordsIn)
        recordsOut.set({ operator: name }, of.recordsOut)
        operatorLate.set({ operator: name }, of.lateRecords)
        operatorKeys.set({ operator: name }, of.keys)
        if (of.watermark !== null) operatorWatermark.set({ operator: name }, of.watermark / 1000)
      }
    },
    shards({ owned, standbys, isMember }) {
      ownedShards.set(owned.length)
      standbyShards.set(standbys.filter(({ isReady }) => isReady).length)
      standbyLag.set(standbys.reduce((sum, { lag: behind }) => sum + behind, 0))
      groupMember.set(isMember ? 1 : 0)
    },
    shardEvent(event) {
      if (event.type === 'taken') shardTakeovers.inc({ from: event.fromStandby ? 'copy' : 'topic' })
      else if (event.type === 'fenced') fencedShards.inc()
      else if (event.type === 'lost') for (const _ of event.shards) fencedShards.inc()
    },
    restarted: (code) => restarts.inc({ code }),
    putAside: (code) => putAside.inc({ code }),
  }
}

const inSeconds = ({ count, sumMs, buckets }: DurationSummary) => ({
  count,
  sum: sumMs / 1000,
  buckets: buckets.map(({ leMs, count: upTo }) => ({ le: leMs / 1000, count: upTo })),
})
