import { ingestorSettings, startIngestor } from '@tocsin/ingestor'
import {
  createMetrics,
  createProgressBar,
  exitCodes,
  opsSettings,
  sharedSettings,
  startOpsServer,
  type ProgressBar,
} from '@tocsin/service-kit'
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
      'runs until it is stopped; a recording or --to ends it.',
      '',
      'What is final and not yet in the log is read far ahead by --workers threads and written in order: a first start with',
      '--from, or one after a long stop, catches up like this and then follows on. With --to it ends when that block is in',
      'the log and final. Killed at any moment, the same command goes on where the log ends. On a terminal a bar shows the',
      'rate and the time left; elsewhere a line every five seconds does.',
    ].join('\n'),
    examples: [
      'tocsin ingest --kafka-brokers localhost:9092 --rpc https://your-node',
      'tocsin ingest --kafka-brokers localhost:9092 --rpc https://your-node --from 18000000 --to 18100000 --workers 4',
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
      const { from, to } = ingestor
      if (to !== null && ingestor.recordings.length > 0)
        throw new UsageError('--to is for a node: a recording is read to its own end.')
      if (to !== null && from === null)
        throw new UsageError(`--to ${to} has no beginning: give the first block with --from.`)
      if (from !== null && to !== null && to < from)
        throw new UsageError(`--to ${to} lies before --from ${from}: there is no block between them.`)
      if (ingestor.rpc.length === 0 && ingestor.recordings.length === 0) {
        throw new UsageError(
          'there is nothing to ingest: give a node with --rpc URL, or recorded blocks with --recording PATH.',
        )
      }
    },
    run: async ({ settings: { shared, cluster, ingestor, ops: opsConfig }, lifecycle, log, io }) => {
      const eventLog = openClusterLog({ shared, cluster }, 'ingest', lifecycle)
      const metrics = createMetrics({ process: true })
      let bar: ProgressBar | undefined
      const running = startIngestor(
        ingestor,
        {
          log: eventLog,
          logger: log,
          metrics,
          prefix: shared.topicPrefix,
          now: io.now,
          onProgress: (progress) => {
            if (progress === null) {
              bar?.end()
              bar = undefined
              return
            }
            bar ??= createProgressBar({ stream: io.stderr, now: io.clock, label: 'ingest', unit: 'blocks' })
            const { blocks: done, ofBlocks: total, before = 0 } = progress
            bar.update({ done, total, before })
          },
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
      return ingestor.to !== null && lifecycle.signal.aborted ? exitCodes.interrupted : undefined
    },
  },
  knownSettings,
)
