import type { LogRecord } from '@tocsin/event-log'
import fc from 'fast-check'
import type { Defect } from './simulation/defect.ts'
import { faults, type Fault } from './simulation/fault.ts'
import {
  allOutputs,
  verifyExactlyOnce,
  verifyRevisions,
  verifyStanding,
  verifySurvivingState,
} from './simulation/laws.ts'
import {
  chainLogs,
  chainSteps,
  digestTopology,
  findingIdOf,
  priceLog,
  priceSteps,
  readFinding,
  watchAnswers,
  watchTopology,
  type ChainStep,
  type PriceStep,
} from './simulation/market.ts'
import { runPlainly } from './simulation/plain-run.ts'
import {
  BrokenLawError,
  deadLetterTopic,
  describeWeather,
  simulate,
  type JobPace,
  type Workload,
} from './simulation/simulate.ts'

/** What one seed stands for. */
export interface Scenario {
  readonly chain: readonly ChainStep[]
  readonly prices: readonly (readonly PriceStep[])[]
  /** Whether the logs say that nothing follows, and the chain that all of it is final. */
  readonly ends: boolean
  /** Whether the world is asked. */
  readonly asks: boolean
  readonly maxFinishedIds: number
  readonly paces: readonly JobPace[]
  readonly faults: readonly Fault[]
  /** Of latencies and deliveries. */
  readonly seed: number
}

/** What a run was made of, and what came out. */
export interface ScenarioReport {
  /** What happened, one line each. */
  readonly trace: readonly string[]
  /** Events of virtual time. */
  readonly events: number
  /** Faults that met their moment, by kind. */
  readonly met: Readonly<Record<string, number>>
  /** Outputs by what found them, with `reverts`, `retracted`, `dead letters`, `resumptions` and `returns` beside them. */
  readonly covered: Readonly<Record<string, number>>
}

const pace = (shards: fc.Arbitrary<number>): fc.Arbitrary<JobPace> =>
  fc.record({
    commitIntervalMs: fc.constantFrom(0, 5, 25),
    checkpointIntervalMs: fc.constantFrom(0, 20, 100),
    batchSize: fc.integer({ min: 1, max: 12 }),
    // 0: whatever a checkpoint holds is dropped when the next one is due, if it was not used in between.
    memoryBudgetBytes: fc.constantFrom(0, 5000, 512 << 20),
    maxUnfinalizedEpochs: fc.constantFrom(0, 1, 2, 10_000),
    shards,
  })

/**
 * What a scenario is about. Which record of the others precedes the one that ends an input's idleness is in the progress
 * markers alone, and only since the newest checkpoint; what tasks tell each other, and what the world answered, is trimmed
 * below their checkpoints. A job that goes on from an older checkpoint has none of it: so where inputs fall idle, tasks are
 * many or the world is asked, disks last.
 */
const themes = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ mayIdle: false, mayLoseDisk: true, isMany: false }) },
  { weight: 2, arbitrary: fc.constant({ mayIdle: true, mayLoseDisk: false, isMany: false }) },
  { weight: 2, arbitrary: fc.constant({ mayIdle: false, mayLoseDisk: false, isMany: true }) },
)

const scenario: fc.Arbitrary<Scenario> = themes.chain(({ mayIdle, mayLoseDisk, isMany }) =>
  fc.record({
    chain: chainSteps,
    prices: fc.tuple(priceSteps(mayIdle), priceSteps(mayIdle)),
    // How far many tasks come on logs that have not ended is up to each, and each shard of a sink forgets ids of its own.
    ends: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(isMany) }),
    asks: fc.constant(!mayLoseDisk),
    maxFinishedIds: fc.constantFrom(100_000, isMany ? 100_000 : 4),
    paces: fc.tuple(pace(isMany ? fc.integer({ min: 1, max: 3 }) : fc.constant(1)), pace(fc.constant(1))),
    faults: faults({ jobs: 2, mayLoseDisk, isMany }),
    seed: fc.noShrink(fc.nat()),
  }),
)

export const scenarioOf = (seed: number): Scenario => {
  const [first] = fc.sample(scenario, { seed, numRuns: 1 })
  if (first === undefined) throw new Error('A sample of one holds one.')
  return first
}

