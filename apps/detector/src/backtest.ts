import type { Alert } from '@tocsin/chain-model'
import { openDetection, silentTally, type DetectionJob } from './detect.ts'
import type { Tally } from './detector.ts'
import { readFinalAlerts } from './final-alerts.ts'

export interface DetectionResult {
  /** The alerts as they stand, in canonical order. */
  readonly alerts: readonly Alert[]
  /** Elements folded by this run; a resumed run folds the rest. */
  readonly elements: number
  readonly deadLetters: number
  readonly lateElements: number
  /** By detector: what had no price, and what was left out for which reason. For the summary; see {@link Tally}. */
  readonly unpriced: Readonly<Record<string, number>>
  readonly suppressed: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/**
 * Runs detection over what is in the log until its end, and reads the alerts back. Run again on the same log and state
 * folder, also after `kill -9`, it goes on where it was and ends with the same alerts.
 */
export async function runDetection(options: DetectionJob): Promise<DetectionResult> {
  const counts = countingTally()
  const { tally = silentTally } = options
  const job = await openDetection({ ...options, tally: bothTallies(tally, counts) })
  try {
    await job.runToEnd()
    const { elements, deadLetters, lateElements } = job.progress()
    const alerts = await readFinalAlerts(options.log, options.prefix, options.chainId)
    return { alerts, elements, deadLetters, lateElements, ...counts.read() }
  } finally {
    await job.close()
  }
}

const bothTallies = (a: Tally, b: Tally): Tally => ({
  unpriced: (detector) => {
    a.unpriced(detector)
    b.unpriced(detector)
  },
  suppressed: (detector, label) => {
    a.suppressed(detector, label)
    b.suppressed(detector, label)
  },
})

function countingTally() {
  const unpriced: Record<string, number> = {}
  const suppressed: Record<string, Record<string, number>> = {}
  const counting: Tally = {
    unpriced: (detector) => {
      unpriced[detector] = (unpriced[detector] ?? 0) + 1
    },
    suppressed: (detector, label) => {
      const ofDetector = (suppressed[detector] ??= {})
      ofDetector[label] = (ofDetector[label] ?? 0) + 1
    },
  }
  return { ...counting, read: () => ({ unpriced, suppressed }) }
}
