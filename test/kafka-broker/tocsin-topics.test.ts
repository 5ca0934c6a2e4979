import { createRequire } from 'node:module'
import type Kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTocsin } from '../tocsin-process.ts'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const { Kafka, ConfigResourceTypes, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof Kafkajs
const broker = await sharedKafkaBroker()
const brokers = 'missing' in broker ? [] : [broker.bootstrap]

describe.skipIf('missing' in broker)(`tocsin topics, ${originOf(broker)}`, () => {
  const prefix = `topics-${crypto.randomUUID()}`
  const admin = new Kafka({ brokers, clientId: 'test-raw', logLevel: logLevel.NOTHING }).admin()
  const tocsin = async (...args: readonly string[]) => {
    const env = {
      TOCSIN_KAFKA_BROKERS: brokers.join(','),
      TOCSIN_TOPIC_PREFIX: prefix,
      TOCSIN_OPS_PORT: '0',
      TOCSIN_DETECTORS: 'transfer-volume',
    }
    const { code, stdout, stderr } = await startTocsin(args, { env }).finished
    return { code, stdout: stdout.replaceAll(prefix, 'p'), stderr: stderr.replaceAll(prefix, 'p') }
  }
  const met = ['p.1.transactions', 'p.1.prices', 'p.alerts', 'p.dead-letters']
  const names = [...met, 'p.1.facts', 'p.1.detection.progress', 'p.1.detection.progress.checkpoints']
  const oneBroker = 'risk: replication.factor is 1, needed is 3: with the disk of a broker the topic may be lost'

  beforeAll(() => admin.connect())
  afterAll(() => admin.disconnect())

  test('error: check says what is missing and what creates it, and ends with 1', async () => {
    const { code, stdout } = await tocsin('topics')
    expect(stdout.split('\n')).toEqual([
      ...names.map((name) => `${name}  missing: \`tocsin topics create\` creates it`),
      '7 of 7 topics cannot be used.',
      '',
    ])
    expect(code).toBe(1)
  })

  test('default: create makes all of them and checks them; done again it has nothing to do', async () => {
    const findings = [...names.map((name) => `${name}  ${oneBroker}`), 'All topics can be used.', '']
    const { code, stdout } = await tocsin('topics', 'create', '--alert-partitions', '2')
    expect(stdout.split('\n')).toEqual([...names.map((name) => `${name} was created`), ...findings])
    expect(code).toBe(0)
    expect(await tocsin('topics', 'create')).toEqual({ code: 0, stdout: findings.join('\n'), stderr: '' })
  })

  test('behavior: list shows them; --json has all settings', async () => {
    const { stdout } = await tocsin('topics', 'list')
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['topic', 'partitions', 'replicas', 'cleanup.policy', 'retention.ms', 'min.insync.replicas', 'max.message.bytes'],
      ...names.map((name) => [name, name === 'p.alerts' ? '2' : '1', '1', 'delete', '-1', '1', '16777216']),
      [''],
    ])
    const json: unknown = JSON.parse((await tocsin('topics', 'check', '--json')).stdout)
    expect(json).toMatchObject(
      names.map((topic) => ({
        topic,
        state: {
          replication: 1,
          settings: { 'segment.bytes': /progress|facts/.test(topic) ? '52428800' : '1073741824' },
        },
        problems: [{ severity: 'risks', setting: 'replication.factor' }],
      })),
    )
  })

  test('error: on a setting that breaks a promise check ends with 1, and a process stops with one line; repair mends it', async () => {
    const resource = { type: ConfigResourceTypes.TOPIC, name: `${prefix}.1.transactions` }
    const configEntries = [
      { name: 'retention.ms', value: '86400000' },
      { name: 'max.message.bytes', value: '16777216' },
      { name: 'segment.bytes', value: '1048576' },
    ]
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] })
    const why = 'recovery and replay read what lies behind the newest checkpoint, however old it is'
    const line = `retention.ms is 86400000, needed is -1: ${why}`
    const checked = await tocsin('topics', 'check')
    expect(checked.stdout).toContain(`p.1.transactions  refused: ${line}\n`)
    expect(checked.code).toBe(1)

    const detect = await tocsin('detect', '--state-folder', `/tmp/${prefix}`)
    expect(detect.code).toBe(1)
    const last = detect.stderr.trim().split('\n').at(-1)
    expect(last).toContain(`[LOG_TOPIC_SETTINGS] The topic "p.1.transactions" cannot keep what is promised: ${line}.`)

    const repaired = await tocsin('topics', 'repair')
    expect(repaired.stdout).toMatch(/^p\.1\.transactions was repaired\n/)
    expect(repaired.code).toBe(0)
    expect((await tocsin('topics', 'list', '--json')).stdout).toContain('"segment.bytes": "1048576"')
  })

  test('behavior: of a job in shards it makes and checks what its tasks tell each other; the detector refuses what breaks', async () => {
    const internal = (name: string) => `p.20.detection.${name}`
    const own = ['priced-transactions', 'transfer-volume-windows', 'transfer-volume-alerts', 'progress']
    const sharded = [...own, 'progress.checkpoints'].map(internal)
    const created = await tocsin('topics', 'create', '--chain-id', '20', '--shards', '2')
    expect(created.stdout.split('\n').filter((line) => line.endsWith('was created'))).toEqual(
      ['p.20.transactions', 'p.20.prices', 'p.20.facts', ...sharded].map((name) => `${name} was created`),
    )
    expect(created.code).toBe(0)

    const resource = { type: ConfigResourceTypes.TOPIC, name: `${prefix}.20.detection.progress.checkpoints` }
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'max.message.bytes', value: '16777216' },
    ]
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] })
    // As many as there are tasks: other shards are another job.
    const checked = await tocsin('topics', 'check', '--chain-id', '20', '--shards', '3')
    const why = 'state and positions belong to partitions; more or fewer move keys away from theirs'
    expect(checked.stdout).toContain(
      `${internal('transfer-volume-alerts')}  refused: partitions is 4, needed is 9: ${why}\n`,
    )
    expect(checked.stdout).toContain(`${internal('progress.checkpoints')}  refused: cleanup.policy is compact`)
    expect(checked.code).toBe(1)
    const detect = await tocsin('detect', '--chain-id', '20', '--shards', '2', '--state-folder', `/tmp/${prefix}-20`)
    expect(detect.code).toBe(1)
    expect(detect.stderr.trim().split('\n').at(-1)).toContain(
      `[LOG_TOPIC_SETTINGS] The topic "${internal('progress.checkpoints')}" cannot keep what is promised`,
    )
  })

  test('error: trim refuses a job that has no checkpoint; --dry-run goes with nothing else', async () => {
    const never = await tocsin('topics', 'trim', '--chain-id', '404')
    expect(never.code).toBe(1)
    expect(never.stderr.trim().split('\n').at(-1)).toContain('"p.404.')
    const task = await tocsin('topics', 'trim', '--dry-run')
    expect(task).toMatchObject({ code: 1, stdout: '' })
    expect(task.stderr).toContain(
      '[STREAM_CHECKPOINT_MISSING] Task "detection-0" has no checkpoint in p.1.detection.progress.checkpoints/0.',
    )
    expect((await tocsin('topics', 'check', '--dry-run')).stderr.split('\n')[0]).toBe(
      'tocsin: --dry-run goes with trim; check deletes nothing.',
    )
  })

  test('error: without brokers, and an action that there is not, it says what to do', async () => {
    expect(await tocsin('topics', 'chekc')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'tocsin: There is no action "chekc". Did you mean check?\nSee: tocsin topics --help\n',
    })
    const { code, stderr } = await startTocsin(['topics']).finished
    expect({ code, stderr: stderr.split('\n')[0] }).toEqual({
      code: 2,
      stderr: expect.stringContaining('set TOCSIN_KAFKA_BROKERS (or --kafka-brokers host:port)'),
    })
  })
})
