import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  clockSource,
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  countEvictor,
  countTrigger,
  cumulative,
  global,
  inProcessingTime,
  jsonStateCodec,
  maxTimestamp,
  numberCodec,
  processingTimeoutTrigger,
  purgingTrigger,
  session,
  sliding,
  StreamBuilder,
  stringKey,
  timeEvictor,
  valueState,
  windowsBy,
  type AggregateFunction,
  type SinkCodec,
  type SourceCodec,
  type Topology,
  type WindowFunction,
} from '../src/index.ts'
import { poison, storm, type ChainRecord, type Transfer } from './storm.ts'
import { testDriver, type TestDriver } from './test-driver.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 100)

interface Finding {
  readonly id: string
  readonly detail: number
}

const findings: SinkCodec<Finding> = {
  idOf: ({ id }) => id,
  encode: (output, { type, revision }) => ({
    key: Buffer.from(output.id),
    value: Buffer.from(JSON.stringify([output.id, output.detail, type, revision])),
  }),
  outputCodec: jsonStateCodec(),
}

const sum: AggregateFunction<Transfer, number, number> = {
  createAccumulator: () => 0,
  add: ({ amount }, total) => total + amount,
  merge: (a, b) => a + b,
  getResult: (total) => total,
}
/** One id for all firings of a window: updates that may be reverted one by one. Fails now and then, as a rule might. */
const finding =
  (name: string): WindowFunction<string, number, Finding> =>
  (total, { start, end }, key, emit) => {
    emit({ id: `${name}-${key}-${start}-${end}`, detail: total })
    if (total % 31 === poison) throw new Error('an unlucky sum')
  }
const total = (transfers: readonly Transfer[]) => transfers.reduce((all, { amount }) => all + amount, 0)

const written: SourceCodec<Transfer> = {
  decode: () => {
    throw new Error('records are pushed')
  },
}

/** A window of each kind, over one key. */
const windowTopology = (): Topology => {
  const builder = new StreamBuilder({ job: 'window-storm', version: '1' })
  builder.source('clock', clockSource('clock'))
  const keyed = builder
    .source<Transfer>('chain', { topic: 'chain', codec: written, watermarks: { type: 'in-log' }, epochs: true })
    .keyBy(({ to }) => to, stringKey)
  const transferCodec = jsonStateCodec<Transfer>()
  const firings = valueState('firings', numberCodec)

  keyed
    .window(session(1100))
    .allowedLateness(500)
    .aggregate('sessions', sum, numberCodec, finding('sessions'))
    .union(
      keyed.window(cumulative(4000, 1000)).allowedLateness(700).aggregate('panes', sum, numberCodec, finding('panes')),
      keyed
        .window(session<Transfer>(({ amount }) => 400 + 100 * amount))
        .allowedLateness(300)
        .process<Finding>('buffered', transferCodec, (transfers, window, key, emit, context) =>
          finding('buffered')(total(transfers), window, key, emit, context),
        ),
      keyed
        .window(session(1500))
        .trigger(countTrigger(2))
        .allowedLateness(1500)
        .aggregate('merged-counts', sum, numberCodec, finding('merged-counts')),
      keyed
        .window(global())
        .trigger(purgingTrigger(countTrigger(3)))
        .aggregate('counts', sum, numberCodec, finding('counts')),
      keyed
        .window(sliding(3000, 1000))
        .trigger(countTrigger(2))
        .evictor(timeEvictor(1000), transferCodec)
        .process<Finding>('evicting', transferCodec, {
          process: (transfers, { start }, key, emit, ctx) => {
            const state = ctx.windowState(firings)
            state.value = (state.value ?? 0) + 1
            emit({ id: `evicting-${key}-${start}-${state.value}`, detail: total(transfers) })
          },
          clear: (_window, _key, ctx) => ctx.windowState(firings).clear(),
        }),
      keyed
        .window(global({ firesAtEnd: true }))
        .evictor(countEvictor(2), transferCodec)
        .aggregate('last-two', sum, numberCodec, finding('last-two')),
      keyed
        .window(
          windowsBy<Transfer>({
            name: 'days',
            merges: true,
            assign: (_transfer, at) => [{ start: at - 500, end: at + 700 }],
          }),
        )
        .trigger(continuousEventTimeTrigger(900))
        .aggregate('continuous', sum, numberCodec, finding('continuous')),
      keyed.window(inProcessingTime(sliding(2000, 1000))).aggregate('clocked', sum, numberCodec, finding('clocked')),
      keyed
        .window(inProcessingTime(session(1200)))
        .trigger(continuousProcessingTimeTrigger(500))
        .aggregate('clocked-sessions', sum, numberCodec, finding('clocked-sessions')),
      keyed
        .window(global())
        .trigger(purgingTrigger(processingTimeoutTrigger(countTrigger(3), 900)))
        .aggregate('timeouts', sum, numberCodec, finding('timeouts')),
    )
    .sinkTo('findings', { topic: 'findings', codec: findings })
  return builder.build()
}

