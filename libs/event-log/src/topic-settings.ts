import type { TopicSpec } from './event-log.ts'

/** A topic as a cluster has it. */
export interface TopicState {
  readonly topic: string
  readonly partitions: number
  /** Replicas of the partition that has the fewest. */
  readonly replication: number
  /** The settings in force, the brokers' defaults too, by Kafka's names. Null where the client may not ask for them. */
  readonly settings: Readonly<Record<string, string>> | null
}

/** A setting that does not go with what Tocsin promises. */
export interface TopicProblem {
  readonly topic: string
  /** Kafka's name of it, or `partitions`, or `replication.factor`. */
  readonly setting: string
  readonly value: string
  readonly needed: string
  /** A sentence: what would break. */
  readonly why: string
  /** `breaks`: no process runs on it. `risks`: it works, and an operator should know. */
  readonly severity: 'breaks' | 'risks'
}

/** As Kafka's own advice for data that must not be lost: three replicas, two of which have each record. */
const REPLICATION = 3
const MIN_IN_SYNC = 2
/** 16 MiB: what topics are created with. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
/**
 * 8 MiB. One transaction of a full block of 30 million gas can log 3.75 MB (8 gas a byte), 7.5 MB as hex digits; since
 * EIP-7825 (2^24 gas a transaction) it is 4.2 MB on Ethereum itself.
 */
const LEAST_MESSAGE_BYTES = 8 * 1024 * 1024
/**
 * 50 MiB, as Kafka Streams gives its repartition topics: what is trimmed leaves the disk a segment at a time, and never
 * the newest one. Source: RepartitionTopicConfig.
 */
const SEGMENT_BYTES_OF_TRIMMED = 50 * 1024 * 1024
/** Ours reads these; a broker that compresses anew otherwise writes what nobody of ours can read. */
const READABLE_COMPRESSION = ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd']

/** How many replicas a topic is given on a cluster of so many brokers. */
export const replicationFor = (brokers: number): number => Math.min(REPLICATION, Math.max(1, brokers))

/** All settings that a topic of `spec` is created with: nothing that matters is left to the brokers' defaults. */
export function settingsFor(
  { cleanup = 'delete', isTrimmed = false }: Pick<TopicSpec, 'cleanup' | 'isTrimmed'>,
  replication: number,
): Readonly<Record<string, string>> {
  return {
    'cleanup.policy': cleanup,
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'max.message.bytes': `${MAX_MESSAGE_BYTES}`,
    'min.insync.replicas': `${replication >= REPLICATION ? MIN_IN_SYNC : 1}`,
    'unclean.leader.election.enable': 'false',
    'compression.type': 'producer',
    ...(isTrimmed ? { 'segment.bytes': `${SEGMENT_BYTES_OF_TRIMMED}` } : {}),
  }
}

interface Rule {
  readonly setting: string
  /** What is wrong with the value in force; undefined if nothing is. */
  readonly judge: (
    value: string,
    found: TopicState,
    wanted: TopicSpec,
  ) => Omit<TopicProblem, 'topic' | 'setting' | 'value'> | undefined
}

const breaks = (needed: string, why: string) => ({ needed, why, severity: 'breaks' }) as const
const risks = (needed: string, why: string) => ({ needed, why, severity: 'risks' }) as const

const rules: readonly Rule[] = [
  {
    setting: 'cleanup.policy',
    judge: (value, _found, { cleanup = 'delete' }) =>
      value === cleanup
        ? undefined
        : cleanup === 'compact'
          ? breaks('compact', 'the newest record of each key must stay, however old it is')
          : breaks('delete', 'compaction takes records out of a sequence that is replayed from its beginning'),
  },
  {
    setting: 'retention.ms',
    judge: (value) =>
      value === '-1'
        ? undefined
        : breaks('-1', 'recovery and replay read what lies behind the newest checkpoint, however old it is'),
  },
  {
    setting: 'retention.bytes',
    judge: (value) =>
      value === '-1' ? undefined : breaks('-1', 'a busy hour would delete what recovery and replay still read'),
  },
  {
    setting: 'min.insync.replicas',
    judge: (value, { replication }) => {
      const least = Number(value)
      if (least > replication)
        return breaks(`at most ${replication}`, 'there are fewer replicas, so nothing can be written')
      if (replication >= REPLICATION && least < MIN_IN_SYNC)
        return breaks(`${MIN_IN_SYNC}`, 'a commit that one broker alone has is lost with it')
      if (replication > 1 && least === replication)
        return risks(`${replication - 1}`, 'writing stops as soon as one broker is away')
      return undefined
    },
  },
  {
    setting: 'unclean.leader.election.enable',
    judge: (value) =>
      value === 'false'
        ? undefined
        : breaks('false', 'a replica that lags may become the leader, and commits are lost'),
  },
  {
    setting: 'max.message.bytes',
    judge: (value) =>
      Number(value) >= LEAST_MESSAGE_BYTES
        ? undefined
        : breaks(`at least ${LEAST_MESSAGE_BYTES}`, 'the largest transaction of a block is one record'),
  },
  {
    setting: 'compression.type',
    judge: (value) =>
      READABLE_COMPRESSION.includes(value)
        ? undefined
        : breaks('producer', 'the brokers would store records in a form that is not read here'),
  },
  {
    setting: 'segment.bytes',
    judge: (value, _found, { isTrimmed = false }) =>
      !isTrimmed || Number(value) <= SEGMENT_BYTES_OF_TRIMMED
        ? undefined
        : risks(
            `at most ${SEGMENT_BYTES_OF_TRIMMED}`,
            'each partition keeps up to so much on disk of what was trimmed long ago',
          ),
  },
]

/**
 * What is wrong with a topic, the worst first; nothing: it may be used. `brokers` is how many the cluster has.
 * Source: Kafka's topic configurations, https://kafka.apache.org/documentation/#topicconfigs.
 */
export function problemsOf(wanted: TopicSpec, found: TopicState, brokers: number): readonly TopicProblem[] {
  const { topic } = wanted
  const problems: TopicProblem[] = []
  if (found.partitions !== wanted.partitions) {
    problems.push({
      ...breaks(
        `${wanted.partitions}`,
        'state and positions belong to partitions; more or fewer move keys away from theirs',
      ),
      topic,
      setting: 'partitions',
      value: `${found.partitions}`,
    })
  }
  const replication = { topic, setting: 'replication.factor', value: `${found.replication}` }
  if (found.replication < replicationFor(brokers))
    problems.push({
      ...replication,
      ...breaks(
        `${replicationFor(brokers)}`,
        `the cluster has ${brokers} brokers, and the loss of one must lose no record`,
      ),
    })
  else if (found.replication < REPLICATION)
    problems.push({ ...replication, ...risks(`${REPLICATION}`, 'with the disk of a broker the topic may be lost') })
  if (found.settings === null) {
    const why = 'the client may not ask for the settings, so they are not checked'
    problems.push({ topic, setting: 'settings', value: 'unknown', ...risks('DescribeConfigs on the topic', why) })
  }
  for (const { setting, judge } of rules) {
    const value = found.settings?.[setting]
    const judged = value === undefined ? undefined : judge(value, found, wanted)
    if (judged !== undefined) problems.push({ topic, setting, value: value ?? '', ...judged })
  }
  return problems.toSorted((a, b) => Number(a.severity === 'risks') - Number(b.severity === 'risks'))
}

/** `retention.ms is 1000, needed is -1: recovery …`, for one line. */
export const problemLine = ({ setting, value, needed, why }: TopicProblem): string =>
  `${setting} is ${value}, needed is ${needed}: ${why}`
