import { join } from 'node:path'
import { alertsApiSettings, startAlertsApi } from '@tocsin/alerts-api'
import { startDemo } from '@tocsin/demo'
import { createAlertsTopic, detectorSettings, startDetector } from '@tocsin/detector'
import { openEmbeddedLog } from '@tocsin/event-log'
import {
  ingestorSettings,
  startIngestor,
  type IngestorConfig,
  type PriceSource,
  type RunningChain,
} from '@tocsin/ingestor'
import { aborted, createMetrics, defineSettings, sharedSettings, type Logger } from '@tocsin/service-kit'
import type { JobProgress } from '@tocsin/stream-core'
import { knownSettings } from '../all-settings.ts'
import { defineCommand, type CommandContext } from '../command.ts'
import { chainsFrom } from '../chains-from.ts'
import { builtDashboard } from '../dashboard-folder.ts'
import { openDataFolder } from '../data-folder.ts'
import { describedDetectors } from '../described-detectors.ts'
import { freePort } from '../free-port.ts'
import { rulesFrom } from '../rules.ts'
import { startSettings } from '../start-settings.ts'
import { without } from '../subset.ts'
import { UsageError } from '../words.ts'

const settings = {
  start: startSettings,
  shared: defineSettings({ topicPrefix: sharedSettings.topicPrefix }),
  ingestor: without(ingestorSettings, 'recordings', 'to'),
  detector: without(detectorSettings, 'chainId', 'stateFolder'),
  api: without(alertsApiSettings, 'databaseFolder'),
}

/** So many ports after the default one are tried if it is taken. A port that was asked for is the port. */
const portsTried = 20

type Context = CommandContext<typeof settings>

export const start = defineCommand(
  {
    name: 'start',
    runs: 'until-stopped',
    summary: 'Watch a chain and serve the dashboard; without --rpc a local chain with staged frauds.',
    about: [
      'Runs everything in one process on embedded parts: a log and a PostgreSQL in the data folder, the ingestor, the',
      'detectors, the alerts API and the dashboard. Without --rpc it also runs a local EVM chain with real token and',
      'exchange contracts, ordinary traffic and staged frauds, one of which a reorg takes back. Prints one URL when it is',
      'ready. Ctrl-C ends it; a second start goes on where it was. Several chains are watched side by side: mark what is of',
      'one with its chain id, as in --rpc 1=https://a,8453=https://b.',
    ].join('\n'),
    examples: [
      'tocsin start',
      'tocsin start --rpc https://your-node --prices prices.csv',
      'tocsin start --rpc 1=https://your-node,8453=https://another --prices prices.csv',
      'tocsin start --rpc https://your-node --abi abis/ --rules rules.json',
      'tocsin start --data /var/lib/tocsin --port 8080',
    ],
    settings,
    check: async ({ settings: { api, ingestor, detector } }) => {
      nodesOf(ingestor)
      await rulesFrom(detector.rules, ingestor.abis)
      if (api.dashboardFolder === null && builtDashboard() === null) {
        throw new UsageError('the dashboard is not built: run npm run build, or name it with --dashboard-folder.')
      }
    },
    run: startAll,
  },
  knownSettings,
)