/** Some come late, by how much depends on the transfer alone. */
const lagging = (records: readonly ChainRecord[]): readonly ChainRecord[] =>
  records.map((record) =>
    record.type === 'element'
      ? { ...record, timestamp: record.timestamp - (record.value.amount % 4) * 600 - record.value.amount }
      : record,
  )

const pushClock = (driver: TestDriver) => {
  for (let time = 0; time <= 20_000; time += 700) driver.push('clock', { type: 'clock', time })
  driver.push('clock', { type: 'watermark', watermark: maxTimestamp })
}

describe('windows of every kind', () => {
  test('property: after any storm of reorgs, state and what stands equal those of the canonical chain alone', () => {
    const seen = new Map<string, number>()
    let retractions = 0
    let late = 0
    fc.assert(
      fc.property(storm, ({ canonical, stormy }) => {
        const run = (chain: readonly ChainRecord[]) => {
          const driver = testDriver(windowTopology())
          const records = lagging(chain)
          driver.push('chain', ...records.slice(0, records.length / 2))
          pushClock(driver)
          driver.push('chain', ...records.slice(records.length / 2))
          return driver
        }
        const [calm, wild] = [run(canonical), run(stormy)]
        for (const { output } of calm.outputs()) {
          const [kind = ''] = (output as Finding).id.split(/-(?:ann|bob|cyd)/)
          seen.set(kind, (seen.get(kind) ?? 0) + 1)
        }
        retractions += wild.outputs().filter(({ transition }) => transition.type === 'retracted').length
        late += calm.lateElements
        expect(wild.dump()).toEqual(calm.dump())
        expect(wild.standing('findings')).toEqual(calm.standing('findings'))
        expect(wild.lateElements).toBe(calm.lateElements)
        expect([calm.waiting, wild.waiting]).toEqual([0, 0])
      }),
      { numRuns: runs },
    )
    // The law would hold of a run in which nothing happens.
    expect([...seen.keys()].toSorted()).toEqual(
      [
        'buffered',
        'clocked',
        'clocked-sessions',
        'continuous',
        'counts',
        'evicting',
        'last-two',
        'merged-counts',
        'panes',
        'sessions',
        'timeouts',
      ].toSorted(),
    )
    expect(Math.min(...seen.values())).toBeGreaterThan(runs / 2)
    expect(retractions).toBeGreaterThan(runs)
    expect(late).toBeGreaterThan(runs)
  })

  test('property: a run that goes on from checkpoints ends as one that was never left', async () => {
    await fc.assert(
      fc.asyncProperty(storm, fc.array(fc.nat(200), { maxLength: 4 }), async ({ stormy }, leaves) => {
        const records = lagging(stormy)
        const run = async (isLeft: (index: number) => boolean) => {
          const driver = testDriver(windowTopology())
          pushClock(driver)
          for (const [index, record] of records.entries()) {
            driver.push('chain', record)
            if (isLeft(index)) await driver.restore(await driver.checkpoint())
          }
          return driver
        }
        const at = new Set(leaves.map((leave) => leave % records.length))
        const [whole, left] = [await run(() => false), await run((index) => at.has(index))]
        expect(left.outputs()).toEqual(whole.outputs())
        // State that no trigger or function has asked for since the restore is there, but not in the dump.
        expect(whole.dump()).toMatchObject(left.dump())
        expect(left.lateElements).toBe(whole.lateElements)
      }),
      { numRuns: Math.ceil(runs / 5) },
    )
  })
})
