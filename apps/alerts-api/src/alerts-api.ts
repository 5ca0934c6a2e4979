import { isIPv6, type AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { NestFactory } from '@nestjs/core'
import type { MicroserviceOptions } from '@nestjs/microservices'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { alertsTopic } from '@tocsin/chain-model'
import type { EventLog } from '@tocsin/event-log'
import {
  createOutage,
  errorCode,
  PortUnavailableError,
  type CheckResult,
  type Logger,
  type Metrics,
  type Outage,
} from '@tocsin/service-kit'
import { alertsPattern, type StoreAlerts } from './alert-records.controller.ts'
import { readPositions } from './alert-store.ts'
import { AppModule } from './app.module.ts'
import { countDeliveries } from './channels/delivery-store.ts'
import { startDeliveryQueue } from './channels/delivery-queue.ts'
import type { AlertsApiConfig } from './config.ts'
import { openDatabase } from './database.ts'
import { openEmbeddedPostgres } from './embedded-postgres.ts'
import { startAlertFeed } from './http/alert-feed.ts'
import type { Neighbours } from './http/api.ts'
import { serveDashboard } from './http/dashboard.ts'
import { ErrorFilter } from './http/error.filter.ts'
import { serveOpenApi } from './http/openapi.ts'
import { LogStrategy } from './log-strategy.ts'
import { alertsApiMetrics } from './metrics.ts'
import { nestLogger } from './nest-logger.ts'
import { storeBatch } from './sinks/postgres-sink.ts'
import { waitOut } from './wait-out.ts'

export interface AlertsApiDependencies {
  readonly log: EventLog
  readonly logger: Logger
  readonly metrics: Metrics
  readonly neighbours?: Neighbours
  /** The clock, ms; default the system's. */
  readonly now?: () => number
  /** In [0, 1), for jitter; default Math.random. */
  readonly random?: () => number
}

export interface AlertsApi {
  /** Where it listens, e.g. `http://127.0.0.1:4680`. */
  readonly url: string
  /** Rejects when the log can no longer be read, with the reason; REST answers go on until `close`. */
  readonly failure: Promise<never>
  /** Takes no more, ends streams, finishes the batch and the deliveries in hand. Idempotent. */
  close(): Promise<void>
}

/** Deliveries under way to one webhook at once. */
const perWebhook = 4
/** How often what must be asked for is measured. */
const measureMs = 5_000

/**
 * Reads `<prefix>.alerts` into PostgreSQL and serves what is there: REST, server-sent events, webhooks, the dashboard,
 * health and metrics. Waits for a database that is not there yet. Aborting the signal closes it.
 * @throws {PortUnavailableError} and the errors of opening the database.
 */
export async function startAlertsApi(
  config: AlertsApiConfig,
  dependencies: AlertsApiDependencies,
  signal: AbortSignal,
): Promise<AlertsApi> {
  const { log, logger, metrics, neighbours = { detectors: [] } } = dependencies
  const { now = Date.now, random = Math.random } = dependencies
  const topic = alertsTopic(config.topicPrefix)
  const measures = alertsApiMetrics(metrics)
  const outage = countedOutage(createOutage(logger), (code) => measures.failures.inc({ code }))
  /** What is open, to be closed in the opposite order. */
  const open: (() => Promise<void> | void)[] = []
  let closing: Promise<void> | undefined
  const close = () => (closing ??= closeAll(open))

  try {
    const embedded =
      config.databaseUrl === null ? await openEmbeddedPostgres(config.databaseFolder, { logger, signal }) : undefined
    if (embedded !== undefined) open.push(() => embedded.close())
    const url = embedded?.url ?? config.databaseUrl ?? ''
    const database = await waitOut(() => openDatabase({ url }), { outage, signal, random })
    open.push(() => database.close())

    const feed = startAlertFeed({ database, logger, outage, random })
    open.push(() => feed.close())
    const queue = startDeliveryQueue({
      database,
      logger,
      outage,
      allowPrivate: config.allowPrivateWebhooks,
      timeoutMs: config.webhookTimeout,
      concurrency: config.webhookConcurrency,
      perWebhook,
      now,
      random,
      onAttempt: (outcome) => measures.deliveryAttempts.inc({ outcome }),
    })
    open.push(() => queue.close())

    const storeAlerts: StoreAlerts = async (batch) => {
      const result = await storeBatch(database, batch, now())
      for (const [status, count] of Object.entries(result.stored)) measures.transitions.inc({ status }, count)
      measures.repeated.inc(result.repeated)
      for (const { code, reason, partition, offset } of result.dead) {
        measures.deadLetters.inc({ code })
        logger.warn(`a record was put aside in dead_letters: [${code}] ${reason}`, { topic, partition, offset })
      }
      feed.wake()
      queue.wake()
      return result
    }
    const strategy = new LogStrategy({
      log,
      topic,
      pattern: alertsPattern,
      readPositions: () => readPositions(database, topic),
      logger,
      outage,
      random,
    })
    const checks = {
      database: async (): Promise<CheckResult> => {
        await database.query('select 1')
        return { status: 'up' }
      },
      log: async (): Promise<CheckResult> => {
        const { status, lagRecords } = await strategy.consumerState()
        if (status !== 'reading') return { status: 'down', reason: `the alerts topic is not being read (${status})` }
        if (lagRecords === null) return { status: 'down', reason: 'the log does not say where the alerts topic ends' }
        return { status: 'up', detail: `${lagRecords} records behind` }
      },
    }
    const measure = async () => {
      const [{ lagRecords }, { pending }] = await Promise.all([strategy.consumerState(), countDeliveries(database)])
      if (lagRecords !== null) measures.lag.set(lagRecords)
      measures.pendingDeliveries.set(pending)
    }
    // What is away then is said by the loop that needs it.
    const measuring = setInterval(() => void measure().catch(() => {}), measureMs)
    open.push(() => clearInterval(measuring))
    const streams = new AbortController()
    const api = {
      database,
      feed,
      queue,
      metrics,
      neighbours,
      consumerState: () => strategy.consumerState(),
      allowPrivateWebhooks: config.allowPrivateWebhooks,
      streams: streams.signal,
      now,
    }
    const app = await NestFactory.create<NestExpressApplication>(
      AppModule.forRoot(api, storeAlerts, { metrics, checks }),
      { logger: nestLogger(logger), forceCloseConnections: true, abortOnError: false },
    )
    open.push(() => app.close())
    open.push(() => streams.abort())
    app.useGlobalFilters(new ErrorFilter(logger))
    app.disable('x-powered-by')
    serveOpenApi(app, '0.1.0')
    serveDashboard(app, config.dashboardFolder)
    app.connectMicroservice<MicroserviceOptions>({ strategy })
    await app.startAllMicroservices()
    await app.listen(config.apiPort, config.apiHost).catch((cause: unknown) => {
      throw new PortUnavailableError(config.apiPort, { cause })
    })
    signal.throwIfAborted()
    signal.addEventListener('abort', () => void close().catch((error: unknown) => logger.error(error)), { once: true })
    return { url: addressOf(app.getHttpServer()), failure: strategy.failure, close }
  } catch (error) {
    await close()
    throw error
  }
}

const countedOutage = (outage: Outage, count: (code: string) => void): Outage => ({
  ...outage,
  failing: (error, fields) => {
    count(errorCode(error))
    return outage.failing(error, fields)
  },
})

async function closeAll(open: (() => Promise<void> | void)[]): Promise<void> {
  for (const closeOne of open.reverse()) await closeOne()
}

/** A name for people: a server on all interfaces is also on this host. */
function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo // a listening TCP server has nothing else
  const host = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
}
