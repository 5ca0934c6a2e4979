/** Upper bounds of the buckets, ms. */
const bounds = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const

/** Durations in ms, since the task was opened. */
export interface DurationSummary {
  readonly count: number
  readonly sumMs: number
  /** Null before the first. */
  readonly lastMs: number | null
  readonly maxMs: number
  /** How many took at most `leMs`, as in a Prometheus histogram; the rest took longer than the last bound. */
  readonly buckets: readonly { readonly leMs: number; readonly count: number }[]
}

export class Durations {
  readonly #counts = bounds.map(() => 0)
  #count = 0
  #sumMs = 0
  #lastMs: number | null = null
  #maxMs = 0

  record(ms: number): void {
    this.#count += 1
    this.#sumMs += ms
    this.#lastMs = ms
    this.#maxMs = Math.max(this.#maxMs, ms)
    const bucket = bounds.findIndex((bound) => ms <= bound)
    if (bucket !== -1) this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
  }

  summary(): DurationSummary {
    let count = 0
    const buckets = bounds.map((leMs, index) => ({ leMs, count: (count += this.#counts[index] ?? 0) }))
    return { count: this.#count, sumMs: this.#sumMs, lastMs: this.#lastMs, maxMs: this.#maxMs, buckets }
  }
}

/** What a task does with its time. Source: Flink's busyTimeMsPerSecond, idleTime… and backPressuredTimeMsPerSecond. */
export type TimeUse = 'busy' | 'idle' | 'backPressured'

/** Ms of each second; together about 1,000. */
export interface TimeShares {
  /** It folds, or encodes a checkpoint. */
  readonly busyTimeMsPerSecond: number
  /** It waits for records, or has given others their turn. */
  readonly idleTimeMsPerSecond: number
  /** It waits for the log to take what it wrote, or to be within reach again. */
  readonly backPressuredTimeMsPerSecond: number
}

/** Over so long a share is measured. */
const windowMs = 1000

/** Keeps account of a task's time: a look at the clock whenever it changes what it does. */
export class TimeAccount {
  readonly #clock: () => number
  #use: TimeUse = 'idle'
  #since: number
  #began: number
  readonly #spent: Record<TimeUse, number> = { busy: 0, idle: 0, backPressured: 0 }
  #shares: TimeShares | null = null

  constructor(clock: () => number) {
    this.#clock = clock
    this.#since = this.#began = clock()
  }

  /** From now on time goes into `use`. @returns what it went into until now */
  spendOn(use: TimeUse): TimeUse {
    const before = this.#use
    this.#settle()
    this.#use = use
    return before
  }

  /** Of the last whole second or so; until there is one, of the time so far. */
  shares(): TimeShares {
    this.#settle()
    return this.#shares ?? this.#sharesOf(this.#since - this.#began)
  }

  #settle(): void {
    const now = this.#clock()
    this.#spent[this.#use] += now - this.#since
    this.#since = now
    const span = now - this.#began
    if (span < windowMs) return
    this.#shares = this.#sharesOf(span)
    this.#began = now
    for (const use of ['busy', 'idle', 'backPressured'] as const) this.#spent[use] = 0
  }

  #sharesOf(span: number): TimeShares {
    const { busy, idle, backPressured } = this.#spent
    const perSecond = (ms: number) => (span === 0 ? 0 : Math.round((1000 * ms) / span))
    return {
      busyTimeMsPerSecond: perSecond(busy),
      idleTimeMsPerSecond: perSecond(idle),
      backPressuredTimeMsPerSecond: perSecond(backPressured),
    }
  }
}

/** Of several tasks, as if one had done all of it; the last is the first task's that has one. */
export const mergedDurations = (all: readonly DurationSummary[]): DurationSummary => ({
  count: all.reduce((sum, { count }) => sum + count, 0),
  sumMs: all.reduce((sum, { sumMs }) => sum + sumMs, 0),
  lastMs: all.find(({ lastMs }) => lastMs !== null)?.lastMs ?? null,
  maxMs: Math.max(0, ...all.map(({ maxMs }) => maxMs)),
  buckets: bounds.map((leMs, index) => ({
    leMs,
    count: all.reduce((sum, { buckets }) => sum + (buckets[index]?.count ?? 0), 0),
  })),
})
