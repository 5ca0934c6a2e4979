import type { Metrics } from '@tocsin/service-kit'
import type { DeliveryQueue } from '../channels/delivery-queue.ts'
import type { Database } from '../database.ts'
import type { ConsumerState } from '../log-strategy.ts'
import type { AlertFeed } from './alert-feed.ts'

/** What the composition root knows of the other parts when they run in the same process. */
export interface Neighbours {
  /** Descriptions of the detectors, as JSON. */
  readonly detectors: readonly unknown[]
  /** How the ingestor and the detector stand, as JSON; absent where they run elsewhere. */
  readonly ingestor?: () => unknown
  readonly detector?: () => unknown
}

/** What the controllers work with. */
export interface Api {
  readonly database: Database
  readonly feed: AlertFeed
  readonly queue: DeliveryQueue
  readonly metrics: Metrics
  readonly neighbours: Neighbours
  readonly consumerState: () => Promise<ConsumerState>
  readonly allowPrivateWebhooks: boolean
  /** Aborted when the streams are to end. */
  readonly streams: AbortSignal
  /** The clock, ms. */
  readonly now: () => number
}

export const apiToken = Symbol('Api')
