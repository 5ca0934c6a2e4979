import { alertsTopic, deadLettersTopic, pricesTopic, progressTopic, transactionsTopic } from '@tocsin/chain-model'
import { UnknownTopicError, type EventLog, type TopicSpec } from '@tocsin/event-log'

/** Of the topics' names: the configured prefix, and the chain. */
export interface TopicNames {
  readonly prefix: string
  readonly chainId: number
}

/** Of a detection job: a chain may have had several, one after the other, each out of a savepoint of the one before. */
export interface JobNames extends TopicNames {
  /** Default `detection`. */
  readonly job?: string
}

/** What the names of the internal topics of a chain's detection begin with; also the group of its processes. */
export const detectionTopics = ({ prefix, chainId, job = 'detection' }: JobNames): string =>
  `${prefix}.${chainId}.${job}`

/** Of the detection job of a chain: a partition is the position of one task. */
export const detectionProgressTopic = ({ prefix, chainId, job = 'detection' }: JobNames): string =>
  progressTopic(prefix, chainId, job)

/**
 * The topics in which one chain's processes meet, those of the ingestor and the alerts API too: detection reads and
 * writes every one. Where prices or alerts exist, whoever made them decided their partitions.
 */
export async function pipelineTopics(
  log: Pick<EventLog, 'partitions'>,
  options: TopicNames & { readonly alertPartitions: number },
): Promise<readonly TopicSpec[]> {
  const { prefix, chainId, alertPartitions } = options
  const [prices, alerts] = [pricesTopic(prefix, chainId), alertsTopic(prefix)]
  return [
    // A chain has one order of its own.
    { topic: transactionsTopic(prefix, chainId), partitions: 1 },
    { topic: prices, partitions: await partitionsOr(1, log, prices) },
    { topic: alerts, partitions: await partitionsOr(alertPartitions, log, alerts) },
    { topic: deadLettersTopic(prefix), partitions: 1 },
  ]
}

/** Creates the alerts topic where it is missing. */
export async function createAlertsTopic(log: EventLog, prefix: string, partitions: number): Promise<void> {
  const topic = alertsTopic(prefix)
  await log.createTopics([{ topic, partitions: await partitionsOr(partitions, log, topic) }])
}

async function partitionsOr(whenMissing: number, log: Pick<EventLog, 'partitions'>, topic: string): Promise<number> {
  try {
    return await log.partitions(topic)
  } catch (error) {
    if (error instanceof UnknownTopicError) return whenMissing
    throw error
  }
}
