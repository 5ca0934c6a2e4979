import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTestChain } from '@tocsin/demo'
import { openKafkaLog } from '@tocsin/event-log'
import { seededRandom } from '@tocsin/stream-core/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { startPacedNode } from '../bad-input/paced-node.ts'
import { nextBlock, parameters, wallets } from '../chaos/fraud-traffic.ts'
import { alertsDifference } from '../chaos/output-difference.ts'
import { ingestorFlags, readOutput, runUndisturbed, type PipelineOutput } from '../chaos/undisturbed-run.ts'
import { writeChainFiles } from '../pipeline/chain-files.ts'
import { startTocsin } from '../tocsin-process.ts'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const broker = await sharedKafkaBroker()
const blocks = 24
const blockPaceMs = 200
const patience = { timeout: 120_000, interval: 200 }

const closing: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (let end = closing.pop(); end !== undefined; end = closing.pop()) await end()
})

/** The last word on each alert, but for how often it was said before. */
const standing = (alerts: PipelineOutput['alerts']) =>
  new Map([...alerts].map(([id, of]) => [id, [of.at(-1)?.replace(/"revision":\d+/, '"revision":0') ?? '']]))
const revisionsOf = (transitions: readonly string[]) =>
  transitions.map((text) => (JSON.parse(text) as { revision: number }).revision) // an alert as JSON says it

describe.skipIf('missing' in broker)(`tocsin savepoint take and restore, ${originOf(broker)}`, () => {
  test('behavior: detection in two shards goes on in four while blocks come, and its alerts stand as if nothing had happened', async () => {
    if ('missing' in broker) throw new Error('assertion: there is a broker')
    const folder = await mkdtemp(join(tmpdir(), 'tocsin-rescale-'))
    closing.push(() => rm(folder, { recursive: true, force: true }))
    const chain = await openTestChain({ folder: join(folder, 'chain'), wallets, finalityDepth: 4 })
    closing.push(() => chain.stop())
    const { number: founded } = await chain.chain.head()
    const random = seededRandom(5)
    for (let n = 0; n < blocks; n += 1) await nextBlock(chain, random).then((block) => chain.mine(block))
    const { timestamp } = await chain.chain.head()
    await chain.mine({ timestamp: timestamp + 3_600 })
    for (let n = 0; n <= 4; n += 1) await chain.mine()
    const { number: head } = await chain.chain.head()
    const files = await writeChainFiles(chain, folder)
    const expected = await runUndisturbed({ chain, files, parameters, folder: join(folder, 'undisturbed') })
    expect(expected.alerts.size).toBeGreaterThan(5)

    // A block after the other is shown, up to two thirds of them as long as the first job lives.
    const upTo = founded + Math.ceil((2 * blocks) / 3)
    const node = await startPacedNode(chain, { from: founded, upTo, everyMs: blockPaceMs })
    closing.push(() => node.close())

    const prefix = `rescale-${crypto.randomUUID()}`
    const env = { TOCSIN_KAFKA_BROKERS: broker.bootstrap, TOCSIN_TOPIC_PREFIX: prefix, TOCSIN_OPS_PORT: '0' }
    const start = (...args: readonly string[]) => {
      const started = startTocsin(args, { env })
      closing.push(async () => {
        started.child.kill('SIGKILL')
        await started.finished
      })
      return started
    }
    const job = (...names: readonly string[]) => [
      ...['--chain-id', String(chain.chainId), ...names],
      ...parameters.flatMap((parameter) => ['--param', parameter]),
    ]
    const detect = (folderName: string, ...names: readonly string[]) =>
      start('detect', ...job(...names), '--checkpoint-interval', '200 ms', '--state-folder', join(folder, folderName))
    const log = openKafkaLog({ brokers: [broker.bootstrap], clientId: 'test' })
    closing.push(() => log.close())
    const found = () => readOutput(log, prefix, chain.chainId)

    const ingestFlags = Object.entries({ ...ingestorFlags(chain, files), rpc: node.url })
    start('ingest', ...ingestFlags.flatMap(([name, value]) => [`--${name}`, value]))
    const two = ['--shards', '2']
    const first = detect('first', ...two)
    await vi.waitFor(async () => expect((await found()).alerts.size).toBeGreaterThan(2), patience)

    const file = join(folder, 'detection.savepoint')
    const tooSoon = await start('savepoint', 'take', file, ...job(...two)).finished
    expect(tooSoon.stderr).toContain(`The job "${prefix}.${chain.chainId}.detection" is run by one process: stop them`)
    expect(tooSoon.code).toBe(1)
    first.child.kill('SIGTERM')
    expect((await first.finished).code).toBe(0)
    const taken = await start('savepoint', 'take', file, ...job(...two)).finished
    expect(taken).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^[1-9]\d* cells of "\S+detection" in /) as unknown,
    })

    node.showUpTo(head)
    const four = ['--shards', '4', '--job', 'detection-4']
    const restored = await start('savepoint', 'restore', file, ...job(...four)).finished
    expect(restored).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^[1-9]\d* cells in 4 shards of /) as unknown,
    })
    const again = await start('savepoint', 'restore', file, ...job(...four)).finished
    expect(again.stderr).toContain('has been used; give the job a name of its own')
    expect(again.code).toBe(1)

    const detectors = [detect('second', ...four), detect('third', ...four)]
    await vi.waitFor(async () => {
      for (const one of detectors) expect(one.child.exitCode).toBe(null)
      // Both take part in it.
      for (const one of detectors) expect(one.output()).toMatch(/runs a shard/)
      expect(alertsDifference(standing(expected.alerts), standing((await found()).alerts))).toBe(null)
    }, patience)
    for (const one of detectors) one.child.kill('SIGTERM')
    for (const one of detectors) expect((await one.finished).code).toBe(0)
    const { alerts } = await found()
    // What they said last in ending changed nothing.
    expect(alertsDifference(standing(expected.alerts), standing(alerts))).toBe(null)
    for (const transitions of alerts.values())
      expect(revisionsOf(transitions)).toEqual(transitions.map((_, index) => index + 1))
  }, 600_000)
})
