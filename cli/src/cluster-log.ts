import { openKafkaLog, type EventLog, type TopicAdmin } from '@tocsin/event-log'
import type { Lifecycle } from '@tocsin/service-kit'
import { UsageError } from './words.ts'

interface ClusterConfig {
  readonly kafkaBrokers: readonly string[]
}

/** @throws {UsageError} without brokers: the embedded log serves one process only. */
export function checkBrokers({ kafkaBrokers }: ClusterConfig, command: string): void {
  if (kafkaBrokers.length > 0) return
  throw new UsageError(
    `${command} is one of three processes that meet in Kafka: set TOCSIN_KAFKA_BROKERS (or --kafka-brokers host:port). ` +
      'Without Kafka, `tocsin start` runs all of them in one process.',
  )
}

/** The log on the cluster, closed last. */
export function openClusterLog(
  { kafkaBrokers }: ClusterConfig,
  command: string,
  lifecycle: Lifecycle,
): EventLog & { readonly topics: TopicAdmin } {
  const log = openKafkaLog({ brokers: kafkaBrokers, clientId: `tocsin-${command}` })
  lifecycle.onStop('the log', () => log.close())
  return log
}
