import { ingestorSettings, startIngestor } from '@tocsin/ingestor'
import { createMetrics, opsSettings, sharedSettings, startOpsServer } from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { checkCluster, openClusterLog } from '../cluster-log.ts'
import { clusterSettings } from '../cluster-settings.ts'
import { defineCommand } from '../command.ts'
import { UsageError } from '../words.ts'

export const ingest = defineCommand(
  {
    name: 'ingest',
    runs: 'until-stopped',
    summary: 'Follow a chain and write its blocks, decoded, and prices into the log.',
    about: [
      'Follows a node (--rpc) through reorgs, or reads recorded blocks (--recording), and writes transactions and prices to',
      'Kafka. Where it stands is read back from the log, so it may be stopped and started at any time. Following a node it',
      'runs until it is stopped; a recording ends it.',
    ].join('\n'),
    examples: [
      'tocsin ingest --kafka-brokers localhost:9092 --rpc https://your-node',
      'TOCSIN_KAFKA_BROKERS=kafka:9092 tocsin ingest --recording blocks/ --prices prices.csv',
    ],
    settings: { shared: sharedSettings, cluster: clusterSettings, ingestor: ingestorSettings, ops: opsSettings },
    check: ({ settings: { shared, cluster, ingestor } }) => {
      checkCluster({ shared, cluster }, 'ingest')
      if (ingestor.rpc.length > 0 && ingestor.recordings.length > 0) {
        throw new UsageError(
          '--rpc and --recording exclude each other: a node is followed, or recorded blocks are read.',
        )
      }
      if (ingestor.rpc.length === 0 && ingestor.recordings.length === 0) {
        throw new UsageError(
          'there is nothing to ingest: give a node with --rpc URL, or recorded blocks with --recording PATH.',
        )
      }
    },
    run: async ({ settings: { shared, cluster, ingestor, ops: opsConfig }, lifecycle, log, io }) => {
      const eventLog = openClusterLog({ shared, cluster }, 'ingest', lifecycle)
      const metrics = createMetrics({ process: true })
      const running = startIngestor(
        ingestor,
        {
          log: eventLog,
          logger: log,
          metrics,
          prefix: shared.topicPrefix,
          now: io.now,
        },
        lifecycle.signal,
      )
      // Awaited below; a port that is taken must not leave it without a listener.
      running.done.catch(() => undefined)
      lifecycle.onStop('the ingestor', () => running.done.catch(() => undefined))
      const ops = await startOpsServer({
        metrics,
        checks: running.checks,
        port: opsConfig.opsPort,
        host: opsConfig.opsHost,
      })
      lifecycle.onStop('health and metrics', () => ops.close())
      log.info('health and metrics are served', { port: ops.port })
      await running.done
      return undefined
    },
  },
  knownSettings,
)
