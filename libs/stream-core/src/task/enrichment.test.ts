import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openSimulatedLog, type AppendFate, type SimulatedLog } from '@tocsin/event-log/testing'
import { askedThrough } from '../../testing/asked-storm.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import { VirtualTime } from '../../testing/simulation/virtual-time.ts'
import { priceHistory, storm, stormTopology, type ChainRecord, type PriceRecord } from '../../testing/storm.ts'
import { appendJson, Crash, crashAfter, crashingStore, fillStormLog } from '../../testing/storm-log.ts'
import { openDistributedJob } from '../distributed/distributed-job.ts'
import {
  jsonStateCodec,
  numberCodec,
  openJob,
  StreamBuilder,
  stringCodec,
  stringKey,
  valueState,
  type DataStream,
  type EnrichOptions,
  type JobOptions,
  type PlainSinkCodec,
  type SourceCodec,
  type Topology,
} from '../index.ts'
import { newMemoryStoreContents, openMemoryStore } from '../state/memory-store.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 25)

const jobOptions = (log: SimulatedLog, topology: Topology, more: Partial<JobOptions> = {}): JobOptions => {
  let now = 0
  return {
    topology,
    log,
    store: openMemoryStore(),
    stateFolder: '',
    progressTopic: 'progress',
    deadLetters: {
      topic: 'dead',
      encode: ({ operator, code, reason, origin }) => Buffer.from([operator, code, reason, origin].join(' | ')),
    },
    clock: () => (now += 1),
    restart: { type: 'none' },
    checkpointIntervalMs: 0,
    commitIntervalMs: 0,
    batchSize: 3,
    ...more,
  }
}

const textsOf = (log: SimulatedLog, topic: string, partition = 0): readonly string[] =>
  log.records({ topic, partition }).map(({ value }) => Buffer.from(value).toString())

/** Some turns of the event loop, as the seed says: who is answered first is anyone's guess. */
const delays = (seed: number) => {
  const random = seededRandom(seed)
  return async (): Promise<void> => {
    for (let left = random.integer(0, 5); left > 0; left -= 1) await new Promise((go) => setImmediate(go))
  }
}

