import { detectorSettings, startDetector } from '@tocsin/detector'
import { ingestorSettings } from '@tocsin/ingestor'
import { createMetrics, opsSettings, sharedSettings, startOpsServer, type CheckResult } from '@tocsin/service-kit'
import type { JobProgress } from '@tocsin/stream-core'
import { knownSettings } from '../all-settings.ts'
import { checkCluster, openClusterLog } from '../cluster-log.ts'
import { clusterSettings } from '../cluster-settings.ts'
import { defineCommand } from '../command.ts'
import { rulesFrom } from '../rules.ts'

export const detect = defineCommand(
  {
    name: 'detect',
    runs: 'until-stopped',
    summary: 'Run the detectors over the log and write alerts.',
    about: [
      'Reads a chain’s transactions and prices from Kafka, runs the detectors and writes alerts, exactly once, until it is',
      'stopped. Started again it goes on where it was. Of several chains (--chain-id 1,8453) each has a job of its own, and',
      'none waits for another.',
      '',
      'Rules of your own (--rules, docs/rules.md) run beside the detectors. Give --abi what tocsin ingest is given: then they',
      'are held against the ABIs at the start; without it what does not fit becomes a dead letter when it comes.',
    ].join('\n'),
    examples: [
      'tocsin detect --kafka-brokers localhost:9092 --chain-id 1',
      'tocsin detect --kafka-brokers localhost:9092 --chain-id 1,8453',
      'TOCSIN_KAFKA_BROKERS=kafka:9092 tocsin detect --detectors transfer-volume',
      'tocsin detect --kafka-brokers localhost:9092 --rules rules.json --abi abis/',
    ],
    settings: {
      shared: sharedSettings,
      cluster: clusterSettings,
      detector: detectorSettings,
      ingestor: { abis: ingestorSettings.abis },
      ops: opsSettings,
    },
    check: async ({ settings }) => {
      checkCluster(settings, 'detect')
      await rulesOf(settings)
    },
    run: async ({ settings, lifecycle, log, io }) => {
      const eventLog = openClusterLog(settings, 'detect', lifecycle)
      const metrics = createMetrics({ process: true })
      const rules = await rulesOf(settings)
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
          rules,
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

/** Without ABIs here rules are not held against any: another process decodes, perhaps elsewhere. */
const rulesOf = ({
  detector: { rules },
  ingestor: { abis },
}: {
  readonly detector: { readonly rules: readonly string[] }
  readonly ingestor: { readonly abis: readonly string[] }
}) => rulesFrom(rules, abis.length === 0 ? null : abis)

/** Ready once the job reads; while it restores or has failed it is not. */
export function detectionCheck(progress: JobProgress | undefined): CheckResult {
  if (progress === undefined) return { status: 'down', reason: 'the job has not begun' }
  const { status } = progress
  return status === 'running' || status === 'waiting' || status === 'replaying'
    ? { status: 'up', detail: status }
    : { status: 'down', reason: `the job is ${status}` }
}
