import { jsonStateCodec, lastTimestampOf, stringKey, tumbling, type Timestamp } from '../../src/index.ts'
import { testDriver } from '../test-driver.ts'
import { expectEqual, type CaseRunner, type FlinkCase } from './case.ts'
import { probedTopology, probeOf } from './probed-topology.ts'

/** Its key is its first field, its timestamp the last. */
type Element = readonly [key: string, ...rest: readonly (string | number)[]]
interface Group {
  readonly first: readonly Element[]
  readonly second: readonly Element[]
}

interface WindowedCase extends FlinkCase {
  readonly config: { readonly window: { readonly type: string; readonly size: number }; readonly watermark?: string }
  readonly left: readonly Element[]
  readonly right: readonly Element[]
}
interface CoGroupCase extends WindowedCase {
  readonly expectedGroups: readonly Group[]
}
interface WindowJoinCase extends WindowedCase {
  readonly expectedPairs: readonly (readonly [Element, Element])[]
}

interface Sided {
  readonly side: 'left' | 'right'
  readonly element: Element
}

const timestampOf = (element: Element): Timestamp => Number(element.at(-1))
const codec = jsonStateCodec<Sided>()
const codecs = { left: codec, right: codec }

/** What comes of the two sides, with the last timestamp of the window it came of, which its own must be. */
const run = <Out>(one: WindowedCase, kind: 'coGroup' | 'windowJoin', outputOf: (group: Group) => Out) => {
  const { type, size } = one.config.window
  expectEqual(type, 'tumbling', 'the window that this runner knows')
  const { watermark = 'element ts - 1 after each element, then LONG_MAX at end of input' } = one.config
  expectEqual(watermark, 'element ts - 1 after each element, then LONG_MAX at end of input', 'the watermarks it knows')
  const elementsOf = (sided: readonly Sided[]) => sided.map(({ element }) => element)
  const driver = testDriver(
    probedTopology<Sided, { readonly value: Out; readonly last: Timestamp }>((source) => {
      const of = (side: Sided['side']) =>
        source.filter((sided) => sided.side === side).keyBy(({ element: [key] }) => key, stringKey)
      if (kind === 'coGroup') {
        return of('left')
          .coGroup(of('right'))
          .window(tumbling(size))
          .process('window', codecs, (lefts, rights, window, _key, emit) => {
            const value = outputOf({ first: elementsOf(lefts), second: elementsOf(rights) })
            emit({ value, last: lastTimestampOf(window) })
          })
      }
      return of('left')
        .windowJoin(of('right'))
        .window(tumbling(size))
        .process('window', codecs, (left, right, window, _key, emit) => {
          const value = outputOf({ first: [left.element], second: [right.element] })
          emit({ value, last: lastTimestampOf(window) })
        })
    }),
  )
  // Each side's watermark follows its elements; both sides share a source here, so that follows the lower of the two.
  const take = probeOf<{ readonly value: Out; readonly last: Timestamp }>(driver)
  const sided = (['left', 'right'] as const).flatMap((side) => one[side].map((element): Sided => ({ side, element })))
  const inTime = sided.sort((a, b) => timestampOf(a.element) - timestampOf(b.element))
  for (const value of inTime) {
    const timestamp = timestampOf(value.element)
    driver.push('in', { type: 'element', timestamp, value }, { type: 'watermark', watermark: timestamp - 1 })
  }
  driver.end()
  const outputs = take()
  for (const { value, timestamp } of outputs) expectEqual(timestamp, value.last, 'timestamp of an output')
  expectEqual(driver.lateElements, 0, 'late elements')
  return outputs.map(({ value }) => value.value)
}

const sorted = (values: readonly unknown[]): readonly string[] => values.map((value) => JSON.stringify(value)).sort()

export const runCoGroup: CaseRunner<CoGroupCase> = (one) => {
  const groups = run(one, 'coGroup', (group) => group)
  expectEqual(sorted(groups), sorted(one.expectedGroups), 'groups')
}

export const runWindowJoin: CaseRunner<WindowJoinCase> = (one) => {
  const pairs = run(one, 'windowJoin', ({ first, second }) => [first[0], second[0]])
  expectEqual(sorted(pairs), sorted(one.expectedPairs), 'pairs')
}
