import type { SeededRandom } from '@tocsin/stream-core/testing'

/** The processes of a cluster that are ours. */
export const roles = ['ingest', 'detect-1', 'detect-2', 'serve'] as const
export type Role = (typeof roles)[number]

export const detectors = ['detect-1', 'detect-2'] as const satisfies readonly Role[]
/** The commands whose processes write to the log, in transactions. */
type Writer = 'ingest' | 'detect'
/** Who keeps something on a disk: a detector its state, the API its database. */
export type DiskOwner = (typeof detectors)[number] | 'serve'

/** What is done to a cluster. Spans are in ms. */
export type Fault =
  /** `kill -9`; then it is started again. */
  | { readonly type: 'kill'; readonly role: Role }
  /** SIGTERM; then it is started again. */
  | { readonly type: 'terminate'; readonly role: Role }
  /** SIGSTOP and SIGCONT. */
  | { readonly type: 'pause'; readonly role: Role; readonly ms: number }
  /** SIGSTOP; another one takes over; then SIGCONT. */
  | { readonly type: 'zombie'; readonly role: Exclude<Role, 'serve'> }
  /** The disk of its state, or of its database, takes nothing more: checkpoints fail, and so does what is stored. */
  | { readonly type: 'disk full'; readonly role: DiskOwner; readonly ms: number }
  | { readonly type: 'kill postgres' }
  | { readonly type: 'restart broker'; readonly signal: 'SIGTERM' | 'SIGKILL' }
  | { readonly type: 'pause broker'; readonly ms: number }
  /** Its disk takes nothing more: it gives up its log, and ends. Then there is space again, and it is started. */
  | { readonly type: 'broker disk full' }
  /** All connections between clients and broker. */
  | { readonly type: 'cut' }
  /** The next commit is carried out, and its answer is lost. */
  | { readonly type: 'cut commit' }
  /** The broker never hears of the next commit of such a process: who takes over, or itself anew, has what it wrote aborted. */
  | { readonly type: 'cut before commit'; readonly command: Writer }
  /** Each message takes so much longer. */
  | { readonly type: 'delay'; readonly latencyMs: number; readonly ms: number }

type Draw = (random: SeededRandom) => Fault

const killed =
  (role: Role): Draw =>
  () => ({ type: 'kill', role })
const paused =
  (role: Role): Draw =>
  (random) => ({ type: 'pause', role, ms: random.integer(50, 3_000) })
const cutCommit: Draw = () => ({ type: 'cut commit' })
const cutBeforeCommit =
  (command: Writer): Draw =>
  () => ({ type: 'cut before commit', command })
const cut: Draw = () => ({ type: 'cut' })

/** One of each, and more of what costs little time and is likely to hit a transaction. */
const deck: readonly Draw[] = [
  ...roles.map(killed),
  killed('ingest'),
  ...roles.map(paused),
  (random) => ({ type: 'terminate', role: random.oneOf(detectors) }),
  (random) => ({ type: 'terminate', role: random.oneOf(['ingest', 'serve']) }),
  () => ({ type: 'zombie', role: 'ingest' }),
  (random) => ({ type: 'zombie', role: random.oneOf(detectors) }),
  (random) => ({ type: 'disk full', role: random.oneOf(detectors), ms: random.integer(500, 3_000) }),
  (random) => ({ type: 'disk full', role: 'serve', ms: random.integer(500, 3_000) }),
  () => ({ type: 'kill postgres' }),
  () => ({ type: 'restart broker', signal: 'SIGTERM' }),
  () => ({ type: 'restart broker', signal: 'SIGKILL' }),
  (random) => ({ type: 'pause broker', ms: random.integer(50, 3_000) }),
  cut,
  cut,
  cut,
  cutCommit,
  cutCommit,
  cutBeforeCommit('ingest'),
  cutBeforeCommit('ingest'),
  cutBeforeCommit('detect'),
  (random) => ({ type: 'delay', latencyMs: random.integer(5, 100), ms: random.integer(200, 3_000) }),
]

/**
 * Only if asked for, as one broker has no second copy of what its disk did not take: one was seen to have completed a
 * transaction in its own state whose commit marker a partition then did not hold, so that nobody could read on behind it.
 */
const brokerDiskFull: Draw = () => ({ type: 'broker disk full' })

/** So many faults: each kind comes before one comes again, in an order that the seed decides. */
export function planFaults(random: SeededRandom, count: number, brokerDisk = false): readonly Fault[] {
  const plan: Fault[] = []
  let left: Draw[] = []
  while (plan.length < count) {
    if (left.length === 0) left = brokerDisk ? [...deck, brokerDiskFull] : [...deck]
    const [draw] = left.splice(random.integer(0, left.length - 1), 1)
    if (draw !== undefined) plan.push(draw(random))
  }
  return plan
}

/** For people: `pause ingest 900 ms`. */
export const describeFault = (fault: Fault): string => {
  switch (fault.type) {
    case 'kill':
    case 'terminate':
    case 'zombie':
      return `${fault.type} ${fault.role}`
    case 'pause':
    case 'disk full':
      return `${fault.type} ${fault.role} ${fault.ms} ms`
    case 'pause broker':
      return `${fault.type} ${fault.ms} ms`
    case 'restart broker':
      return `restart broker ${fault.signal}`
    case 'cut before commit':
      return `cut before commit of ${fault.command}`
    case 'delay':
      return `delay by ${fault.latencyMs} ms for ${fault.ms} ms`
    case 'kill postgres':
    case 'broker disk full':
    case 'cut':
    case 'cut commit':
      return fault.type
  }
}
