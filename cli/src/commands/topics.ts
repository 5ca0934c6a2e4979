import { detectionJobTopics, detectionTrims, detectorSettings, pipelineTopics } from '@tocsin/detector'
import { factTopicSpec } from '@tocsin/ingestor'
import type { EventLog, TopicProblem, TopicSpec, TopicState } from '@tocsin/event-log'
import { defineSettings, exitCodes, nearest, setting, sharedSettings } from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { checkCluster, openClusterLog } from '../cluster-log.ts'
import { clusterSettings } from '../cluster-settings.ts'
import { defineCommand, type Given } from '../command.ts'
import type { Io } from '../io.ts'
import { UsageError } from '../words.ts'
import { detectionJobsOf, detectionJobSettings } from './detection-job.ts'

const actions = ['list', 'check', 'create', 'repair', 'trim'] as const
type Action = (typeof actions)[number]

const settings = {
  shared: sharedSettings,
  cluster: clusterSettings,
  detector: { ...detectionJobSettings, alertPartitions: detectorSettings.alertPartitions },
  topics: defineSettings({
    json: setting.boolean({
      flag: 'json',
      doc: 'Print one JSON array instead of a table: a topic each, with its state and its problems.',
      default: false,
    }),
    dryRun: setting.boolean({
      flag: 'dry-run',
      doc: 'With trim: show what it would delete, and delete nothing.',
      default: false,
    }),
  }),
}

export const topics = defineCommand(
  {
    name: 'topics',
    runs: 'to-end',
    summary: 'List, check, create, repair and trim the topics that they meet in.',
    about: [
      'The topics of each chain’s pipeline: transactions, prices, alerts, dead letters; and those of the detector’s tasks:',
      'progress, checkpoints and, with several shards, what the tasks tell each other. Which these are follows from the',
      'detectors and the shards: give the same --detectors, --param, --rules, --job and --shards as to detect.',
      '',
      '  check    says of each topic whether it is there and which of its settings break a promise: the setting, its value,',
      '           what is needed and why. Exit code 1 if a process would refuse to run on them, or one is missing.',
      '  list     shows them as they are.',
      '  create   creates those that are missing, with every setting that matters, then checks. The processes do the same',
      '           when they start; create lets them run without the right to.',
      '  repair   gives those that exist the settings they are created with; what else was set for them stays. Partitions',
      '           and replicas are not changed: kafka-reassign-partitions.sh adds replicas, a new prefix takes new partitions.',
      '  trim     deletes of the tasks’ own topics what lies below their newest checkpoints, and shows it first; --dry-run only',
      '           shows it. The tasks do it themselves; this is for what they left, as without the right to delete. Never a',
      '           record that a takeover or a standby may ask for; without a checkpoint of every task it deletes nothing.',
    ].join('\n'),
    examples: [
      'tocsin topics check --kafka-brokers localhost:9092',
      'tocsin topics create --kafka-brokers localhost:9092 --chain-id 1 --alert-partitions 8',
      'tocsin topics create --chain-id 1,8453 --shards 4 --kafka-brokers localhost:9092',
      'tocsin topics trim --dry-run --kafka-brokers localhost:9092',
      'tocsin topics list --json | jq ".[].topic"',
    ],
    positional: { name: 'ACTION', doc: `one of ${actions.join(', ')}; check if none is given.`, count: 'optional' },
    settings,
    check: ({ settings: given, word }) => {
      const action = actionOf(word)
      if (given.topics.dryRun && action !== 'trim')
        throw new UsageError(`--dry-run goes with trim; ${action} deletes nothing.`)
      checkCluster(given, 'topics')
    },
    run: async ({ settings: given, word, lifecycle, io }) => {
      const action = actionOf(word)
      const log = openClusterLog(given, 'topics', lifecycle)
      if (action === 'trim') return trim(log, given, io)
      const specs = await wantedTopics(log, given)
      const changed = {
        list: async () => [],
        check: async () => [],
        create: () => log.topics.create(specs),
        repair: () => log.topics.repair(specs),
      }
      const names = await changed[action]()
      const report = reportOf(
        specs,
        await log.topics.describe(specs.map(({ topic }) => topic)),
        await log.topics.check(specs),
      )
      if (given.topics.json) await io.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
      else {
        for (const name of names) await io.stdout.write(`${name} was ${action}${action === 'create' ? 'd' : 'ed'}\n`)
        await io.stdout.write(action === 'list' ? tableOf(report) : findingsOf(report))
      }
      return action === 'list' || report.every(isUsable) ? undefined : exitCodes.failed
    },
  },
  knownSettings,
)

