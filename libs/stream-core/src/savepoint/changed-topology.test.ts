import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSimulatedLog, type SimulatedLog } from '@tocsin/event-log/testing'
import { appendJson } from '../../testing/storm-log.ts'
import {
  jsonStateCodec,
  listState,
  mapState,
  openDistributedJob,
  openJob,
  restoreSavepoint,
  session,
  StreamBuilder,
  stringCodec,
  stringKey,
  tumbling,
  valueState,
  type Codec,
  type RestoreOptions,
  type SourceCodec,
  type SourceRecord,
  type Topology,
} from '../index.ts'
import { newMemoryStoreContents, openMemoryStore, type MemoryStoreContents } from '../state/memory-store.ts'
import { SavepointMismatchError } from './savepoint-mismatch-error.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 20)

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'changed-'))
})
afterAll(() => rm(folder, { recursive: true }))

interface Tick {
  readonly key: string
  readonly n: number
}
const tickCodec: SourceCodec<Tick> = {
  decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<Tick>,
}
const tick = (timestamp: number, key: string, n: number): SourceRecord<Tick> => ({
  type: 'element',
  timestamp,
  value: { key, n },
})
const plain = { encode: (value: unknown) => ({ key: null, value: Buffer.from(JSON.stringify(value)) }) }

const first: Codec<number> = jsonStateCodec<number>(1)
/** The second version counts in tenths. */
const second: Codec<number> = {
  ...jsonStateCodec<number>(2),
  migrate: (bytes, version) => {
    expect(version).toBe(1)
    return first.decode(bytes) * 10
  },
}

interface Shape {
  readonly version?: string
  readonly job?: string
  readonly uid?: string
  readonly codec?: Codec<number>
  readonly ttl?: number
  readonly hasWindow?: boolean
  readonly hasSecondSource?: boolean
  readonly windowCodec?: Codec<number>
}

const sumOf = ({ codec = first, ttl }: Shape) => valueState('sum', codec, ttl === undefined ? {} : { ttl })
const seen = mapState('seen', stringCodec, first)

const topologyOf = (shape: Shape = {}): Topology => {
  const { version = '1', job = 'ticks', uid = 'sums', hasWindow = false, hasSecondSource = false } = shape
  const builder = new StreamBuilder({ job, version })
  const source = (name: string) =>
    builder.source<Tick>(name, { topic: name, codec: tickCodec, watermarks: { type: 'in-log' } })
  const ticks = hasSecondSource ? source('ticks').union(source('more')) : source('ticks')
  const keyed = ticks.keyBy(({ key }) => key, stringKey)
  const sum = sumOf(shape)
  keyed
    .process<unknown>(uid, {
      processElement({ n, key }, ctx) {
        const state = ctx.state(sum)
        state.value = (state.value ?? 0) + n
        ctx.state(seen).set(`${n}`, ctx.timestamp)
        ctx.timers.registerEventTimeTimer(ctx.timestamp + 100)
        ctx.emit(['sum', key, state.value])
      },
      onTimer: (timestamp, ctx) => ctx.emit(['timer', ctx.key, timestamp]),
    })
    .sinkPlainTo('sums-out', { topic: 'out', codec: plain })
  if (hasWindow) {
    keyed
      .window(tumbling(50))
      .aggregate<number, number, unknown>(
        'windows',
        { createAccumulator: () => 0, add: ({ n }, all) => all + n, merge: (a, b) => a + b, getResult: (all) => all },
        shape.windowCodec ?? first,
        (all, window, key, emit) => emit(['window', key, window.start, all]),
      )
      .sinkPlainTo('windows-out', { topic: 'out', codec: plain })
  }
  return builder.build()
}

const newLog = async (topics: readonly string[] = ['ticks', 'more', 'out', 'dead']) => {
  const log = openSimulatedLog()
  await log.createTopics(topics.map((topic) => ({ topic, partitions: 1 })))
  return log
}
const outputs = (log: SimulatedLog): readonly unknown[] =>
  log.records({ topic: 'out', partition: 0 }).map(({ value }) => JSON.parse(Buffer.from(value).toString()) as unknown)

