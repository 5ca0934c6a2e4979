import { describe, expect, test } from 'vitest'
import { problemLine, problemsOf, replicationFor, settingsFor, type TopicState } from './topic-settings.ts'

const spec = { topic: 't', partitions: 4 }
const asCreated: TopicState = { ...spec, replication: 3, settings: settingsFor({}, 3) }

/** What is said of the topic as it was created, but for `changed`. */
const said = (
  changed: { readonly settings?: Readonly<Record<string, string>> } & Partial<Omit<TopicState, 'settings'>>,
  { brokers = 3, wanted = spec }: { brokers?: number; wanted?: Parameters<typeof problemsOf>[0] } = {},
) =>
  problemsOf(
    wanted,
    { ...asCreated, ...changed, settings: { ...asCreated.settings, ...changed.settings } },
    brokers,
  ).map(({ setting, value, needed, severity }) => [severity, setting, value, needed])

describe('problemsOf', () => {
  test('default: a topic as it is created has none, on one broker, two, three and nine', () => {
    for (const brokers of [3, 9]) expect(said({}, { brokers })).toEqual([])
    const compacted = { ...spec, cleanup: 'compact' } as const
    expect(said({ settings: settingsFor(compacted, 3) }, { wanted: compacted })).toEqual([])
    for (const brokers of [1, 2]) {
      const replication = replicationFor(brokers)
      expect(said({ replication, settings: settingsFor({}, replication) }, { brokers })).toEqual([
        ['risks', 'replication.factor', `${brokers}`, '3'],
      ])
    }
  })

  test.each([
    ['cleanup.policy', 'compact', 'delete'],
    ['cleanup.policy', 'compact,delete', 'delete'],
    ['retention.ms', '604800000', '-1'],
    ['retention.bytes', '1073741824', '-1'],
    ['min.insync.replicas', '1', '2'],
    ['min.insync.replicas', '4', 'at most 3'],
    ['unclean.leader.election.enable', 'true', 'false'],
    ['max.message.bytes', '1048588', 'at least 8388608'],
    ['compression.type', 'brotli', 'producer'],
  ])('error: %s = %s breaks a promise; %s is needed', (setting, value, needed) => {
    expect(said({ settings: { [setting]: value } })).toEqual([['breaks', setting, value, needed]])
  })

  test('behavior: a topic that is trimmed has small segments; larger ones hold on to the disk, in others they do no harm', () => {
    const wanted = { ...spec, isTrimmed: true }
    expect(said({ settings: settingsFor(wanted, 3) }, { wanted })).toEqual([])
    const settings = { 'segment.bytes': '1073741824' }
    expect(said({ settings }, { wanted })).toEqual([['risks', 'segment.bytes', '1073741824', 'at most 52428800']])
    expect(said({ settings })).toEqual([])
  })

  test('error: a compacted topic that is not', () => {
    expect(said({}, { wanted: { ...spec, cleanup: 'compact' } })).toEqual([
      ['breaks', 'cleanup.policy', 'delete', 'compact'],
    ])
  })

  test('error: other partitions than the job has, and fewer replicas than the cluster could keep', () => {
    expect(said({ partitions: 5, replication: 1, settings: { 'min.insync.replicas': '1' } })).toEqual([
      ['breaks', 'partitions', '5', '4'],
      ['breaks', 'replication.factor', '1', '3'],
    ])
  })

  test('behavior: one replica to spare is enough for writing; none is a risk that is told after what breaks', () => {
    expect(said({ settings: { 'min.insync.replicas': '3', 'retention.ms': '1' } })).toEqual([
      ['breaks', 'retention.ms', '1', '-1'],
      ['risks', 'min.insync.replicas', '3', '2'],
    ])
  })

  test('behavior: settings that may not be asked for are said to be unknown', () => {
    expect(problemsOf(spec, { ...asCreated, settings: null }, 3)).toMatchObject([
      { severity: 'risks', setting: 'settings', needed: 'DescribeConfigs on the topic' },
    ])
  })
})

describe('problemLine', () => {
  test('default: which setting, its value, what is needed and why, in one line', () => {
    const [problem] = problemsOf(spec, { ...asCreated, settings: { 'unclean.leader.election.enable': 'true' } }, 3)
    expect(problem && problemLine(problem)).toBe(
      'unclean.leader.election.enable is true, needed is false: a replica that lags may become the leader, and commits ' +
        'are lost',
    )
  })
})