describe('enrich under storms', () => {
  const fill = async (chain: readonly ChainRecord[], prices: readonly (readonly PriceRecord[])[]) => {
    const log = openSimulatedLog()
    await fillStormLog(log, chain, prices)
    return log
  }
  const lettersOf = (log: SimulatedLog) => textsOf(log, 'dead').map((text) => text.split(' | ').slice(0, 3).join())
  const written = (log: SimulatedLog) => [
    ...[0, 1, 2].map((partition) => textsOf(log, 'findings', partition)),
    lettersOf(log),
  ]
  const calm = { batchSize: 1000, commitIntervalMs: 1e9 }
  /** Who forgets few ids forgets them in each shard apart, so that is for one task alone. */
  const few = { maxFinishedIds: 3 }
  const plain = async (
    chain: readonly ChainRecord[],
    prices: readonly (readonly PriceRecord[])[],
    memory: { readonly maxFinishedIds?: number } = few,
  ) => {
    const log = await fill(chain, prices)
    const job = await openJob(jobOptions(log, stormTopology(memory), calm))
    await job.runToEnd()
    await job.close()
    return log
  }
  const asking = (
    seed: number,
    { onAsk = () => undefined, ...memory }: { readonly onAsk?: () => void; readonly maxFinishedIds?: number } = few,
  ): Topology => {
    const wait = delays(seed)
    const through = askedThrough(async () => {
      onAsk()
      await wait()
    })
    return stormTopology({ ...memory, through })
  }
  const cases = fc.record({
    storm,
    first: priceHistory(0),
    second: priceHistory(1),
    seed: fc.nat(),
    batchSize: fc.integer({ min: 1, max: 9 }),
  })

  test('property: whenever answers come, the output log is that of a topology that does not ask', async () => {
    let asked = 0
    await fc.assert(
      fc.asyncProperty(cases, async ({ storm: { stormy }, first, second, seed, batchSize }) => {
        const expected = written(await plain(stormy, [first, second]))
        const log = await fill(stormy, [first, second])
        const topology = asking(seed, { ...few, onAsk: () => (asked += 1) })
        const job = await openJob(jobOptions(log, topology, { batchSize }))
        await job.runToEnd()
        await job.close()
        expect(written(log)).toEqual(expected)
      }),
      { numRuns: runs },
    )
    expect(asked).toBeGreaterThan(0)
  })

  test('property: after crashes at any writes too', async () => {
    let crashes = 0
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.array(fc.nat(25), { minLength: 1, maxLength: 5 }),
        async ({ storm: { stormy }, first, second, seed, batchSize }, plan) => {
          const expected = written(await plain(stormy, [first, second]))
          const log = await fill(stormy, [first, second])
          const contents = newMemoryStoreContents()
          for (const after of plan) {
            const mayWrite = crashAfter(after)
            log.decideAppends((): AppendFate => {
              mayWrite()
              return 'committed'
            })
            const store = crashingStore(contents, mayWrite)
            const job = await openJob(jobOptions(log, asking(seed + after), { batchSize, store }))
            await job.runToEnd().catch((error: unknown) => {
              if (!(error instanceof Crash)) throw error
              crashes += 1
            })
          }
          log.decideAppends(() => 'committed')
          const job = await openJob(jobOptions(log, asking(seed), { batchSize, store: openMemoryStore(contents) }))
          await job.runToEnd()
          await job.close()
          expect(written(log)).toEqual(expected)
        },
      ),
      { numRuns: runs },
    )
    expect(crashes).toBeGreaterThan(0)
  })

  test('property: many tasks give each key what one gives it', async () => {
    const byKey = (log: SimulatedLog) => {
      const lists = new Map<string, string[]>()
      for (const text of [0, 1, 2].flatMap((partition) => textsOf(log, 'findings', partition))) {
        const [id] = JSON.parse(text) as [string]
        lists.set(id, [...(lists.get(id) ?? []), text])
      }
      return [[...lists].sort(([a], [b]) => (a < b ? -1 : 1)), lettersOf(log).toSorted()]
    }
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.integer({ min: 1, max: 3 }),
        async ({ storm: { stormy }, first, second, seed, batchSize }, shards) => {
          const expected = byKey(await plain(stormy, [first, second], {}))
          const log = await fill(stormy, [first, second])
          const { topology, deadLetters, clock } = jobOptions(log, asking(seed, {}))
          const job = await openDistributedJob({
            definition: { topology, deadLetters, clock },
            log,
            shards,
            stateFolder: '',
            openStore: async () => openMemoryStore(),
            progressTopic: 'progress',
            internalTopics: 'internal',
            restart: { type: 'none' },
            checkpointIntervalMs: 0,
            commitIntervalMs: 0,
            batchSize,
          })
          await job.runToEnd()
          await job.close()
          expect(byKey(log)).toEqual(expected)
        },
      ),
      { numRuns: Math.ceil(runs / 2) },
    )
  })
})

interface Priced {
  readonly n: number
  readonly answer: string
}

/** Numbers 0 to `count − 1`, asked for one by one, and a sum by key of the lengths of their answers. */
const numbersTopology = (
  options: Omit<EnrichOptions<number, number, string>, 'requestOf' | 'requestCodec' | 'answerCodec'>,
  given: { readonly isKeyedBefore?: boolean; readonly ofNumber?: (n: number) => readonly number[] } = {},
): Topology => {
  const { isKeyedBefore = false, ofNumber = (n: number) => [n] } = given
  const codec: SourceCodec<number> = {
    // The tests below wrote the bytes.
    decode: (value) => JSON.parse(Buffer.from(value).toString()) as ReturnType<SourceCodec<number>['decode']>,
  }
  const sink = <T>(): PlainSinkCodec<T> => ({
    encode: (output) => ({ key: null, value: Buffer.from(JSON.stringify(output)) }),
  })
  const builder = new StreamBuilder({ job: 'numbers', version: '1' })
  const numbers = builder.source('numbers', { topic: 'numbers', codec, watermarks: { type: 'in-log' } })
  const seen = valueState('seen', numberCodec)
  const before: DataStream<number> = isKeyedBefore
    ? numbers
        .keyBy((n) => `${n % 2}`, stringKey)
        .process<number>('before', {
          processElement(_, ctx) {
            const count = ctx.state(seen)
            count.value = (count.value ?? 0) + 1
            ctx.timers.registerEventTimeTimer(ctx.timestamp)
          },
          onTimer(timestamp, ctx) {
            ctx.emit(timestamp)
          },
        })
    : numbers.flatMap(ofNumber)
  const priced = before.enrich<number, string, Priced>(
    'prices',
    { ...options, requestOf: (n) => n, requestCodec: jsonStateCodec(), answerCodec: stringCodec },
    (n, answer, emit) => emit({ n, answer }),
  )
  priced.sinkPlainTo('priced', { topic: 'priced', codec: sink<Priced>() })
  const total = valueState('total', numberCodec)
  priced
    .keyBy(({ n }) => `${n % 3}`, stringKey)
    .process<{ n: number; total: number }>('totals', {
      processElement({ n, answer }, ctx) {
        const sum = ctx.state(total)
        sum.value = (sum.value ?? 0) + Number(answer)
        ctx.emit({ n, total: sum.value })
      },
    })
    .sinkPlainTo('summed', { topic: 'summed', codec: sink<{ n: number; total: number }>() })
  return builder.build()
}

