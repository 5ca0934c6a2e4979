import {
  aggregatingState,
  jsonStateCodec,
  listState,
  mapState,
  numberCodec,
  reducingState,
  stringKey,
  valueState,
  type AggregateFunction,
  type KeyedContext,
  type StateOptions,
} from '../../src/index.ts'
import { testDriver, type DriverCheckpoint } from '../test-driver.ts'
import {
  expectEqual,
  timeOf,
  ttlVariants,
  unknownStep,
  type CaseRunner,
  type CaseTime,
  type FlinkCase,
} from './case.ts'
import { probedTopology, probeOf } from './probed-topology.ts'

interface TtlCase extends FlinkCase {
  readonly config: {
    readonly ttlMs: CaseTime
    readonly update: string
    readonly visibility: string
    readonly keyMeans?: string
    readonly cleanup?: string
  }
  readonly steps: readonly (readonly [type: string, ...rest: readonly unknown[]])[]
}

type Context = KeyedContext<string, unknown>

/** A state as a case uses it: what it is given, and what a read of it shows. */
interface Subject {
  readonly update: (ctx: Context, value: unknown) => void
  readonly read: (ctx: Context) => unknown
}

/** Flink's: sums up from 3 and gives the sum as text. */
const sumFromThree: AggregateFunction<number, number, string> = {
  createAccumulator: () => 3,
  add: (value, sum) => sum + value,
  merge: (a, b) => a + b,
  getResult: String,
}

const json = jsonStateCodec<unknown>()

/** The kinds of state that Flink runs each case for. */
const subjects: Readonly<Record<string, (options: StateOptions) => Subject>> = {
  value: (options) => {
    const state = valueState('subject', json, options)
    return {
      update: (ctx, value) => (ctx.state(state).value = value),
      read: (ctx) => ctx.state(state).value ?? null,
    }
  },
  list: (options) => {
    const state = listState('subject', json, options)
    return {
      update: (ctx, values) => ctx.state(state).replace(values as readonly unknown[]),
      read: (ctx) => ctx.state(state).get(),
    }
  },
  'map-all-entries': (options) => {
    const state = mapState('subject', stringKey, json, options)
    return {
      update: (ctx, values) => {
        for (const [key, value] of Object.entries(values as object)) ctx.state(state).set(key, value)
      },
      read: (ctx) => Object.fromEntries([...ctx.state(state)].sort(([a], [b]) => Number(a) - Number(b))),
    }
  },
  'map-one-entry': (options) => {
    const state = mapState('subject', stringKey, json, options)
    return {
      update: (ctx, value) => ctx.state(state).set('1', value),
      read: (ctx) => ctx.state(state).get('1') ?? null,
    }
  },
  aggregating: (options) => {
    const state = aggregatingState('subject', sumFromThree, numberCodec, options)
    return {
      update: (ctx, value) => ctx.state(state).add(value as number),
      read: (ctx) => ctx.state(state).get() ?? null,
    }
  },
  reducing: (options) => {
    const state = reducingState<number>('subject', (a, b) => a + b, numberCodec, options)
    return {
      update: (ctx, value) => ctx.state(state).add(value as number),
      read: (ctx) => ctx.state(state).get() ?? null,
    }
  },
}
interface Command {
  readonly key: string
  readonly update?: unknown
}

const topologyOf = (create: (options: StateOptions) => Subject, options: StateOptions) => {
  const subject = create(options)
  return probedTopology<Command, unknown>(
    (source) =>
      source
        .keyBy(({ key }) => key, stringKey)
        .process('subject', {
          processElement: (command, ctx) => {
            if (command.update !== undefined) subject.update(ctx, command.update)
            else ctx.emit(subject.read(ctx))
          },
        }),
    // An access at t is an element of t, after which time stands at t.
    { type: 'ascending' },
  )
}

const optionsOf = ({ config }: TtlCase): StateOptions => {
  const { ttlMs, update, visibility, keyMeans = 'namespace', cleanup = 'full-snapshot' } = config
  expectEqual([keyMeans, cleanup], ['namespace', 'full-snapshot'], 'what this runner knows')
  const updates = { OnCreateAndWrite: 'create-and-write', OnReadAndWrite: 'read-and-write' } as const
  const visibilities = {
    NeverReturnExpired: 'never-return-expired',
    ReturnExpiredIfNotCleanedUp: 'return-expired-if-not-cleaned-up',
  } as const
  const byName = <T>(names: Readonly<Record<string, T>>, name: string): T => {
    const found = names[name]
    if (found === undefined) throw new Error(`There is no ${name}.`)
    return found
  }
  return { ttl: timeOf(ttlMs), update: byName(updates, update), visibility: byName(visibilities, visibility) }
}

/** The clock of these cases is event time, which is what our TTLs go by; each case runs for each kind of state. */
export const runTtl: CaseRunner<TtlCase> = async (one) => {
  for (const [name, create] of Object.entries(subjects)) {
    const variant = ttlVariants[name]
    if (variant === undefined) throw new Error(`There is no variant "${name}".`)
    await runVariant(one, create, variant, name)
  }
}

const runVariant = async (
  one: TtlCase,
  create: (options: StateOptions) => Subject,
  variant: Readonly<Record<string, unknown>>,
  name: string,
): Promise<void> => {
  const options = optionsOf(one)
  let driver = testDriver(topologyOf(create, options))
  let take = probeOf<unknown>(driver)
  let now = 0
  let key = 'id'
  let checkpoint: DriverCheckpoint | undefined
  let failure: unknown
  const push = (command: Command) => driver.push('in', { type: 'element', timestamp: now, value: command })
  const valueOf = (of: unknown): unknown => {
    const value = variant[String(of)]
    if (value === undefined) throw new Error(`There is no value "${String(of)}".`)
    // `getA` of a map is what `A` put in.
    return typeof value === 'string' && /^[ABC]$/.test(value) ? variant[value] : value
  }
  for (const [index, step] of one.steps.entries()) {
    const [type, first] = step
    const what = `${name}, step ${index}`
    if (type === 't') now = first as number
    else if (type === 'key') key = String(first)
    else if (type === 'update') push({ key, update: valueOf(first) })
    else if (type === 'expect') {
      push({ key })
      expectEqual(
        take().map(({ value }) => value),
        [valueOf(first)],
        what,
      )
    } else if (type === 'rawCleared') {
      expectEqual(driver.state('subject')['subject']?.[key] === undefined, first, `${what}, cleared`)
    } else if (type === 'snapshot' || type === 'snapshotRestore') {
      // A snapshot of the full state leaves out what has expired by now: time stands there already.
      if (one.config.cleanup !== undefined) driver.push('in', { type: 'watermark', watermark: now - 1 })
      checkpoint = await driver.checkpoint()
      if (type === 'snapshotRestore') await driver.restore(checkpoint)
    } else if (type === 'restore' && checkpoint !== undefined) await driver.restore(checkpoint)
    else if (type === 'restoreAs' && first === 'no-ttl' && checkpoint !== undefined) {
      try {
        driver = testDriver(topologyOf(create, {}))
        take = probeOf<unknown>(driver)
        await driver.restore(checkpoint)
        push({ key })
        take()
      } catch (error) {
        failure = error
      }
    } else if (type === 'expectError') {
      const code = failure instanceof Error && 'code' in failure ? failure.code : undefined
      expectEqual(code, errors[String(first)] ?? first, what)
    } else throw unknownStep(step)
  }
}

/** The case says in words what is refused; so it is. */
const errors: Readonly<Record<string, string>> = { 'incompatible state schema': 'STREAM_STATE_TTL_MISMATCH' }
