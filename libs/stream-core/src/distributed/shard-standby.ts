import type { EventLog } from '@tocsin/event-log'
import type { StateStore } from '../state/state-store.ts'
import type { EventLoop } from '../task/event-loop.ts'
import { CheckpointReplica } from './checkpoint-replica.ts'
import type { CheckpointTopic } from './replicated-store.ts'

const pollWaitMs = 1000
const retryWaitMs = 500

/** What a standby keeps a copy of. */
export interface StandbyTask {
  readonly task: string
  readonly at: CheckpointTopic
  readonly openStore: () => Promise<StateStore>
}

interface Copy {
  readonly task: string
  readonly replica: CheckpointReplica
  /** Records of the topic that it lacks. */
  lag: number
  /** It had all that the topic held. */
  wasReady: boolean
}

/**
 * A second owner of a shard: it keeps the checkpoints of the shard's tasks applied on its own disk, so that to take over
 * is to read what came since the last one.
 */
export class ShardStandby {
  readonly #copies: Copy[] = []
  readonly #ending = new AbortController()
  #following: Promise<unknown> = Promise.resolve()
  #reason: string | null = null

  private constructor() {}

  /** `onReady`: all copies have what the topic held; said once. */
  static async open(options: {
    readonly log: EventLog
    readonly tasks: readonly StandbyTask[]
    readonly eventLoop: EventLoop
    readonly onReady: () => void
  }): Promise<ShardStandby> {
    const { log, tasks, eventLoop, onReady } = options
    const standby = new ShardStandby()
    const opened: StateStore[] = []
    try {
      for (const { task, at, openStore } of tasks) {
        const store = await openStore()
        opened.push(store)
        const replica = await CheckpointReplica.open(log, at, store)
        standby.#copies.push({ task, replica, lag: await replica.lag(), wasReady: false })
      }
    } catch (error) {
      for (const store of opened) await store.close()
      throw error
    }
    standby.#following = Promise.all(
      standby.#copies.map((copy) =>
        standby.#follow(copy, eventLoop, () => {
          if (standby.isReady) onReady()
        }),
      ),
    )
    return standby
  }

  /** The copies are, or were a moment ago, all that the checkpoint topic holds. */
  get isReady(): boolean {
    return this.#copies.every(({ wasReady }) => wasReady)
  }
  /** What the topic holds beyond the copies, in records. */
  get lag(): number {
    return this.#copies.reduce((sum, { lag }) => sum + lag, 0)
  }
  /** Why a copy cannot be kept, as one line; it is tried again. */
  get reason(): string | null {
    return this.#reason
  }

  /** Ends it. @returns the copies, by task, whose readers and stores are the caller's to close from now on. */
  async end(): Promise<Map<string, CheckpointReplica>> {
    this.#ending.abort()
    await this.#following
    return new Map(this.#copies.map(({ task, replica }) => [task, replica]))
  }

  async #follow(copy: Copy, eventLoop: EventLoop, onCaughtUp: () => void): Promise<void> {
    const { replica } = copy
    const { signal } = this.#ending
    while (!signal.aborted) {
      try {
        const wasRead = await replica.read(pollWaitMs, signal)
        if (wasRead || copy.lag > 0) copy.lag = await replica.lag()
        this.#reason = null
        if (copy.lag > 0 || copy.wasReady) continue
        copy.wasReady = true
        onCaughtUp()
      } catch (error) {
        // The log or the disk may be back later; meanwhile there is a standby less, and whoever watches is told.
        this.#reason = error instanceof Error ? error.message : String(error)
        await eventLoop.wait(retryWaitMs, signal)
      }
    }
  }
}
