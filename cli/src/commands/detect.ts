import { detectorSettings, startDetector } from '@tocsin/detector'
import { createMetrics, opsSettings, sharedSettings, startOpsServer, type CheckResult } from '@tocsin/service-kit'
import type { JobProgress } from '@tocsin/stream-core'
import { knownSettings } from '../all-settings.ts'
import { checkCluster, openClusterLog } from '../cluster-log.ts'
import { clusterSettings } from '../cluster-settings.ts'
import { defineCommand } from '../command.ts'

export const detect = defineCommand(
  {
    name: 'detect',
    runs: 'until-stopped',
    summary: 'Run the detectors over the log and write alerts.',
    about: [
      'Reads a chain’s transactions and prices from Kafka, runs the detectors and writes alerts, exactly once, until it is',
      'stopped. Started again it goes on where it was. Of several chains (--chain-id 1,8453) each has a job of its own, and',
      'none waits for another.',
    ].join('\n'),
    examples: [
      'tocsin detect --kafka-brokers localhost:9092 --chain-id 1',
      'tocsin detect --kafka-brokers localhost:9092 --chain-id 1,8453',
      'TOCSIN_KAFKA_BROKERS=kafka:9092 tocsin detect --detectors transfer-volume',
    ],
    settings: { shared: sharedSettings, cluster: clusterSettings, detector: detectorSettings, ops: opsSettings },
    check: ({ settings }) => checkCluster(settings, 'detect'),
    run: async ({ settings, lifecycle, log, io }) => {
      const eventLog = openClusterLog(settings, 'detect', lifecycle)
      const metrics = createMetrics({ process: true })
      const { chainId: chainIds } = settings.detector
      const progress = new Map<number, JobProgress>()
      const ops = await startOpsServer({
        metrics,
        checks: Object.fromEntries(
          chainIds.map((chainId) => [`chain-${chainId}`, () => detectionCheck(progress.get(chainId))]),
        ),
        port: settings.ops.opsPort,
        host: settings.ops.opsHost,
      })
      lifecycle.onStop('health and metrics', () => ops.close())
      log.info('health and metrics are served', { port: ops.port })
      await startDetector(
        { ...settings.detector, topicPrefix: settings.shared.topicPrefix },
        {
          log: eventLog,
          openGroup: (options) => eventLog.group(options),
          logger: log,
          metrics,
          clock: io.clock,
          random: io.random,
          onProgress: (now, chainId) => {
            progress.set(chainId, now)
          },
        },
        lifecycle.signal,
      )
      return undefined
    },
  },
  knownSettings,
)

/** Ready once the job reads; while it restores or has failed it is not. */
export function detectionCheck(progress: JobProgress | undefined): CheckResult {
  if (progress === undefined) return { status: 'down', reason: 'the job has not begun' }
  const { status } = progress
  return status === 'running' || status === 'waiting' || status === 'replaying'
    ? { status: 'up', detail: status }
    : { status: 'down', reason: `the job is ${status}` }
}