async function startAll({ settings: config, lifecycle, log: console, io }: Context): Promise<undefined> {
  const { signal } = lifecycle
  const { data } = config.start
  const { topicPrefix } = config.shared
  const log = withoutSchemes(console)
  const rules = await rulesFrom(config.detector.rules, config.ingestor.abis)
  await openDataFolder(data)
  const eventLog = await openEmbeddedLog(join(data, 'log'))
  lifecycle.onStop('the log', () => eventLog.close())
  const metrics = createMetrics({ process: true })

  const isDefaultPort = config.api.apiPort === alertsApiSettings.apiPort.default
  // Looked at before anything is begun: a chain and a database take seconds.
  const apiPort = await freePort(config.api.apiHost, config.api.apiPort, isDefaultPort ? portsTried : 1)
  if (apiPort !== config.api.apiPort) log.warn('the port is taken', { port: config.api.apiPort, instead: apiPort })

  const nodes = nodesOf(config.ingestor)
  const followsNodes = nodes.some(({ rpc }) => rpc.length > 0)
  const chain = followsNodes ? startedNodes(nodes) : await openDemoChain(nodes, config, lifecycle, log)
  signal.throwIfAborted()

  const ingestor = startIngestor(
    chain.ingestors,
    { log: eventLog, logger: log.at('ingestor'), metrics, prefix: topicPrefix, now: io.now, ...chain.prices },
    signal,
  )
  ingestor.done.catch(() => undefined) // awaited below
  lifecycle.onStop('the ingestor', () => ingestor.done.catch(() => undefined))

  // The dashboard, health and metrics do not wait for a node that does not answer: they say so.
  const watched = ingestor.chains.map((one): WatchedChain => {
    const watching: WatchedChain = { ...one, found: null, progress: null, detecting: Promise.resolve() }
    watching.detecting = one.chainId.then((found) => {
      watching.found = found
      return startDetector(
        { ...config.detector, chainId: [found], stateFolder: join(data, `detector-${found}`), topicPrefix },
        {
          log: eventLog,
          rules,
          logger: log.at(ingestor.chains.length === 1 ? 'detector' : `detector/${found}`),
          metrics,
          clock: io.clock,
          random: io.random,
          onProgress: (now) => {
            watching.progress = now
          },
        },
        signal,
      )
    })
    return watching
  })
  // One that cannot go on does not end the others.
  const detecting = Promise.allSettled(watched.map((one) => one.detecting)).then((ends) => {
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  })
  detecting.catch(() => undefined) // awaited below
  for (const { detecting: ends } of watched.length > 1 ? watched : [])
    ends.catch((error: unknown) => signal.aborted || log.at('detector').error(error))
  lifecycle.onStop('the detector', () => detecting.catch(() => undefined))

  await createAlertsTopic(eventLog, topicPrefix, config.detector.alertPartitions)
  const api = await startAlertsApi(
    {
      ...config.api,
      apiPort,
      databaseFolder: join(data, 'postgres'),
      dashboardFolder: config.api.dashboardFolder ?? builtDashboard(),
      topicPrefix,
    },
    {
      log: eventLog,
      logger: log.at('alerts-api'),
      metrics,
      neighbours: {
        detectors: describedDetectors(rules),
        ingestor: () =>
          oneOrAll(watched.map(({ found, check }) => ({ chainId: found, follows: chain.name, ...check() }))),
        detector: () =>
          oneOrAll(
            watched.map(
              ({ found, progress }) => progress && { ...(watched.length > 1 && { chainId: found }), ...progress },
            ),
          ),
      },
      now: io.now,
      random: io.random,
    },
    signal,
  )
  lifecycle.onStop('the alerts API', () => api.close())

  await io.stdout.write(`Tocsin is ready: ${api.url.replace('//127.0.0.1:', '//localhost:')}\n`)
  // What has done its work leaves the rest running; what fails ends all.
  const lasting = (work: Promise<unknown>) => work.then(() => aborted(signal))
  await Promise.race([lasting(ingestor.done), lasting(detecting), lasting(chain.running), api.failure, aborted(signal)])
  return undefined
}

interface StartedChain {
  readonly name: string
  readonly ingestors: readonly IngestorConfig[]
  readonly prices: { readonly priceSource?: PriceSource }
  /** Rejects when the chain cannot go on. */
  readonly running: Promise<unknown>
}

interface WatchedChain extends RunningChain {
  found: number | null
  progress: JobProgress | null
  detecting: Promise<void>
}

/** As one process always showed it; of several chains a list. */
const oneOrAll = <T>(all: readonly T[]): T | readonly T[] | null => (all.length > 1 ? all : (all[0] ?? null))

const nodesOf = (ingestor: Context['settings']['ingestor']): readonly IngestorConfig[] =>
  chainsFrom({ ...ingestor, to: { others: null, chains: new Map() }, recordings: [] })

const startedNodes = (nodes: readonly IngestorConfig[]): StartedChain => ({
  name: 'a node',
  ingestors: nodes,
  prices: {},
  running: Promise.resolve(),
})

async function openDemoChain(
  [ingestor]: readonly IngestorConfig[],
  { start: { data } }: Context['settings'],
  lifecycle: Context['lifecycle'],
  log: Logger,
): Promise<StartedChain> {
  if (ingestor === undefined) throw new Error('assertion: settings without an endpoint are of one chain')
  const folder = join(data, 'demo-chain')
  const demo = await startDemo({
    folder,
    signal: lifecycle.signal,
    log: (line) => log.at('demo').info(line),
  })
  lifecycle.onStop('the local chain', () => demo.stop())
  return {
    name: 'the local chain',
    ingestors: [
      {
        ...ingestor,
        rpc: [demo.rpcUrl],
        chainId: demo.chainId,
        from: demo.startBlock,
        finalityDepth: ingestor.finalityDepth ?? demo.finalityDepth,
        tokens: [...ingestor.tokens, demo.tokensFile],
        labels: [...ingestor.labels, demo.labelsFile],
      },
    ],
    prices: { priceSource: demo.priceSource },
    running: demo.mining,
  }
}

/** Addresses of parts are told without `http://`: the one URL that is printed is the one to open. */
function withoutSchemes(log: Logger): Logger {
  const plain = (what: unknown) => (typeof what === 'string' ? what.replaceAll(/\b(https?|wss?):\/\//g, '') : what)
  return {
    debug: (message, fields) => log.debug(String(plain(message)), fields),
    info: (message, fields) => log.info(String(plain(message)), fields),
    warn: (what, fields) => log.warn(plain(what), fields),
    error: (what, fields) => log.error(plain(what), fields),
    at: (place) => withoutSchemes(log.at(place)),
  }
}