let opened = 0
const open = (log: SimulatedLog, topology: Topology, at: { stateFolder: string; progressTopic: string }) => {
  let now = 0
  return openJob({
    ...at,
    topology,
    log,
    deadLetters: { topic: 'dead', encode: ({ reason }) => Buffer.from(reason) },
    clock: () => (now += 1),
    restart: { type: 'none' },
  })
}
const newPlace = () => {
  opened += 1
  return { stateFolder: join(folder, `state-${opened}`), progressTopic: `progress-${opened}` }
}
/** Runs what is in the log, and takes a savepoint. */
const taken = async (log: SimulatedLog, topology: Topology): Promise<string> => {
  const place = newPlace()
  const job = await open(log, topology, place)
  await job.runToEnd()
  const file = join(folder, `savepoint-${opened}`)
  await job.savepoint(file)
  await job.close()
  return file
}
const restore = async (log: SimulatedLog, file: string, topology: Topology, more: Partial<RestoreOptions> = {}) => {
  const place = newPlace()
  const report = await restoreSavepoint({ ...place, file, topology, log, ...more })
  return { place, report }
}
const goOn = async (log: SimulatedLog, topology: Topology, place: ReturnType<typeof newPlace>) => {
  const before = outputs(log).length
  const job = await open(log, topology, place)
  await job.runToEnd()
  await job.close()
  return outputs(log).slice(before)
}
/** What did not fit, a line each. */
const refused = async (log: SimulatedLog, file: string, topology: Topology, more: Partial<RestoreOptions> = {}) => {
  const place = newPlace()
  const refusal = await restoreSavepoint({ ...place, file, topology, log, ...more }).then(
    () => 'nothing',
    (error: unknown) => error,
  )
  if (!(refusal instanceof SavepointMismatchError)) throw refusal
  expect(await readdir(folder)).not.toContain(`state-${opened}`)
  expect(await readdir(folder)).not.toContain(`state-${opened}.restoring`)
  return refusal.mismatches
}

describe('DistributedJob.savepoint', () => {
  const distributed = (log: SimulatedLog) => {
    const { progressTopic } = newPlace()
    const stores = new Map<string, MemoryStoreContents>()
    return openDistributedJob({
      definition: {
        topology: topologyOf({ hasSecondSource: true }),
        deadLetters: { topic: 'dead', encode: ({ reason }) => Buffer.from(reason) },
        clock: () => 0,
      },
      log,
      shards: 2,
      stateFolder: '',
      progressTopic,
      internalTopics: `internal-${opened}`,
      openStore: async (task) => {
        const contents = stores.get(task) ?? newMemoryStoreContents()
        stores.set(task, contents)
        return openMemoryStore(contents)
      },
    })
  }

  test('error: sources of several tasks must stand at one place', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1), tick(200, 'a', 2)])
    await appendJson(log, 'more', 0, [tick(20, 'a', 4)])
    const job = await distributed(log)
    await job.runToEnd()
    const file = join(folder, `apart-${opened}`)
    await expect(job.savepoint(file)).rejects.toThrow('The sources stand at different places')
    expect((await readdir(folder)).filter((name) => name.startsWith(`apart-${opened}`))).toEqual([])
    const end = { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }
    await appendJson(log, 'ticks', 0, [end])
    await appendJson(log, 'more', 0, [end])
    await job.runToEnd()
    await job.savepoint(file)
    await job.close()
    const one = await taken(log, topologyOf({ hasSecondSource: true }))
    expect(await readFile(file, 'utf8')).toBe(await readFile(one, 'utf8'))
  })

  test('error: a job that runs has no savepoint', async () => {
    const log = await newLog()
    const stop = new AbortController()
    const [one, many] = [await open(log, topologyOf(), newPlace()), await distributed(log)]
    for (const job of [one, many]) {
      const running = job.run(stop.signal)
      await expect(job.savepoint(join(folder, 'running'))).rejects.toThrow('The job runs: stop it first.')
      stop.abort()
      await running
      await job.close()
    }
  })
})

