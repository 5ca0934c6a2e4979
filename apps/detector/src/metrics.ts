import type { Metrics } from '@tocsin/service-kit'
import type { JobProgress } from '@tocsin/stream-core'
import type { Tally } from './detector.ts'

/** Measures of detection. What is reverted or replayed counts again: they are for watching, never for results. */
export interface DetectionMetrics {
  readonly tally: Tally
  progress(progress: JobProgress): void
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
  const lag = gauge('lag_records', 'Records of all inputs that are still to be read.')
  const watermark = gauge('watermark_seconds', 'Event time up to which all was seen.')
  const keys = gauge('state_keys', 'Keys with state.')
  const timers = gauge('state_timers', 'Timers waiting.')
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
      lag.set(progress.inputs.reduce((sum, { position, end }) => sum + Math.max(0, end - position), 0))
      if (progress.watermark !== null) watermark.set(progress.watermark / 1000)
      keys.set(progress.keys)
      timers.set(progress.timers)
    },
    restarted: (code) => restarts.inc({ code }),
    putAside: (code) => putAside.inc({ code }),
  }
}