const numbersLog = async (count: number): Promise<SimulatedLog> => {
  const log = openSimulatedLog()
  const topics = ['numbers', 'priced', 'summed', 'dead']
  await log.createTopics(topics.map((topic) => ({ topic, partitions: 1 })))
  const records = Array.from({ length: count }, (_, n) => [
    { type: 'element', timestamp: n, value: n },
    { type: 'watermark', watermark: n },
  ])
  await appendJson(log, 'numbers', 0, records.flat())
  return log
}

const pricedOf = (log: SimulatedLog) => textsOf(log, 'priced').map((text) => JSON.parse(text) as Priced)

/** Where all that waits waits in virtual time. */
const runInVirtualTime = async (log: SimulatedLog, time: VirtualTime, topology: Topology) => {
  const eventLoop = { turn: () => time.after(0), wait: (ms: number, signal?: AbortSignal) => time.after(ms, signal) }
  const job = await openJob(jobOptions(log, topology, { eventLoop, clock: () => time.now }))
  let isDone = false
  const run = job.runToEnd().finally(() => (isDone = true))
  run.catch(() => undefined) // awaited below
  expect(await time.runUntil(() => isDone, 100_000)).toBe(true)
  await run
  await job.close()
}

describe('enrich', () => {
  test('property: answers that no one can foresee are used once: what was committed stays, and is asked no more', async () => {
    let crashes = 0
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.nat(20), { maxLength: 5 }),
        fc.record({ capacity: fc.integer({ min: 1, max: 6 }), batchSize: fc.integer({ min: 1, max: 9 }) }),
        fc.boolean(),
        fc.nat(),
        async (count, plan, { capacity, batchSize }, isKeyedBefore, seed) => {
          const log = await numbersLog(count)
          const contents = newMemoryStoreContents()
          const wait = delays(seed)
          let asks = 0
          let committed: readonly Priced[] = []
          const ask = async (n: number) => {
            asks += 1
            const answer = `${asks}`
            expect(committed.map((one) => one.n)).not.toContain(n)
            await wait()
            return answer
          }
          const topology = numbersTopology({ ask, capacity, timeoutMs: 60_000 }, { isKeyedBefore })
          for (const after of [...plan, Infinity]) {
            const mayWrite = crashAfter(after)
            log.decideAppends((): AppendFate => {
              mayWrite()
              return 'committed'
            })
            committed = pricedOf(log)
            const store = crashingStore(contents, mayWrite)
            const job = await openJob(jobOptions(log, topology, { batchSize, store }))
            await job.runToEnd().catch((error: unknown) => {
              if (!(error instanceof Crash)) throw error
              crashes += 1
            })
            await job.close()
            expect(pricedOf(log).slice(0, committed.length)).toEqual(committed)
          }
          const priced = pricedOf(log)
          expect(priced.map(({ n }) => n)).toEqual(Array.from({ length: count }, (_, n) => n))
          const totals = new Map<number, number>()
          const expected = priced.map(({ n, answer }) => {
            totals.set(n % 3, (totals.get(n % 3) ?? 0) + Number(answer))
            return { n, total: totals.get(n % 3) }
          })
          expect(textsOf(log, 'summed').map((text) => JSON.parse(text) as unknown)).toEqual(expected)
        },
      ),
      { numRuns: 2 * runs },
    )
    expect(crashes).toBeGreaterThan(0)
  })

  test.each([
    { capacity: 1, isKeyedBefore: false, together: 1 },
    { capacity: 4, isKeyedBefore: false, together: 4 },
    { capacity: 4, isKeyedBefore: true, together: 1 },
  ])('behavior: asks $together at once with capacity $capacity, keyed before: $isKeyedBefore', async (given) => {
    const { capacity, isKeyedBefore, together } = given
    const log = await numbersLog(20)
    const time = new VirtualTime()
    let underWay = 0
    let most = 0
    const ask = async (n: number) => {
      underWay += 1
      most = Math.max(most, underWay)
      await time.after(100 - n)
      underWay -= 1
      return '1'
    }
    await runInVirtualTime(log, time, numbersTopology({ ask, capacity, timeoutMs: 60_000 }, { isKeyedBefore }))
    expect(most).toBe(together)
    expect(pricedOf(log).map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })

  test('behavior: who does not answer in time is a dead letter, or what `onFailure` says', async () => {
    const ask = (time: VirtualTime) => async (n: number) => {
      if (n === 2) await time.after(1e9)
      return '1'
    }
    const time = new VirtualTime()
    const log = await numbersLog(4)
    await runInVirtualTime(log, time, numbersTopology({ ask: ask(time), timeoutMs: 500 }))
    expect(pricedOf(log).map(({ n }) => n)).toEqual([0, 1, 3])
    expect(textsOf(log, 'dead')).toEqual([
      'prices | STREAM_ENRICHMENT_FAILED | "prices" got no answer: no answer within 500 ms | numbers/0@4',
    ])
    expect(time.now).toBeLessThan(1500)

    const later = new VirtualTime()
    const other = await numbersLog(4)
    const onFailure = ({ type }: { type: string }, n: number) => `${type === 'timeout' ? -n : 0}`
    await runInVirtualTime(other, later, numbersTopology({ ask: ask(later), timeoutMs: 500, onFailure }))
    expect(pricedOf(other).map(({ answer }) => answer)).toEqual(['1', '1', '-2', '1'])
  })

  test('behavior: an ask that fails is repeated as its strategy says, and not where it says that this is of no use', async () => {
    const time = new VirtualTime()
    const log = await numbersLog(3)
    const at: [number, number][] = []
    const ask = async (n: number) => {
      at.push([n, time.now])
      const isLast = at.filter(([one]) => one === n).length === 3
      if (n === 0 && !isLast) throw new Error('busy')
      if (n === 1) throw Object.assign(new Error('unknown'), { handling: 'dead-letter' })
      if (n === 2) throw new Error('busy')
      return '7'
    }
    const retry = { type: 'exponential-delay', attempts: 3, initialDelayMs: 10, maxDelayMs: 15 } as const
    await runInVirtualTime(log, time, numbersTopology({ ask, timeoutMs: 500, capacity: 1, retry }))
    expect(pricedOf(log)).toEqual([{ n: 0, answer: '7' }])
    expect(textsOf(log, 'dead').map((text) => text.split(' | ')[2])).toEqual([
      '"prices" got no answer: unknown',
      '"prices" got no answer: busy',
    ])
    const gaps = (n: number) => {
      const times = at.flatMap(([one, when]) => (one === n ? [when] : []))
      return times.slice(1).map((when, index) => when - (times[index] ?? 0))
    }
    expect([gaps(0), gaps(1), gaps(2)]).toEqual([[10, 15], [], [10, 15]])
  })

  test('error: an ask that says so stops the job', async () => {
    const log = await numbersLog(3)
    const ask = async (): Promise<string> => {
      throw Object.assign(new Error('the key was revoked'), { handling: 'stop' })
    }
    const job = await openJob(jobOptions(log, numbersTopology({ ask, timeoutMs: 60_000 })))
    await expect(job.runToEnd()).rejects.toThrow('the key was revoked')
    await job.close()
  })

  /** What a process leaves behind that ends after so many commits, without a checkpoint. */
  const killedAfter = async (commits: number, topology: Topology) => {
    const log = await numbersLog(6)
    const contents = newMemoryStoreContents()
    const mayWrite = crashAfter(commits)
    log.decideAppends((): AppendFate => {
      mayWrite()
      return 'committed'
    })
    const pace = { store: openMemoryStore(contents), batchSize: 1, checkpointIntervalMs: 1e9 }
    const job = await openJob(jobOptions(log, topology, pace))
    await expect(job.runToEnd()).rejects.toThrow('killed')
    await job.close()
    log.decideAppends(() => 'committed')
    return { log, contents }
  }

  test('behavior: a failure is journaled as an answer is: a replay has it again', async () => {
    let isDown = true
    const ask = async () => {
      if (isDown) throw new Error('down')
      return '1'
    }
    const topology = numbersTopology({ ask, capacity: 1, timeoutMs: 60_000 })
    const { log, contents } = await killedAfter(2, topology)
    const before = textsOf(log, 'dead')
    expect(before.length).toBeGreaterThan(0)
    isDown = false
    const second = await openJob(jobOptions(log, topology, { store: openMemoryStore(contents) }))
    await second.runToEnd()
    await second.close()
    expect(textsOf(log, 'dead')).toEqual(before)
    expect(pricedOf(log)).toHaveLength(6 - before.length)
  })

  test('error: a replay that asks something else, or less', async () => {
    const topologyOf = (ofNumber: (n: number) => readonly number[]) =>
      numbersTopology({ ask: async () => '1', capacity: 1, timeoutMs: 60_000 }, { ofNumber })
    const reopened = async (ofNumber: (n: number) => readonly number[]) => {
      const { log, contents } = await killedAfter(
        2,
        topologyOf((n) => [n]),
      )
      const job = await openJob(jobOptions(log, topologyOf(ofNumber), { store: openMemoryStore(contents) }))
      const error: unknown = await job.runToEnd().catch((thrown: unknown) => thrown)
      await job.close()
      return error
    }
    const other = await reopened((n) => [n + 5])
    expect(other).toMatchObject({ code: 'STREAM_DETERMINISM' })
    expect(String(other)).toContain(
      'The replay asks "prices" with 5 where the run before asked "prices" with 0 (answer 0)',
    )
    expect(await reopened((n) => (n > 0 ? [n] : []))).toMatchObject({ code: 'STREAM_DETERMINISM' })
    expect(await reopened(() => [])).toMatchObject({ code: 'STREAM_DETERMINISM' })
  })

  test('error: a task whose answers were trimmed and whose store is gone cannot go on', async () => {
    const log = await numbersLog(3)
    const topology = numbersTopology({ ask: async () => '1', timeoutMs: 60_000 })
    const job = await openJob(jobOptions(log, topology))
    await job.runToEnd()
    await job.close()
    const lost = await openJob(jobOptions(log, topology)).catch((error: unknown) => error)
    expect(lost).toMatchObject({ code: 'STREAM_STATE_LOST' })
    expect(String(lost)).toContain('needs the answers 0 to 2 of progress.answers/0')
  })

  test('behavior: answers that a checkpoint covers are trimmed', async () => {
    const log = await numbersLog(5)
    const job = await openJob(jobOptions(log, numbersTopology({ ask: async () => '1', timeoutMs: 60_000 })))
    await job.runToEnd()
    await job.close()
    expect(log.records({ topic: 'progress.answers', partition: 0 })).toEqual([])
    expect((await log.offsets({ topic: 'progress.answers', partition: 0 })).end).toBe(5)
  })

  test('behavior: a job that is told to stop does not wait for an answer', async () => {
    const log = await numbersLog(3)
    const stopping = new AbortController()
    let aborted = 0
    const ask = (n: number, signal: AbortSignal) =>
      new Promise<string>((resolve) => {
        if (n === 0) resolve('1')
        else stopping.abort()
        signal.addEventListener('abort', () => (aborted += 1))
      })
    const job = await openJob(jobOptions(log, numbersTopology({ ask, timeoutMs: 60_000, capacity: 1 })))
    await job.run(stopping.signal)
    await job.close()
    expect(pricedOf(log)).toEqual([{ n: 0, answer: '1' }])
    expect(aborted).toBeGreaterThan(0)
  })
})