describe('a changed topology', () => {
  test('behavior: goes on with state, timers and positions, from a folder', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1), tick(20, 'b', 2)])
    const file = await taken(log, topologyOf())
    const { place, report } = await restore(log, file, topologyOf())
    expect(report).toMatchObject({ notRestored: [], newInputs: [] })
    await appendJson(log, 'ticks', 0, [tick(30, 'a', 3), { type: 'watermark', watermark: 115 }])
    expect(await goOn(log, topologyOf(), place)).toEqual([
      ['sum', 'a', 4],
      ['timer', 'a', 110],
    ])
  })

  test('behavior: an operator that is added begins empty', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1)])
    const file = await taken(log, topologyOf())
    const topology = topologyOf({ version: '2', hasWindow: true })
    const { place } = await restore(log, file, topology)
    await appendJson(log, 'ticks', 0, [tick(20, 'a', 3), { type: 'watermark', watermark: 60 }])
    expect(await goOn(log, topology, place)).toEqual([
      ['sum', 'a', 4],
      ['window', 'a', 0, 3],
    ])
  })

  test('behavior: a source that is added begins at its beginning', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1)])
    await appendJson(log, 'more', 0, [tick(12, 'a', 5)])
    const file = await taken(log, topologyOf())
    const topology = topologyOf({ version: '2', hasSecondSource: true })
    const { place, report } = await restore(log, file, topology)
    expect(report.newInputs).toEqual(['more/0'])
    await appendJson(log, 'ticks', 0, [tick(20, 'a', 3)])
    await appendJson(log, 'more', 0, [{ type: 'watermark', watermark: 100 }])
    expect(await goOn(log, topology, place)).toEqual([
      ['sum', 'a', 6],
      ['sum', 'a', 9],
    ])
  })

  test('error: an operator that is gone is refused with each of its states, or left out if that is allowed', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1)])
    const file = await taken(log, topologyOf({ hasWindow: true }))
    expect(await refused(log, file, topologyOf())).toEqual([
      'It has state "windows/#panes", whose operator is not there.',
    ])
    const { place, report } = await restore(log, file, topologyOf(), { allowNonRestoredState: true })
    expect(report.notRestored).toEqual(['state "windows/#panes", whose operator is not there'])
    await appendJson(log, 'ticks', 0, [tick(20, 'a', 3)])
    expect(await goOn(log, topologyOf(), place)).toEqual([['sum', 'a', 4]])
  })

  test('error: a renamed uid is refused until it is named', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1)])
    const file = await taken(log, topologyOf())
    const topology = topologyOf({ uid: 'totals' })
    expect(await refused(log, file, topology)).toEqual([
      'It has state "sums/#timers", whose operator is not there.',
      'It has state "sums/seen", whose operator is not there.',
      'It has state "sums/sum", whose operator is not there.',
    ])
    const { place } = await restore(log, file, topology, { renamedUids: { sums: 'totals' } })
    await appendJson(log, 'ticks', 0, [tick(20, 'a', 3), { type: 'watermark', watermark: 110 }])
    expect(await goOn(log, topology, place)).toEqual([
      ['sum', 'a', 4],
      ['timer', 'a', 110],
    ])
  })

  test('behavior: a value of an earlier codec version is migrated when it is asked for', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1)])
    const file = await taken(log, topologyOf())
    const topology = topologyOf({ version: '2', codec: second })
    const states = { sums: [sumOf({ codec: second }), seen] }
    const { place } = await restore(log, file, topology, { states })
    await appendJson(log, 'ticks', 0, [tick(20, 'a', 3)])
    expect(await goOn(log, topology, place)).toEqual([['sum', 'a', 13]])
  })

  test('error: all that does not fit is told at once, and nothing is written', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1)])
    await appendJson(log, 'more', 0, [tick(10, 'a', 1), { type: 'watermark', watermark: 50 }])
    const file = await taken(log, topologyOf({ hasWindow: true, hasSecondSource: true }))
    const third = jsonStateCodec<number>(3)
    const topology = topologyOf({ hasWindow: true, windowCodec: third, job: 'other' })
    const states = { sums: [sumOf({ codec: third }), listState('seen', first)] }
    expect(await refused(log, file, topology, { states })).toEqual([
      'It is of job "ticks", not "other".',
      'It has the position of source "more" in more/0.',
      'State "sums/seen" was kept as entries; as a list state it is kept as values.',
      'State "sums/sum" was written by codec version 1; this build reads 3.',
      'State "windows/#panes" was written by codec version 1; this build reads 3.',
    ])
    expect(
      await refused(log, file, topologyOf({ hasWindow: true, hasSecondSource: true }), { states: { sums: [] } }),
    ).toEqual([
      'It has state "sums/seen", which its operator does not declare.',
      'It has state "sums/sum", which its operator does not declare.',
    ])
    const timed = { sums: [sumOf({ ttl: 50 }), seen] }
    expect(
      await refused(log, file, topologyOf({ hasWindow: true, hasSecondSource: true, ttl: 50 }), { states: timed }),
    ).toEqual(['State "sums/sum" was written without times; this build declares a TTL or a bounded map.'])
  })

  test('error: state or progress that is there already is not touched', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1)])
    const file = await taken(log, topologyOf())
    const { place } = await restore(log, file, topologyOf())
    const again = { file, topology: topologyOf(), log }
    await expect(restoreSavepoint({ ...again, ...place })).rejects.toThrow('is not empty')
    await appendJson(log, 'ticks', 0, [tick(20, 'a', 3)])
    expect(await goOn(log, topologyOf(), place)).toEqual([['sum', 'a', 4]])
    const { stateFolder } = newPlace()
    await expect(restoreSavepoint({ ...again, stateFolder, progressTopic: place.progressTopic })).rejects.toThrow(
      `The progress topic "${place.progressTopic}" has been used`,
    )
  })

  test('behavior: what a killed restore left is no state, and in the way of nobody', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1)])
    const file = await taken(log, topologyOf())
    const place = newPlace()
    await mkdir(`${place.stateFolder}.restoring`)
    await writeFile(join(`${place.stateFolder}.restoring`, 'half'), '')
    await restoreSavepoint({ ...place, file, topology: topologyOf(), log })
    expect(await readdir(folder)).not.toContain(`state-${opened}.restoring`)
    expect(await readdir(place.stateFolder)).not.toContain('half')
    await appendJson(log, 'ticks', 0, [tick(20, 'a', 3)])
    expect(await goOn(log, topologyOf(), place)).toEqual([['sum', 'a', 4]])
  })

  test('error: a savepoint that was edited leaves nothing', async () => {
    const log = await newLog()
    await appendJson(log, 'ticks', 0, [tick(10, 'a', 1)])
    const file = await taken(log, topologyOf())
    await writeFile(file, '{"state":"x","layout":"values"}\n', { flag: 'a' })
    const place = newPlace()
    await expect(restoreSavepoint({ ...place, file, topology: topologyOf(), log })).rejects.toThrow(
      'stands behind the last one',
    )
    expect((await readdir(folder)).filter((name) => name.startsWith(`state-${opened}`))).toEqual([])
  })

  test('property: what waits for its time (sessions, joins, windows) comes after a restore as it would have', async () => {
    const waiting = (): Topology => {
      const builder = new StreamBuilder({ job: 'waiting', version: '1' })
      const source = (name: string) =>
        builder
          .source<Tick>(name, {
            topic: name,
            codec: tickCodec,
            watermarks: { type: 'bounded-out-of-orderness', delay: 30 },
          })
          .keyBy(({ key }) => key, stringKey)
      const [left, right] = [source('ticks'), source('more')]
      const codecs = { left: jsonStateCodec<Tick>(), right: jsonStateCodec<Tick>() }
      const joined = left
        .temporalJoin(right)
        .process<unknown>('temporal', codecs, (one, other, ctx) => ctx.emit(['temporal', ctx.timestamp, one, other]))
      const pairs = left
        .intervalJoin(right)
        .between(-40, 40)
        .process<unknown>('interval', codecs, (one, other, ctx) => ctx.emit(['interval', ctx.timestamp, one, other]))
      const sums = {
        createAccumulator: () => 0,
        merge: (a: number, b: number) => a + b,
        getResult: (all: number) => all,
      }
      const windowed = [session<Tick>(25), tumbling(40)].map((assigner, index) =>
        left
          .window(assigner)
          .allowedLateness(20 * index)
          .aggregate<number, number, unknown>(
            `window-${index}`,
            { ...sums, add: ({ n }, all) => all + n },
            first,
            (all, window, key, emit) => emit([index, key, window.start, window.end, all]),
          ),
      )
      joined.union(pairs, ...windowed).sinkPlainTo('out', { topic: 'out', codec: plain })
      return builder.build()
    }
    const ticks = fc
      .array(fc.tuple(fc.nat(30), fc.nat(40), fc.constantFrom('a', 'b', 'c')), { minLength: 12, maxLength: 30 })
      .map((all) => {
        let now = 0
        return all.map(([gap, back, key], n) => {
          now += gap
          return tick(now - back, key, n)
        })
      })
    const end = { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }
    let found = 0
    await fc.assert(
      fc.asyncProperty(
        ticks,
        ticks,
        fc.integer({ min: 0, max: 20 }).map((part) => part / 20),
        async (left, right, share) => {
          const whole = await newLog()
          await appendJson(whole, 'ticks', 0, [...left, end])
          await appendJson(whole, 'more', 0, [...right, end])
          const expected = await goOn(whole, waiting(), newPlace())
          const log = await newLog()
          const cut = (all: readonly object[]) => Math.floor(share * all.length)
          await appendJson(log, 'ticks', 0, left.slice(0, cut(left)))
          await appendJson(log, 'more', 0, right.slice(0, cut(right)))
          const { place } = await restore(log, await taken(log, waiting()), waiting())
          await appendJson(log, 'ticks', 0, [...left.slice(cut(left)), end])
          await appendJson(log, 'more', 0, [...right.slice(cut(right)), end])
          await goOn(log, waiting(), place)
          expect(outputs(log)).toEqual(expected)
          found += expected.length
        },
      ),
      { numRuns: runs },
    )
    expect(found).toBeGreaterThan(10 * runs)
  })
})
