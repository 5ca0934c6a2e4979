import fc from 'fast-check'
import {
  jsonStateCodec,
  StreamBuilder,
  stringKey,
  type DataStream,
  type KeyedStream,
  type SinkCodec,
  type SourceCodec,
  type SourceRecord,
  type Timestamp,
} from '../src/index.ts'
import { testDriver, type TestDriver } from './test-driver.ts'

/**
 * Random histories of two kinds of elements, for the laws of operators with two inputs. An element's `n` tells it from
 * all others of its history.
 */
export interface Sided {
  readonly side: 'left' | 'right'
  readonly key: string
  readonly n: number
}
export type SidedRecord = SourceRecord<Sided>

const unread: SourceCodec<never> = {
  decode: () => {
    throw new Error('records are pushed')
  },
}
const written: SinkCodec<unknown> = {
  idOf: (output) => JSON.stringify(output),
  encode: (output) => ({ key: null, value: Buffer.from(JSON.stringify(output)) }),
  outputCodec: jsonStateCodec(),
}
export const sidedCodec = jsonStateCodec<Sided>()

/** A topology from one source, `in`, split by side and keyed, to one sink, `out`. */
export const sidedDriver = (
  of: (left: KeyedStream<string, Sided>, right: KeyedStream<string, Sided>) => DataStream<unknown>,
): TestDriver => {
  const builder = new StreamBuilder({ job: 'sided', version: '1' })
  const source = builder.source<Sided>('in', {
    topic: 'in',
    codec: unread,
    watermarks: { type: 'in-log' },
    epochs: true,
  })
  const keyed = (side: Sided['side']) =>
    source.filter((element) => element.side === side).keyBy(({ key }) => key, stringKey)
  of(keyed('left'), keyed('right')).sinkTo('out', { topic: 'out', codec: written })
  return testDriver(builder.build())
}

type Step =
  | { readonly type: 'element'; readonly side: Sided['side']; readonly key: string; readonly at: Timestamp }
  | { readonly type: 'watermark'; readonly by: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('element' as const),
      side: fc.constantFrom('left' as const, 'right' as const),
      key: fc.constantFrom('a', 'b'),
      // Relative to the watermark: some are late, many share a time.
      at: fc.integer({ min: -6, max: 16 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('watermark' as const), by: fc.nat(9) }) },
)
const steps = fc.array(step, { maxLength: 40 })

const recordsOf = (history: readonly Step[], from: { watermark: Timestamp; n: number }): readonly SidedRecord[] =>
  history.map((one): SidedRecord => {
    if (one.type === 'watermark') {
      from.watermark += one.by
      return { type: 'watermark', watermark: from.watermark }
    }
    from.n += 1
    const { side, key, at } = one
    return { type: 'element', timestamp: from.watermark + at, value: { side, key, n: from.n } }
  })

/** Elements of both sides, some late, with watermarks between them; the last watermark ends all that waits. */
export const sidedHistory: fc.Arbitrary<readonly SidedRecord[]> = steps.map((history) => {
  const from = { watermark: 0, n: 0 }
  return [...recordsOf(history, from), { type: 'watermark', watermark: from.watermark + 1000 }]
})

/** The surviving epochs alone; and with forks between them that are reverted, nested too. Both end at the same place. */
export interface ForkedHistory {
  readonly canonical: readonly SidedRecord[]
  readonly stormy: readonly SidedRecord[]
}

export const forkedHistory: fc.Arbitrary<ForkedHistory> = fc
  .record({
    blocks: fc.array(steps, { minLength: 1, maxLength: 8 }),
    forks: fc.array(
      fc.record({ at: fc.nat(7), depth: fc.nat(5), own: fc.array(steps, { minLength: 1, maxLength: 4 }) }),
      { maxLength: 5 },
    ),
    finality: fc.integer({ min: 1, max: 10 }),
  })
  .map(({ blocks, forks, finality }) => {
    const blockTime = 12
    let forkN = 10_000
    const epoch = (number: number, history: readonly Step[], n: number): readonly SidedRecord[] => {
      const from = { watermark: number * blockTime, n }
      const records = recordsOf(history, from)
      return [...records, { type: 'sealed', epoch: number, watermark: (number + 1) * blockTime }]
    }
    const canonicalEpoch = (number: number) => epoch(number, blocks[number - 1] ?? [], number * 100)
    const canonical: SidedRecord[] = []
    const stormy: SidedRecord[] = []
    let final = 0
    blocks.forEach((_, index) => {
      const number = index + 1
      canonical.push(...canonicalEpoch(number))
      stormy.push(...canonicalEpoch(number))
      for (const { depth, own } of forks.filter(({ at }) => at === index)) {
        const first = number - Math.min(depth, number - final) + 1
        for (let n = number; n >= first; n -= 1) stormy.push({ type: 'reverted', epoch: n })
        own.forEach((history, i) => stormy.push(...epoch(first + i, history, (forkN += 100))))
        for (let n = first + own.length - 1; n >= first; n -= 1) stormy.push({ type: 'reverted', epoch: n })
        for (let n = first; n <= number; n += 1) stormy.push(...canonicalEpoch(n))
      }
      if (number - finality > final) {
        final = number - finality
        stormy.push({ type: 'finalized', epoch: final })
      }
    })
    return { canonical, stormy }
  })

/** What was emitted, in order. */
export const emitted = (driver: TestDriver): readonly unknown[] =>
  driver.outputs('out').flatMap(({ output, transition }) => (transition.type === 'added' ? [output] : []))

/** State, timers and standing outputs after the whole history, then after all has ended. */
export const afterHistory = (create: () => TestDriver, records: readonly SidedRecord[]) => {
  const driver = create()
  driver.push('in', ...records)
  const state = driver.dump()
  const open = [...driver.standing('out').keys()]
  driver.end()
  return { state, open, ended: [...driver.standing('out').keys()], lateElements: driver.lateElements }
}
