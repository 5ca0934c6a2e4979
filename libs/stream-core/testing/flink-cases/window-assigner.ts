import {
  assignWindows,
  intersects,
  mergeWindows,
  session,
  SessionGapError,
  sliding,
  tumbling,
  windowStart,
  WindowShapeError,
  type TimeWindow,
  type WindowAssigner,
} from '../../src/index.ts'
import { UndoLog } from '../../src/task/rewind.ts'
import { MergingWindows } from '../../src/operators/merging-windows.ts'
import { expectEqual, unknownStep, type CaseRunner, type FlinkCase } from './case.ts'

type Bounds = readonly [start: number, end: number]
const windowOf = ([start, end]: Bounds): TimeWindow => ({ start, end })
const boundsOf = ({ start, end }: TimeWindow): Bounds => [start, end]

interface AssignerCase extends FlinkCase {
  readonly config: {
    readonly type: string
    readonly size: number
    readonly slide?: number
    readonly offset: number
    readonly gap: number
    readonly stagger?: string
    readonly processingTimeAtFirstElement?: number
  }
  readonly assign: readonly (readonly [timestamp: number, windows: readonly Bounds[], own?: { readonly gap: number }])[]
}

interface Gapped {
  readonly gap: number
}

const assignerOf = ({ config }: AssignerCase): WindowAssigner<Gapped> => {
  const { type, size, slide, offset, gap } = config
  if (config.stagger !== undefined) throw new Error(`Windows are not staggered ("${config.stagger}").`)
  if (type === 'tumbling') return slide === undefined ? tumbling(size, offset) : sliding(size, slide, offset)
  if (type === 'sliding') return sliding(size, slide ?? size, offset)
  if (type === 'session') return session(gap)
  if (type === 'session-dynamic') return session((element: Gapped) => element.gap)
  throw new Error(`There is no assigner "${type}".`)
}

export const runWindowAssigner: CaseRunner<AssignerCase> = (one) => {
  const assigner = assignerOf(one)
  for (const [timestamp, windows, own] of one.assign) {
    const got = assignWindows(assigner, { gap: own?.gap ?? 0 }, timestamp)
    expectEqual(sorted(got.map(boundsOf)), sorted(windows), `windows of ${timestamp}`)
  }
}

/** A set of windows: the cases list them in an order that Flink's tests do not ask for. */
const sorted = (windows: readonly Bounds[]): readonly Bounds[] => [...windows].sort(([a, b], [c, d]) => a - c || b - d)

interface InvalidCase extends FlinkCase {
  readonly config: { readonly type: string }
  readonly invalid: readonly (readonly [number, number?, number?])[]
}

export const runInvalidAssigner: CaseRunner<InvalidCase> = ({ config: { type }, invalid }) => {
  for (const parameters of invalid) {
    const [first, second, third] = parameters
    const create = (): unknown => {
      if (type === 'tumbling') return tumbling(first, second)
      if (type === 'sliding') return sliding(first, second ?? 0, third)
      if (type === 'session') return session(first)
      if (type === 'session-dynamic')
        return assignWindows(
          session((element: Gapped) => element.gap),
          { gap: first },
          0,
        )
      throw new Error(`There is no assigner "${type}".`)
    }
    expectRefused(create, `parameters ${parameters.join(', ')}`)
  }
}

const expectRefused = (create: () => unknown, what: string): void => {
  try {
    create()
  } catch (error) {
    if (error instanceof WindowShapeError || error instanceof SessionGapError) return
    throw error
  }
  throw new Error(`${what}: not refused.`)
}

interface StartCase extends FlinkCase {
  readonly rows: readonly (readonly [timestamp: number, offset: number, size: number, start: number])[]
}

export const runWindowStart: CaseRunner<StartCase> = ({ rows }) => {
  for (const row of rows) {
    const [timestamp, offset, size, start] = row
    expectEqual(windowStart(timestamp, offset, size), start, `window start of ${row.join(', ')}`)
  }
}

interface IntersectCase extends FlinkCase {
  readonly rows: readonly (readonly [a: Bounds, b: Bounds, intersects: boolean])[]
}

export const runWindowIntersect: CaseRunner<IntersectCase> = ({ rows }) => {
  for (const [a, b, expected] of rows) {
    const what = `[${a.join(', ')}) and [${b.join(', ')})`
    expectEqual(intersects(windowOf(a), windowOf(b)), expected, what)
    expectEqual(intersects(windowOf(b), windowOf(a)), expected, what)
  }
}

interface SessionMergeCase extends FlinkCase {
  readonly windows: readonly Bounds[]
  readonly expectedMerges: readonly (readonly [into: Bounds, sources: readonly Bounds[]])[]
}

export const runSessionMerge: CaseRunner<SessionMergeCase> = ({ windows, expectedMerges }) => {
  const got = mergeWindows(windows.map(windowOf))
  const merges = got.map(({ window, sources }) => [boundsOf(window), sorted(sources.map(boundsOf))])
  const expected = expectedMerges.map(([into, sources]) => [into, sorted(sources)])
  expectEqual(merges, expected, 'merges')
}

interface MergingSetCase extends FlinkCase {
  readonly config: { readonly assigner: string }
  readonly steps: readonly (readonly [type: string, window: Bounds, outcome?: unknown])[]
}

interface Outcome {
  readonly result: Bounds
  readonly merged: boolean
  readonly stateWindow?: Bounds
  readonly stateWindowOneOf?: readonly Bounds[]
  readonly sources?: readonly Bounds[]
  readonly mergedStateWindows?: readonly Bounds[]
  readonly mergedStateWindowsCount?: number
}

export const runMergingWindowSet: CaseRunner<MergingSetCase> = ({ config, steps }) => {
  expectEqual(config.assigner, 'session', 'the assigner that this runner knows')
  const set = new MergingWindows(new UndoLog(false))
  for (const step of steps) {
    const [type, bounds, outcome] = step
    if (type === 'retire') set.retire('key', windowOf(bounds))
    else if (type === 'state') {
      const state = set.stateOf('key', windowOf(bounds))
      expectEqual(state === undefined ? null : boundsOf(state), outcome, `state of ${bounds.join(', ')}`)
    } else if (type === 'add') {
      const { window, state, sources, joining } = set.add('key', windowOf(bounds))
      const expected = outcome as Outcome
      const what = `adding ${bounds.join(', ')}`
      expectEqual(boundsOf(window), expected.result, what)
      expectEqual(sources.length > 0, expected.merged, `${what}, merged`)
      expectEqual(set.stateOf('key', window), state, `${what}, state window of the result`)
      if (expected.stateWindow !== undefined) expectEqual(boundsOf(state), expected.stateWindow, `${what}, state`)
      if (expected.stateWindowOneOf?.some(([start, end]) => start === state.start && end === state.end) === false)
        throw new Error(`${what}: the state of ${boundsOf(state).join(', ')} is none of those merged.`)
      if (expected.sources !== undefined)
        expectEqual(sorted(sources.map(boundsOf)), sorted(expected.sources), `${what}, sources`)
      if (expected.mergedStateWindows !== undefined)
        expectEqual(sorted(joining.map(boundsOf)), sorted(expected.mergedStateWindows), `${what}, merged states`)
      if (expected.mergedStateWindowsCount !== undefined)
        expectEqual(joining.length, expected.mergedStateWindowsCount, `${what}, merged states`)
    } else throw unknownStep(step)
  }
}