/** Those in which the processes meet, and those that the ingestor and the detector's tasks have for themselves. */
async function wantedTopics(
  log: EventLog,
  { shared, detector }: Given<typeof settings>['settings'],
): Promise<readonly TopicSpec[]> {
  const byName = new Map<string, TopicSpec>()
  for (const job of await detectionJobsOf({ shared, detector })) {
    const pipeline = await pipelineTopics(log, { ...job, alertPartitions: detector.alertPartitions })
    // Alerts and dead letters of all chains are in one topic each.
    const own = [factTopicSpec(job.prefix, job.chainId), ...detectionJobTopics(job, pipeline)]
    for (const spec of [...pipeline, ...own]) byName.set(spec.topic, spec)
  }
  return [...byName.values()]
}

/** Shows what nobody needs any more, and deletes it if that was asked for. */
async function trim(log: EventLog, { shared, detector, topics: how }: Given<typeof settings>['settings'], io: Io) {
  const jobs = await detectionJobsOf({ shared, detector })
  const trims = (await Promise.all(jobs.map((job) => detectionTrims(log, job)))).flat()
  const lines = trims.map(({ topic, partition, beginning, before }) => {
    const range = before - beginning === 1 ? `offset ${beginning}` : `offsets ${beginning} to ${before - 1}`
    return `${topic}/${partition}  ${range}`
  })
  if (how.json) await io.stdout.write(`${JSON.stringify(trims, null, 2)}\n`)
  else for (const line of lines) await io.stdout.write(`${line}\n`)
  if (!how.dryRun) for (const { topic, partition, before } of trims) await log.trim({ topic, partition }, before)
  if (how.json) return undefined
  const of = trims.length === 1 ? '1 partition' : `${trims.length} partitions`
  await io.stdout.write(
    trims.length === 0
      ? 'There is nothing below the checkpoints.\n'
      : how.dryRun
        ? `Nothing was deleted: this would be, of ${of}.\n`
        : `That was deleted, of ${of}.\n`,
  )
  return undefined
}

function actionOf(word = 'check'): Action {
  const found = actions.find((action) => action === word)
  if (found !== undefined) return found
  const near = nearest(word, actions)
  throw new UsageError(`There is no action "${word}".${near === undefined ? '' : ` Did you mean ${near}?`}`)
}

/** What `--json` prints of a topic. */
interface TopicReport {
  readonly topic: string
  /** Null: it does not exist. */
  readonly state: Omit<TopicState, 'topic'> | null
  readonly problems: readonly Omit<TopicProblem, 'topic'>[]
}

function reportOf(
  specs: readonly TopicSpec[],
  states: readonly TopicState[],
  problems: readonly TopicProblem[],
): readonly TopicReport[] {
  return specs.map(({ topic }) => {
    const state = states.find((one) => one.topic === topic)
    const own = problems.filter((problem) => problem.topic === topic)
    return {
      topic,
      state: state === undefined ? null : withoutTopic(state),
      problems: own.map(withoutTopic),
    }
  })
}

const withoutTopic = <T extends { readonly topic: string }>({ topic: _, ...rest }: T): Omit<T, 'topic'> => rest

const isUsable = ({ state, problems }: TopicReport) =>
  state !== null && problems.every(({ severity }) => severity === 'risks')

function findingsOf(report: readonly TopicReport[]): string {
  const lines = report.flatMap(({ topic, state, problems }) => {
    if (state === null) return [`${topic}  missing: \`tocsin topics create\` creates it`]
    if (problems.length === 0) return [`${topic}  ok`]
    return problems.map(
      ({ severity, setting: name, value, needed, why }) =>
        `${topic}  ${severity === 'breaks' ? 'refused' : 'risk'}: ${name} is ${value}, needed is ${needed}: ${why}`,
    )
  })
  const unusable = report.filter((one) => !isUsable(one)).length
  const verdict = unusable === 0 ? 'All topics can be used.' : `${unusable} of ${report.length} topics cannot be used.`
  return [...lines, verdict, ''].join('\n')
}

/** The settings that are worth a look; `--json` has all of them. */
const shown = ['cleanup.policy', 'retention.ms', 'min.insync.replicas', 'max.message.bytes'] as const

function tableOf(report: readonly TopicReport[]): string {
  const rows = report.map(({ topic, state }) => [
    topic,
    `${state?.partitions ?? '–'}`,
    `${state?.replication ?? '–'}`,
    ...shown.map((name) => state?.settings?.[name] ?? '–'),
  ])
  const table = [['topic', 'partitions', 'replicas', ...shown], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  return table
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
