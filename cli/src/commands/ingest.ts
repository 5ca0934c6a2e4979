import { ingestorSettings, startIngestor, type IngestProgress } from '@tocsin/ingestor'
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
import { chainsFrom } from '../chains-from.ts'
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
      'Several chains are followed side by side, none held up by another: mark each endpoint with its chain’s id, and with it',
      'whatever else is of one chain (--from 8453=100 --finality-depth 8453=64); what is not marked holds for all. --chain-id',
      'takes some of those that --rpc names. Health, metrics and log lines say which chain they are of.',
      '',
      'What is final and not yet in the log is read far ahead by --workers threads and written in order: a first start with',
      '--from, or one after a long stop, catches up like this and then follows on. With --to it ends when that block is in',
      'the log and final. Killed at any moment, the same command goes on where the log ends. On a terminal a bar shows the',
      'rate and the time left; elsewhere a line every five seconds does.',
    ].join('\n'),
    examples: [
      'tocsin ingest --kafka-brokers localhost:9092 --rpc https://your-node',
      'tocsin ingest --kafka-brokers localhost:9092 --rpc https://your-node --from 18000000 --to 18100000 --workers 4',
      'tocsin ingest --kafka-brokers localhost:9092 --rpc 1=https://a,1=https://b,8453=https://c --price-feed 1=coinbase:ETH-USD=native',
      'TOCSIN_RPC=1=https://a,8453=https://c tocsin ingest --chain-id 8453 --from 100 --to 200 --kafka-brokers localhost:9092',
      'TOCSIN_KAFKA_BROKERS=kafka:9092 tocsin ingest --recording blocks/ --prices prices.csv',
    ],
    settings: { shared: sharedSettings, cluster: clusterSettings, ingestor: ingestorSettings, ops: opsSettings },
    check: ({ settings: { shared, cluster, ingestor } }) => {
      checkCluster({ shared, cluster }, 'ingest')
      const chains = chainsFrom(ingestor)
      const follows = chains.some(({ rpc }) => rpc.length > 0)
      const reads = ingestor.recordings.length > 0
      if (follows && reads) {
        throw new UsageError(
          '--rpc and --recording exclude each other: a node is followed, or recorded blocks are read.',
        )
      }
      for (const { chainId, from, to } of chains) {
        const of = chains.length > 1 ? ` of chain ${chainId}` : ''
        if (to !== null && reads) throw new UsageError('--to is for a node: a recording is read to its own end.')
        if (to !== null && from === null)
          throw new UsageError(`--to ${to}${of} has no beginning: give the first block with --from.`)
        if (from !== null && to !== null && to < from)
          throw new UsageError(`--to ${to}${of} lies before --from ${from}: there is no block between them.`)
      }
      if (!follows && !reads) {
        throw new UsageError(
          'there is nothing to ingest: give a node with --rpc URL, or recorded blocks with --recording PATH.',
        )
      }
    },
    run: async ({ settings: { shared, cluster, ingestor, ops: opsConfig }, lifecycle, log, io }) => {
      const eventLog = openClusterLog({ shared, cluster }, 'ingest', lifecycle)
      const metrics = createMetrics({ process: true })
      const chains = chainsFrom(ingestor)
      const progress = barOfChains(() =>
        createProgressBar({ stream: io.stderr, now: io.clock, label: 'ingest', unit: 'blocks' }),
      )
      const running = startIngestor(
        chains,
        {
          log: eventLog,
          logger: log,
          metrics,
          prefix: shared.topicPrefix,
          now: io.now,
          onProgress: progress,
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
      return chains.some(({ to }) => to !== null) && lifecycle.signal.aborted ? exitCodes.interrupted : undefined
    },
  },
  knownSettings,
)

/** One bar for all chains that are on their way, and none when they are there. */
function barOfChains(open: () => ProgressBar) {
  const under = new Map<number, IngestProgress>()
  const there = new Set<number>()
  let bar: ProgressBar | undefined
  return (progress: IngestProgress | null, chainId: number) => {
    if (progress === null) there.add(chainId)
    else {
      there.delete(chainId)
      under.set(chainId, progress)
    }
    if ([...under.keys()].every((each) => there.has(each))) {
      bar?.end()
      bar = undefined
      under.clear()
      return
    }
    bar ??= open()
    const sum = (of: (one: IngestProgress) => number) => [...under.values()].reduce((total, one) => total + of(one), 0)
    bar.update({
      done: sum(({ blocks }) => blocks),
      total: sum(({ ofBlocks }) => ofBlocks),
      before: sum(({ before = 0 }) => before),
    })
  }
}
