import { jsonStateCodec, outputTag, stringKey, type Timestamp } from '../../src/index.ts'
import { testDriver, type DriverCheckpoint } from '../test-driver.ts'
import { expectEqual, timeOf, unknownStep, type CaseRunner, type CaseTime, type FlinkCase } from './case.ts'
import { probedTopology } from './probed-topology.ts'

type Side = 'left' | 'right'
interface Sided {
  readonly side: Side
  readonly at: CaseTime
}
type Pair = readonly [left: number, right: number]

interface IntervalJoinCase extends FlinkCase {
  readonly config: {
    readonly lower: number
    readonly lowerInclusive: boolean
    readonly upper: number
    readonly upperInclusive: boolean
    readonly lateSideOutput: boolean
  }
  readonly steps: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
  readonly expectedPairs?: readonly Pair[]
  readonly expectedLate?: Readonly<Record<Side, readonly number[]>>
  readonly expectedError?: string
}

interface Joined {
  readonly pair: Pair
  readonly timestamps: readonly [left: Timestamp, right: Timestamp]
}

/** As the conventions say, a `fill` holds whichever side comes first. */
export const runIntervalJoin: CaseRunner<IntervalJoinCase> = async (one) => {
  await run(one, 'left')
  if (one.steps.some(([type]) => type === 'fill')) await run(one, 'right')
}

const run = async (one: IntervalJoinCase, firstSide: Side): Promise<void> => {
  const { lower, lowerInclusive, upper, upperInclusive } = one.config
  const codec = jsonStateCodec<Sided>()
  const late = { left: outputTag<Sided>('left-late'), right: outputTag<Sided>('right-late') }
  const driver = testDriver(
    probedTopology<Sided, Joined>((source) => {
      const of = (side: Side) => source.filter((element) => element.side === side).keyBy(() => 'key', stringKey)
      const between = of('left').intervalJoin(of('right')).between(lower, upper)
      const above = lowerInclusive ? between : between.lowerBoundExclusive()
      const bounded = upperInclusive ? above : above.upperBoundExclusive()
      const tagged = bounded.sideOutputLeftLateData(late.left).sideOutputRightLateData(late.right)
      return (one.config.lateSideOutput ? tagged : bounded).process<Joined>(
        'join',
        { left: codec, right: codec },
        (left, right, ctx) =>
          ctx.emit({
            pair: [Number(left.at), Number(right.at)],
            timestamps: [ctx.leftTimestamp, ctx.rightTimestamp],
          }),
      )
    }),
  )
  const element = (side: Side, at: CaseTime) =>
    driver.push('in', { type: 'element', timestamp: timeOf(at), value: { side, at } })
  // The sides of the topology share a source; what the join hears of is the lower of two watermarks either way.
  const watermarks = { left: -Infinity, right: -Infinity }
  const watermark = (side: Side, at: number) => {
    watermarks[side] = at
    const least = Math.min(watermarks.left, watermarks.right)
    if (Number.isFinite(least)) driver.push('in', { type: 'watermark', watermark: least })
  }
  const outputs = () =>
    driver.outputs().map(({ output }) => output as { readonly value: Joined; readonly timestamp: Timestamp }) // of the probe
  const pairs = () => outputs().map(({ value }) => value.pair)
  const buffer = (side: Side) => {
    const entries = driver.state('join')[`#${side}`]?.['key'] as readonly (readonly [number, unknown])[] | undefined
    return entries?.map(([at]) => at) ?? []
  }
  const sideOf = (value: unknown): Side => {
    if (value !== 'left' && value !== 'right') throw new Error(`There is no side ${String(value)}.`)
    return value
  }

  let seen = 0
  let checkpoint: DriverCheckpoint | undefined
  for (const step of one.steps) {
    const [type, first, second] = step
    if (type === 'fill') {
      for (const side of firstSide === 'left' ? (['left', 'right'] as const) : (['right', 'left'] as const)) {
        for (let at = first as number; at <= (second as number); at += 1) {
          element(side, at)
          watermark(side, at)
        }
      }
    } else if (type === 'el') element(sideOf(first), second as CaseTime)
    else if (type === 'wm') watermark(sideOf(first), second as number)
    else if (type === 'leftBuffer') expectEqual(buffer('left'), first, type)
    else if (type === 'rightBuffer') expectEqual(buffer('right'), first, type)
    else if (type === 'expectPairs') {
      expectEqual(sorted(pairs().slice(seen)), sorted(first as readonly Pair[]), type)
      seen = pairs().length
    } else if (type === 'snapshot') checkpoint = await driver.checkpoint()
    else if (type === 'restore' && checkpoint !== undefined) await driver.restore(checkpoint)
    else throw unknownStep(step)
  }

  // What Flink's cases for the timestamps of pairs assert holds for every pair of every case.
  for (const { value, timestamp } of outputs()) {
    expectEqual(value.timestamps, value.pair, 'timestamps of a pair')
    expectEqual(timestamp, Math.max(...value.pair), 'timestamp of an output')
  }
  if (one.expectedPairs !== undefined) expectEqual(sorted(pairs()), sorted(one.expectedPairs), 'pairs')
  const lates = (side: Side) => driver.sideOutput('join', late[side]).map(({ value }) => value.at)
  if (one.expectedLate !== undefined) {
    expectEqual({ left: lates('left'), right: lates('right') }, one.expectedLate, 'late elements')
  }
  expectEqual(one.config.lateSideOutput, one.expectedLate !== undefined, 'a side output of late elements')
  const codes = driver.deadLetters().map(({ code }) => code)
  expectEqual(
    codes,
    one.expectedError === undefined ? [] : [errors[one.expectedError] ?? one.expectedError],
    'failures',
  )
}

/** The cases say in words what is refused; so it is. */
const errors: Readonly<Record<string, string>> = {
  'an element without a timestamp must be rejected with an error': 'STREAM_NO_TIMESTAMP',
}

const sorted = (list: readonly Pair[]): readonly Pair[] => [...list].sort(([a, b], [c, d]) => a - c || b - d)
