import { EventLogError, ProducerFencedError } from '@tocsin/event-log'
import type { Job } from '../job.ts'
import type { EventLoop } from '../task/event-loop.ts'
import { reasonOf } from '../task/task-runner.ts'
import type { CheckpointReplica } from './checkpoint-replica.ts'
import type { ShardStandby } from './shard-standby.ts'

export type ShardRole = 'active' | 'standby' | 'none'

/** What became of a shard in this process. Durations are for watching. */
export type ShardEvent =
  /** Its tasks are open, and go on where the last owner's commits ended; `fromStandby`: from a copy that was kept here. */
  | { readonly type: 'taken'; readonly shard: number; readonly tookMs: number; readonly fromStandby: boolean }
  /** Its tasks have committed and are closed: the next owner may begin. */
  | { readonly type: 'released'; readonly shard: number; readonly tookMs: number }
  /** Another process had fenced it: its tasks were stopped, and what they had not committed is not theirs to commit. */
  | { readonly type: 'fenced'; readonly shard: number }
  | { readonly type: 'standing-by'; readonly shard: number }
  /** The group has gone on without this process, which joins again as a new member. */
  | { readonly type: 'lost'; readonly shards: readonly number[]; readonly reason: string }
  /** It cannot be taken, or no copy of it kept, for now; or the group cannot be reached. Null: it is over. */
  | { readonly type: 'disturbed'; readonly reason: string | null }

export interface ShardSlotOptions {
  readonly shard: number
  /** Opens its tasks, on copies that were kept here where there are some: those not taken stay the caller's. */
  readonly openTasks: (kept: Map<string, CheckpointReplica>) => Promise<readonly Job[]>
  readonly openStandby: (onReady: () => void) => Promise<ShardStandby>
  readonly clock: () => number
  readonly eventLoop: EventLoop
  readonly onEvent: (event: ShardEvent) => void
  /** What the group was told of this shard is no longer so. */
  readonly onChanged: () => void
  /** It can go on no more, whoever owns it. */
  readonly onFailed: (error: unknown) => void
}

const retryWaitMs = 200
/** Before the group is asked anew about a shard that others fenced: if it is given again, this fences them. */
const fencedWaitMs = 1000

/** One shard in one process: brings what it does here to what it is told to do, one step after the other. */
export class ShardSlot {
  readonly shard: number
  readonly #options: ShardSlotOptions
  #wanted: ShardRole = 'none'
  #role: ShardRole = 'none'
  /** What it runs may be another's by now: it is not to be claimed, and must end even if it is wanted again. */
  #isDisowned = false
  #tasks: readonly Job[] = []
  #ending = new AbortController()
  #running: Promise<unknown> = Promise.resolve()
  #standby: ShardStandby | null = null
  /** Of a standby that ended so that its shard is taken here. */
  #kept = new Map<string, CheckpointReplica>()
  #driving: Promise<void> | null = null
  #lastFailure: string | null = null
  /** Resolved when others may have the shard. */
  #letGo = Promise.withResolvers<void>()
  /** Ends a wait when something else is wanted. */
  #waiting = new AbortController()

  constructor(options: ShardSlotOptions) {
    this.#options = options
    this.shard = options.shard
  }

  get tasks(): readonly Job[] {
    return this.#tasks
  }
  get standby(): ShardStandby | null {
    return this.#standby
  }
  get isActive(): boolean {
    return this.#role === 'active'
  }
  /** What the group is to know: it runs here, or will, or has not yet let go. */
  get isClaimed(): boolean {
    return this.#wanted === 'active' || (this.#role === 'active' && !this.#isDisowned)
  }
  get hasCopy(): boolean {
    return this.#standby !== null || this.#wanted === 'standby'
  }

  want(role: ShardRole): void {
    if (this.#wanted === role) return
    this.#wanted = role
    this.#drive()
  }

  /** Resolves when others may have it, though there may be something left to close. */
  async release(): Promise<void> {
    this.want('none')
    while (this.isClaimed) await this.#letGo.promise
  }

  /** It may be another's by now. */
  disown(): void {
    if (this.#role === 'active') this.#isDisowned = true
    this.#wanted = this.#role === 'standby' ? 'standby' : 'none'
    this.#drive()
  }

  /** Resolves when it does what it was told to. */
  async settled(): Promise<void> {
    while (this.#driving !== null) await this.#driving
  }

  #drive(): void {
    this.#waiting.abort()
    this.#driving ??= this.#goThere().finally(() => {
      this.#driving = null
      if (!this.#isThere) this.#drive() // it was told something else between its last look and now
    })
  }

  get #isThere(): boolean {
    return this.#role === this.#wanted && !this.#isDisowned
  }

