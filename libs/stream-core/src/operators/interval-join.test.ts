import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { outputTag, StreamBuilder, stringKey, TopologyError, type DurationMs, type JoinContext } from '../index.ts'
import { restartSuite } from '../../testing/restart.suite.ts'
import {
  afterHistory,
  forkedHistory,
  sidedCodec,
  sidedDriver,
  sidedHistory,
  type Sided,
  type SidedRecord,
} from '../../testing/sided-history.ts'

interface Bounds {
  readonly lower: DurationMs
  readonly upper: DurationMs
  readonly isLowerExclusive: boolean
  readonly isUpperExclusive: boolean
}
const anyBounds: fc.Arbitrary<Bounds> = fc
  .record({
    lower: fc.integer({ min: -12, max: 12 }),
    // Elements of a wide interval leave some time after they are past.
    width: fc.nat(60),
    isLowerExclusive: fc.boolean(),
    isUpperExclusive: fc.boolean(),
  })
  .map(({ lower, width, isLowerExclusive, isUpperExclusive }) => {
    const least = (isLowerExclusive ? 1 : 0) + (isUpperExclusive ? 1 : 0)
    return { lower, upper: lower + Math.max(width, least), isLowerExclusive, isUpperExclusive }
  })

const lateLeft = outputTag<Sided>('late-left')
const lateRight = outputTag<Sided>('late-right')
const codecs = { left: sidedCodec, right: sidedCodec }
const pairOf = (left: Sided, right: Sided, ctx: JoinContext<string, unknown>) =>
  ctx.emit([left.n, right.n, ctx.key, ctx.leftTimestamp, ctx.rightTimestamp, ctx.timestamp])

const joined = ({ lower, upper, isLowerExclusive, isUpperExclusive }: Bounds) =>
  sidedDriver((left, right) => {
    const between = left.intervalJoin(right).between(lower, upper)
    const above = isLowerExclusive ? between.lowerBoundExclusive() : between
    return (isUpperExclusive ? above.upperBoundExclusive() : above)
      .sideOutputLeftLateData(lateLeft)
      .sideOutputRightLateData(lateRight)
      .process<unknown>('join', codecs, pairOf)
  })

/** Each element with each one before it of the other side, by the definition; an element leaves as Flink's does. */
const byDefinition = (records: readonly SidedRecord[], bounds: Bounds) => {
  const lower = bounds.lower + (bounds.isLowerExclusive ? 1 : 0)
  const upper = bounds.upper - (bounds.isUpperExclusive ? 1 : 0)
  const rest = { left: Math.max(upper, 0), right: Math.max(-lower, 0) }
  const pairs: unknown[] = []
  const late: { left: Sided[]; right: Sided[] } = { left: [], right: [] }
  const known: { readonly value: Sided; readonly at: number }[] = []
  let watermark = -Infinity
  for (const record of records) {
    if (record.type === 'watermark') watermark = record.watermark
    if (record.type !== 'element') continue
    const { value, timestamp: at } = record
    if (at < watermark) {
      late[value.side].push(value)
      continue
    }
    const others = known.filter(
      (other) =>
        other.value.side !== value.side &&
        other.value.key === value.key &&
        watermark < other.at + rest[other.value.side],
    )
    for (const other of others.toSorted((a, b) => a.at - b.at)) {
      const [left, right] = value.side === 'left' ? [{ value, at }, other] : [other, { value, at }]
      if (right.at < left.at + lower || right.at > left.at + upper) continue
      pairs.push([left.value.n, right.value.n, value.key, left.at, right.at, Math.max(left.at, right.at)])
    }
    known.push({ value, at })
  }
  return { pairs, late }
}

/** By Flink's rule the left one leaves at 41, and nobody that comes at 41 meets it; ours is still in the table then. */
const pastAtTheWatermark: readonly SidedRecord[] = [
  { type: 'element', timestamp: 1, value: { side: 'left', key: 'a', n: 1 } },
  { type: 'watermark', watermark: 41 },
  { type: 'element', timestamp: 41, value: { side: 'right', key: 'a', n: 2 } },
  { type: 'watermark', watermark: 1041 },
]

describe('intervalJoin', () => {
  test('property: its pairs and late elements are those of the definition, in order', () => {
    fc.assert(
      fc.property(sidedHistory, anyBounds, (records, between) => {
        const driver = joined(between)
        driver.push('in', ...records)
        const { pairs, late } = byDefinition(records, between)
        expect(driver.deadLetters()).toEqual([])
        expect(driver.outputs().map(({ output }) => output)).toEqual(pairs)
        expect(driver.sideOutput('join', lateLeft).map(({ value }) => value)).toEqual(late.left)
        expect(driver.sideOutput('join', lateRight).map(({ value }) => value)).toEqual(late.right)
        expect(driver.lateElements).toBe(late.left.length + late.right.length)
        expect(driver.dump()).toEqual({})
      }),
      { examples: [[pastAtTheWatermark, { lower: 0, upper: 40, isLowerExclusive: false, isUpperExclusive: false }]] },
    )
  })

  test('property: reverted epochs leave nothing behind', () => {
    fc.assert(
      fc.property(forkedHistory, anyBounds, ({ canonical, stormy }, between) => {
        const create = () => joined(between)
        expect(afterHistory(create, stormy)).toEqual(afterHistory(create, canonical))
      }),
    )
  })

  restartSuite(anyBounds, joined)

  test('error: bounds that no pair can be between', () => {
    const builder = new StreamBuilder({ job: 'job', version: '1' })
    const codec = { decode: (): SidedRecord => ({ type: 'watermark', watermark: 0 }) }
    const keyed = builder
      .source<Sided>('in', { topic: 'in', codec, watermarks: { type: 'in-log' } })
      .keyBy(({ key }) => key, stringKey)
    const join = keyed.intervalJoin(keyed)
    expect(() => join.between(2, 1).process('a', codecs, pairOf)).toThrow(TopologyError)
    expect(() => join.between(1, 1).upperBoundExclusive().process('b', codecs, pairOf)).toThrow(
      'The join "b" is between 1 ms and 1 ms (exclusive): no pair of whole milliseconds is.',
    )
    expect(() => join.between(0, 0.5).process('c', codecs, pairOf)).toThrow(TopologyError)
  })
})