describe('enrich while the chain turns back', () => {
  const block = (epoch: number, amount: number): readonly ChainRecord[] => [
    { type: 'element', timestamp: epoch * 1000, value: { from: 'ann', to: 'bob', amount } },
    { type: 'sealed', epoch, watermark: epoch * 1000 + 999 },
  ]
  /** Block 2, not sealed yet, makes a finding whose question is answered once the gate is open. */
  const begun = async (isOpen: boolean) => {
    const log = openSimulatedLog()
    const topics = ['chain', 'prices', 'findings', 'dead']
    await log.createTopics(topics.map((topic) => ({ topic, partitions: 1 })))
    await appendJson(log, 'prices', 0, [{ type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }])
    await appendJson(log, 'chain', 0, [...block(1, 9), { type: 'finalized', epoch: 1 }, ...block(2, 14).slice(0, 1)])
    const gate = new AbortController()
    if (isOpen) gate.abort()
    const asked = new AbortController()
    const until = ({ signal }: AbortController) =>
      new Promise<void>((go) => (signal.aborted ? go() : signal.addEventListener('abort', () => go())))
    const through = <T>(uid: string, stream: DataStream<T>): DataStream<T> => {
      if (uid !== 'asked-spending') return stream
      const options: EnrichOptions<T, string, string> = {
        requestOf: (value) => JSON.stringify(value),
        ask: async (request) => {
          asked.abort()
          await until(gate)
          return request
        },
        requestCodec: stringCodec,
        answerCodec: stringCodec,
        timeoutMs: 60_000,
      }
      return stream.enrich<string, string, T>(uid, options, (value, _, emit) => emit(value))
    }
    const job = await openJob(jobOptions(log, stormTopology({ through })))
    return { log, job, gate, awaited: until(asked) }
  }
  const ids = (log: SimulatedLog) => textsOf(log, 'findings').map((text) => JSON.parse(text) as readonly unknown[])
  const spentOf = (log: SimulatedLog) => ids(log).filter(([id]) => id === 'spent-ann')

  test('behavior: a revert that comes while an answer is awaited takes back what the answer then finds', async () => {
    const { log, job, gate, awaited } = await begun(false)
    const stop = new AbortController()
    const running = job.run(stop.signal)
    await awaited
    await appendJson(log, 'chain', 0, [
      ...block(2, 14).slice(1),
      { type: 'reverted', epoch: 2 },
      ...block(2, 16),
      { type: 'finalized', epoch: 2 },
    ])
    gate.abort()
    stop.abort()
    await running
    await job.runToEnd()
    await job.close()
    expect(spentOf(log)).toEqual([
      ['spent-ann', 23, 1, 'added', 1],
      ['spent-ann', 23, 1, 'retracted', 2],
      ['spent-ann', 25, 1, 'added', 3],
      ['spent-ann', 25, 1, 'confirmed', 4],
    ])
  })

  test('behavior: a savepoint taken where an answer is awaited is that of a job that never waited', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'enrich-'))
    const taken = async (name: string, isOpen: boolean) => {
      const { log, job, gate, awaited } = await begun(isOpen)
      if (isOpen) await job.runToEnd()
      else {
        const stop = new AbortController()
        const running = job.run(stop.signal)
        await awaited
        stop.abort()
        await running
        expect(spentOf(log)).toEqual([])
      }
      const savepoint = job.savepoint(join(folder, name))
      gate.abort()
      await savepoint
      const told = ids(log)
      await job.runToEnd()
      await job.close()
      return { told, after: ids(log), bytes: await readFile(join(folder, name), 'utf8') }
    }
    const waited = await taken('waited', false)
    expect(waited).toEqual(await taken('calm', true))
    expect(waited.told.slice(-1)).toEqual([['spent-ann', 23, 1, 'retracted', 2]])
    expect(waited.after.at(-1)).toEqual(['spent-ann', 23, 1, 'added', 3])
    await rm(folder, { recursive: true })
  })

  test('behavior: a savepoint taken where the next element awaits its answer takes back all that is open', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'enrich-'))
    const log = openSimulatedLog()
    const topics = ['chain', 'prices', 'findings', 'dead']
    await log.createTopics(topics.map((topic) => ({ topic, partitions: 1 })))
    await appendJson(log, 'prices', 0, [{ type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }])
    const records = [...block(1, 9), { type: 'finalized', epoch: 1 }, ...block(2, 14), ...block(3, 5)] as const
    await appendJson(log, 'chain', 0, records)
    const through = <T>(uid: string, stream: DataStream<T>): DataStream<T> => {
      if (uid !== 'asked-blocks') return stream
      const options: EnrichOptions<T, string, string> = {
        requestOf: (value) => JSON.stringify(value),
        ask: (request) => (request.includes('"amount":5') ? new Promise(() => undefined) : Promise.resolve(request)),
        requestCodec: stringCodec,
        answerCodec: stringCodec,
        timeoutMs: 60_000,
      }
      return stream.enrich<string, string, T>(uid, options, (value, _, emit) => emit(value))
    }
    const job = await openJob(jobOptions(log, stormTopology({ through })))
    const stop = new AbortController()
    const running = job.run(stop.signal)
    while (job.progress().elements < 1 + records.length - 2) await turn()
    stop.abort()
    await running
    await job.savepoint(join(folder, 'savepoint'))
    await job.close()
    expect(spentOf(log)).toEqual([
      ['spent-ann', 23, 1, 'added', 1],
      ['spent-ann', 23, 1, 'retracted', 2],
    ])
    await rm(folder, { recursive: true })
  })
})
