import fc from 'fast-check'

/**
 * What befalls a job. `turn` counts what the job's processes have asked of the log, the disk and the event loop, over all
 * of them, and each question twice: when it is asked and when it is answered. `append` and `write` count commits and
 * checkpoints tried.
 */
export type Fault =
  /** The process is gone; the next one, after `downMs`, crashes `again` so many turns into its start, and so on. */
  | {
      readonly type: 'crash'
      readonly job: number
      readonly turn: number
      readonly downMs: number
      readonly again: readonly number[]
      readonly losesDisk: boolean
    }
  /** One task of the process fails, and is opened again while the others go on. */
  | { readonly type: 'task-crash'; readonly job: number; readonly turn: number }
  /** It stands still, and may find itself fenced when it goes on. */
  | { readonly type: 'pause'; readonly job: number; readonly turn: number; readonly ms: number }
  /** A second owner starts, on the other host, while the first still runs. */
  | { readonly type: 'second-owner'; readonly job: number; readonly turn: number }
  /** It is told to stop, and started again. */
  | { readonly type: 'restart'; readonly job: number; readonly turn: number }
  /** It is told to stop, takes a savepoint, and is started again. */
  | { readonly type: 'savepoint'; readonly job: number; readonly turn: number }
  /** The log cannot be reached. */
  | { readonly type: 'log-away'; readonly job: number; readonly turn: number }
  | { readonly type: 'log-full'; readonly job: number; readonly append: number; readonly times: number }
  | { readonly type: 'commit-unknown'; readonly job: number; readonly append: number; readonly isThere: boolean }
  | { readonly type: 'disk-full'; readonly job: number; readonly write: number; readonly times: number }

export interface FaultRange {
  readonly jobs: number
  /** Whether a job may find itself with an older checkpoint, or none. */
  readonly mayLoseDisk: boolean
  /** Whether a job may have several tasks, which then crash one by one too. */
  readonly isMany: boolean
}

const turn = fc.oneof({ weight: 1, arbitrary: fc.nat(20) }, { weight: 4, arbitrary: fc.nat(400) })

export const faults = ({ jobs, mayLoseDisk, isMany }: FaultRange): fc.Arbitrary<readonly Fault[]> => {
  const job = fc.nat(jobs - 1)
  const crash = fc.record({
    type: fc.constant('crash' as const),
    job,
    turn,
    downMs: fc.nat(40),
    again: fc.array(fc.nat(30), { maxLength: 3 }),
    losesDisk: mayLoseDisk ? fc.boolean() : fc.constant(false),
  })
  const others: fc.Arbitrary<Fault>[] = [
    fc.record({ type: fc.constant('pause' as const), job, turn, ms: fc.integer({ min: 1, max: 120 }) }),
    fc.record({ type: fc.constant('restart' as const), job, turn }),
    fc.record({ type: fc.constant('log-away' as const), job, turn }),
    fc.record({
      type: fc.constant('log-full' as const),
      job,
      append: fc.nat(25),
      times: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ type: fc.constant('commit-unknown' as const), job, append: fc.nat(25), isThere: fc.boolean() }),
    fc.record({
      type: fc.constant('disk-full' as const),
      job,
      write: fc.nat(8),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  ]
  if (mayLoseDisk) others.push(fc.record({ type: fc.constant('second-owner' as const), job, turn }))
  // Where the job went back for one is in the progress markers since the newest checkpoint alone. One that has read nothing
  // yet has nothing to save.
  const savepoint = fc.record({
    type: fc.constant('savepoint' as const),
    job,
    turn: fc.noBias(fc.integer({ min: 30, max: 300 })),
  })
  const fault = fc.oneof<[fc.WeightedArbitrary<Fault>, ...fc.WeightedArbitrary<Fault>[]]>(
    { weight: 6, arbitrary: crash },
    { weight: isMany ? 6 : 1, arbitrary: fc.record({ type: fc.constant('task-crash' as const), job, turn }) },
    { weight: mayLoseDisk ? 0 : 3, arbitrary: savepoint },
    ...others.map((arbitrary) => ({ weight: 1, arbitrary })),
  )
  return fc.array(fault, { maxLength: 16, size: 'max' })
}

/** One line, for the trace of a run. */
export const describeFault = (fault: Fault): string => {
  const { type, job, ...rest } = fault
  return `${type} of job ${job}: ${JSON.stringify(rest)}`
}