  async #goThere(): Promise<void> {
    for (;;) {
      this.#waiting = new AbortController()
      if (this.#wanted !== 'active') await this.#closeKept()
      if (this.#isThere) return
      if (this.#role === 'active') await this.#release()
      else if (this.#role === 'standby') await this.#endStandby()
      else if (this.#wanted === 'active') await this.#take()
      else await this.#standBy()
    }
  }

  async #closeKept(): Promise<void> {
    const kept = this.#kept
    this.#kept = new Map()
    for (const copy of kept.values()) await copy.close()
  }

  async #take(): Promise<void> {
    const { clock, onEvent, openTasks, shard } = this.#options
    const began = clock()
    this.#letGo = Promise.withResolvers()
    this.#role = 'active' // from here on its producers may be this process's
    const fromStandby = this.#kept.size > 0
    try {
      this.#tasks = await openTasks(this.#kept)
    } catch (error) {
      this.#role = 'none'
      this.#isDisowned = false
      this.#letGo.resolve()
      await this.#failed(error)
      // It was claimed while it was tried, and others may wait for it.
      if (this.#wanted !== 'active') this.#options.onChanged()
      return
    } finally {
      await this.#closeKept()
    }
    if (!this.#isDisowned) onEvent({ type: 'taken', shard, tookMs: clock() - began, fromStandby })
    const ending = new AbortController()
    this.#ending = ending
    this.#running = Promise.all(
      this.#tasks.map(async (task) => {
        try {
          await task.run(ending.signal)
        } catch (error) {
          if (!ending.signal.aborted) this.#taskFailed(error)
          ending.abort()
        }
      }),
    )
  }

  #taskFailed(error: unknown): void {
    this.#isDisowned = true
    if (error instanceof ProducerFencedError) this.#fenced()
    else this.#giveBack(error)
    this.#drive()
  }

  /**
   * A task cannot go on here: no room is left on this disk, or it is another's by now, and what it reads was trimmed by
   * that one. If it is given again and fails again with the same words, and these are not of what may pass, it is the job
   * that cannot go on.
   */
  #giveBack(error: unknown): void {
    const { onEvent, onFailed } = this.#options
    const reason = reasonOf(error)
    this.#wanted = 'none'
    if (reason === this.#lastFailure && !mayPass(error)) {
      onFailed(error)
      return
    }
    this.#lastFailure = reason
    onEvent({ type: 'disturbed', reason })
    void this.#tellLater(retryWaitMs)
  }

  async #tellLater(ms: number): Promise<void> {
    await this.#options.eventLoop.wait(ms)
    this.#options.onChanged()
  }

  /** Another process has taken it, so the group knows more than this one; or somebody outside the group has. */
  #fenced(): void {
    const { shard, onEvent } = this.#options
    this.#wanted = 'none'
    onEvent({ type: 'fenced', shard })
    void this.#tellLater(fencedWaitMs)
  }

  async #release(): Promise<void> {
    const { clock, onEvent, onChanged, shard } = this.#options
    const began = clock()
    this.#ending.abort()
    await this.#running
    // All is committed that can be; what is left to do here is of no concern to the next owner, who fences it.
    if (!this.#isDisowned) onEvent({ type: 'released', shard, tookMs: clock() - began })
    this.#isDisowned = true
    this.#letGo.resolve()
    onChanged()
    await Promise.allSettled(this.#tasks.map((task) => task.close()))
    this.#tasks = []
    this.#role = 'none'
    this.#isDisowned = false
  }

  async #standBy(): Promise<void> {
    const { openStandby, onEvent, onChanged, shard } = this.#options
    try {
      this.#standby = await openStandby(() => {
        onEvent({ type: 'standing-by', shard })
        onChanged()
      })
      this.#role = 'standby'
    } catch (error) {
      await this.#failed(error)
    }
  }

  async #endStandby(): Promise<void> {
    const standby = this.#standby
    this.#standby = null
    this.#role = 'none'
    if (standby === null) return
    const copies = await standby.end()
    if (this.#wanted === 'active') this.#kept = copies
    else for (const copy of copies.values()) await copy.close()
  }

  /** What ails the log is tried again a little later, as long as it is wanted: another process fares no better. */
  async #failed(error: unknown): Promise<void> {
    const { eventLoop, onEvent } = this.#options
    if (mayPass(error) && (error instanceof EventLogError || this.#wanted === 'standby')) {
      onEvent({ type: 'disturbed', reason: reasonOf(error) })
      await eventLoop.wait(retryWaitMs, this.#waiting.signal)
      return
    }
    if (error instanceof ProducerFencedError) this.#fenced()
    else this.#giveBack(error)
  }
}

const mayPass = (error: unknown): boolean => error instanceof Error && 'handling' in error && error.handling === 'retry'