/** Runs a scenario and holds it to its laws. @throws {BrokenLawError} */
export const runScenario = async (given: Scenario, defect?: Defect): Promise<ScenarioReport> => {
  const { chain, prices, ends, asks, maxFinishedIds } = given
  const { stormy, surviving } = chainLogs(chain, ends)
  const priceLogs = prices.map((steps, partition) => priceLog(partition, steps, ends))
  const workload: Workload = {
    topics: [
      { topic: 'chain', partitions: 1 },
      { topic: 'prices', partitions: priceLogs.length },
      { topic: 'findings', partitions: 3 },
      { topic: 'outcomes', partitions: 1 },
      { topic: 'digest', partitions: 2 },
      { topic: 'peaks', partitions: 2 },
      { topic: deadLetterTopic, partitions: 1 },
    ],
    inputs: [
      { topic: 'chain', partition: 0, records: stormy },
      ...priceLogs.map((records, partition) => ({ topic: 'prices', partition, records })),
    ],
    jobs: [
      {
        name: 'watch',
        topology: (reach) => watchTopology({ maxFinishedIds, asks, ...(reach && { reach }) }),
        answers: watchAnswers,
      },
      { name: 'digest', topology: () => digestTopology({ maxFinishedIds }), answers: {} },
    ],
    idOf: findingIdOf,
  }
  // What a savepoint makes the base of a log that has not ended is not that of a run without one.
  const weather = given.faults.map((fault) =>
    fault.type === 'savepoint' && !ends ? { ...fault, type: 'restart' as const } : fault,
  )
  const run = await simulate(workload, { ...given, faults: weather }, defect)
  const [watched] = await verifyExactlyOnce(workload, run)
  if (watched === undefined) throw new Error('The workload has two jobs.')
  const forgets = maxFinishedIds < allOutputs(watched.outputs).length
  const resumptions = run.jobs.flatMap((job) => job.resumptions)
  if (ends && resumptions.length === 0) {
    const logs: Readonly<Record<string, readonly Uint8Array[]>> = { 'chain/0': surviving }
    const calm = await runPlainly(watchTopology({ maxFinishedIds, asks }), {
      partitions: (topic) => workload.topics.find((one) => one.topic === topic)?.partitions ?? 1,
      records: ({ topic, partition }) =>
        asRecords(logs[`${topic}/${partition}`] ?? (topic === 'prices' ? (priceLogs[partition] ?? []) : [])),
      resumptions: [],
      returns: [],
      answers: watchAnswers,
    })
    verifySurvivingState(watched, calm)
    if (!forgets) verifyStanding(watched, calm, readFinding)
  }
  if (!forgets) verifyRevisions(watched.outputs, readFinding, ends)

  const covered: Record<string, number> = {}
  const cover = (what: string, times = 1) => (covered[what] = (covered[what] ?? 0) + times)
  for (const { id, type } of allOutputs(watched.outputs).map(readFinding)) {
    cover(id.split('-')[0] ?? id)
    if (type === 'retracted') cover('retracted')
  }
  cover('jobs of many tasks', given.paces.filter(({ shards }) => shards > 1).length)
  cover('reverts', chain.filter(({ type }) => type === 'revert').length)
  cover('resumptions', resumptions.length)
  cover('returns', run.jobs.flatMap(({ returns }) => returns).length)
  cover('dead letters', run.log.records({ topic: deadLetterTopic, partition: 0 }).length)
  const { spill = 0, ...met } = run.met
  cover('spills', spill)
  return { trace: run.trace, events: run.events, met, covered }
}

const asRecords = (values: readonly Uint8Array[]): readonly LogRecord[] =>
  values.map((value, offset) => ({ offset, key: null, value }))

/** A seed whose run broke a law, with the smallest scenario found that breaks one too. */
export interface Breach {
  readonly seed: number
  readonly error: Error
  readonly shrunk: Scenario
}

// Each try is a whole run.
const defaultShrinks = 400

/** Runs the scenario of `seed`; if it breaks a law, smaller ones that do are looked for, in `maxShrinks` tries. */
export const runSeed = async (
  seed: number,
  defect?: Defect,
  maxShrinks = defaultShrinks,
): Promise<ScenarioReport | Breach> => {
  try {
    return await runScenario(scenarioOf(seed), defect)
  } catch (error) {
    if (!(error instanceof BrokenLawError)) throw error
    return shrink(seed, error, defect, maxShrinks)
  }
}

const shrink = async (seed: number, error: Error, defect: Defect | undefined, maxShrinks: number): Promise<Breach> => {
  let smallest = { error, shrunk: scenarioOf(seed) }
  let tries = 0
  await fc.check(
    fc.asyncProperty(scenario, async (one) => {
      tries += 1
      if (tries > maxShrinks) return
      try {
        await runScenario(one, defect)
      } catch (found) {
        if (found instanceof Error) smallest = { error: found, shrunk: one }
        throw found
      }
    }),
    { seed, numRuns: 1 },
  )
  return { seed, ...smallest }
}

/** What many runs were made of. */
export interface Tally {
  readonly seeds: number
  readonly events: number
  readonly met: Readonly<Record<string, number>>
  readonly covered: Readonly<Record<string, number>>
}

export const emptyTally: Tally = { seeds: 0, events: 0, met: {}, covered: {} }

export const addToTally = (tally: Tally, { events, met, covered }: ScenarioReport): Tally => ({
  seeds: tally.seeds + 1,
  events: tally.events + events,
  met: sumOf(tally.met, met),
  covered: sumOf(tally.covered, covered),
})

const sumOf = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>) => {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
  return Object.fromEntries(names.map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)]))
}

/** For people: what to do to see it again, what happens in it, and the law that it breaks. */
export const describeBreach = ({ seed, error, shrunk }: Breach): string => {
  const lines = (what: string, steps: readonly unknown[]) => [what, ...steps.map((step) => `  ${JSON.stringify(step)}`)]
  return [
    `SEED=${seed} breaks a law: npm run soak -- stream-core --seed ${seed}`,
    `The smallest scenario found that does (ends: ${shrunk.ends}, ids kept at rest: ${shrunk.maxFinishedIds}):`,
    ...lines('chain', shrunk.chain),
    ...shrunk.prices.flatMap((steps, partition) => lines(`prices/${partition}`, steps)),
    ...describeWeather(shrunk),
    error.message,
  ].join('\n')
}
