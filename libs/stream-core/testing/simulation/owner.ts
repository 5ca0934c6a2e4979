import {
  OffsetOutOfRangeError,
  type EventLog,
  type LogRecord,
  type Position,
  type Producer,
  type Reader,
  type RecordBatch,
  type TopicPartition,
} from '@tocsin/event-log'
import type { AppendFate, SimulatedLog } from '@tocsin/event-log/testing'
import type { EventLoop } from '../../src/index.ts'
import { newMemoryStoreContents, openMemoryStore, type MemoryStoreContents } from '../../src/state/memory-store.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { interposedStore } from '../interposed-store.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a host keeps of a job when its processes are gone, by task. */
export type Disk = Map<string, MemoryStoreContents>

export const diskStore = (disk: Disk, task: string): StateStore => {
  const contents = disk.get(task) ?? newMemoryStoreContents()
  disk.set(task, contents)
  return openMemoryStore(contents)
}

/** What a process lives in, and who decides what befalls it. */
export interface Surroundings {
  readonly time: VirtualTime
  readonly log: SimulatedLog
  readonly random: SeededRandom
  /** Called at each turn; may crash the owner, pause it, or have one of its tasks fail. */
  readonly meet: (owner: Owner, what: string) => void
  /** What becomes of the append that is about to be made. */
  readonly fateOf: () => AppendFate
  /** An append is over, whether its owner will hear of it or not. */
  readonly appended: () => void
  /** Throws where the disk is full. */
  readonly mayWrite: () => void
  readonly note: (owner: Owner, event: string) => void
  readonly count: (what: string) => void
}

const longestTurnMs = 60

/**
 * One process that runs a job. All that it asks of the log, of its disk and of the event loop takes a turn when it is
 * asked and another when it is answered. A process that crashed gets no further turn: what it had asked may have
 * happened, and nothing of it goes on.
 */
export class Owner {
  readonly name: string
  readonly host: number
  readonly stop = new AbortController()
  turns = 0
  /** It takes a savepoint when it has stopped. */
  takesSavepoint = false
  /** Rejects when it crashes. */
  readonly crash = Promise.withResolvers<never>()
  isCrashed = false
  hasEnded = false
  pausedUntil = 0
  /** What is asked next of the log fails with it. */
  failure: Error | null = null
  readonly #around: Surroundings
  readonly #disk: Disk

  constructor(name: string, at: { readonly host: number; readonly disk: Disk; readonly around: Surroundings }) {
    this.name = name
    this.host = at.host
    this.#disk = at.disk
    this.#around = at.around
    this.crash.promise.catch(() => undefined) // who waits for it has it
  }

  get isAlive(): boolean {
    return !this.isCrashed && !this.hasEnded
  }

  async turn(what: string): Promise<void> {
    const { time, meet } = this.#around
    await time.after(this.#turnMs())
    meet(this, what)
    while (this.pausedUntil > time.now) await time.after(this.pausedUntil - time.now)
    if (this.isCrashed) return new Promise(() => undefined)
  }
  /** A turn for the log, which may be out of reach. */
  async #logTurn(what: string): Promise<void> {
    await this.turn(what)
    const { failure } = this
    this.failure = null
    if (failure !== null) throw failure
  }

  /** The way to a service outside, which is away now and then. */
  async reach(): Promise<void> {
    await this.turn('ask the service')
    if (this.#around.random.fraction() < 0.1) throw new Error('The service is away.')
  }

  eventLoop(): EventLoop {
    return {
      turn: () => this.turn('turn'),
      wait: async (ms, signal) => {
        await this.#around.time.after(ms, signal)
        await this.turn('wait')
      },
    }
  }

  /** The store of a task; of a job that is one task, that of ''. */
  store(task = ''): StateStore {
    const store = interposedStore(diskStore(this.#disk, task), ({ meta, cells }, write) =>
      this.#askDisk(`checkpoint ${cells.length} cells`, async () => {
        this.#around.mayWrite()
        await write({ meta, cells })
        this.#around.note(this, `checkpoints ${cells.length} cells`)
      }),
    )
    // oxlint-disable-next-line typescript/no-this-alias -- a generator has its own
    const owner = this
    return {
      ...store,
      writeSpill: (pages) =>
        this.#askDisk(`spill ${pages.size} pages`, async () => {
          this.#around.count('spill')
          await store.writeSpill(pages)
        }),
      readMeta: () => this.#askDisk('read the head of the checkpoint', () => store.readMeta()),
      async *cells(...of) {
        // Nothing befalls it while it writes its savepoint: the file would be left open.
        if (owner.takesSavepoint) {
          yield* store.cells(...of)
          return
        }
        await owner.turn('read cells of the checkpoint')
        yield* store.cells(...of)
        await owner.turn('have read cells of the checkpoint')
      },
    }
  }

  log(): EventLog {
    const { log } = this.#around
    return {
      createTopics: (topics) => this.#ask('create topics', () => log.createTopics(topics)),
      partitions: (topic) => log.partitions(topic),
      offsets: (at) => this.#ask(`ask the offsets of ${nameOf(at)}`, () => log.offsets(at)),
      openProducer: async (id) => {
        const producer = await this.#ask(`open the producer ${id}`, () => log.openProducer(id))
        return this.#producer(producer)
      },
      openReader: async (positions) => this.#reader(positions),
      trim: (at, before) => this.#ask(`trim ${nameOf(at)} below ${before}`, () => log.trim(at, before)),
      close: async () => undefined,
    }
  }

  #producer(producer: Producer): Producer {
    return {
      append: async (records) => {
        const topics = records.map(({ topic, partition }) => nameOf({ topic, partition })).join(' ')
        let fate: AppendFate = 'committed'
        return this.#ask(`append to ${topics}`, async () => {
          fate = this.#around.fateOf()
          this.#around.log.decideAppends(() => fate)
          try {
            return await producer.append(records)
          } finally {
            this.#around.log.decideAppends(() => 'committed')
            this.#around.appended()
            if (fate === 'committed') this.#around.note(this, `commits to ${topics}`)
            else this.#around.note(this, `append: ${fate}`)
          }
        })
      },
      close: () => producer.close(),
    }
  }

  /** Records of each partition come in their order, those of different ones at their own pace. */
  #reader(positions: readonly Position[]): Reader {
    const { log, time, random } = this.#around
    const cursors = positions.map((position) => ({ ...position, isPaused: false, slowness: random.oneOf(slownesses) }))
    const cursorOf = (at: TopicPartition) =>
      cursors.find(({ topic, partition }) => topic === at.topic && partition === at.partition)
    const deliver = async (): Promise<readonly RecordBatch[]> => {
      const batches: RecordBatch[] = []
      for (const cursor of cursors) {
        const { topic, partition, offset } = cursor
        const { beginning, end } = await log.offsets(cursor)
        if (offset < beginning || offset > end)
          throw new OffsetOutOfRangeError({ topic, partition, offset, beginning, end })
        if (cursor.isPaused || offset === end || random.fraction() < cursor.slowness) continue
        const nextOffset = Math.min(end, offset + random.integer(1, random.oneOf([2, 10, 100])))
        const records: readonly LogRecord[] = log.records(cursor).slice(offset - beginning, nextOffset - beginning)
        cursor.offset = nextOffset
        batches.push({ topic, partition, records, nextOffset })
      }
      return batches
    }
    return {
      poll: async (maxWaitMs) => {
        const until = time.now + maxWaitMs
        for (;;) {
          await this.#logTurn('poll')
          const batches = await deliver()
          if (batches.length === 0 && time.now < until) {
            await time.after(Math.min(until - time.now, random.integer(1, 30)))
            continue
          }
          await this.turn('have polled')
          return batches
        }
      },
      seek: (position) => {
        const cursor = cursorOf(position)
        if (cursor !== undefined) cursor.offset = position.offset
      },
      pause: (at) => {
        const cursor = cursorOf(at)
        if (cursor !== undefined) cursor.isPaused = true
      },
      resume: (at) => {
        const cursor = cursorOf(at)
        if (cursor !== undefined) cursor.isPaused = false
      },
      close: async () => undefined,
    }
  }

  async #ask<T>(what: string, effect: () => Promise<T>): Promise<T> {
    await this.#logTurn(what)
    return this.#answer(what, effect)
  }
  async #askDisk<T>(what: string, effect: () => Promise<T>): Promise<T> {
    await this.turn(what)
    return this.#answer(what, effect)
  }
  async #answer<T>(what: string, effect: () => Promise<T>): Promise<T> {
    try {
      return await effect()
    } finally {
      await this.turn(`have done: ${what}`)
    }
  }
  #turnMs(): number {
    const { random } = this.#around
    const dice = random.fraction()
    if (dice < 0.85) return random.integer(0, 2)
    return dice < 0.98 ? random.integer(2, 10) : random.integer(10, longestTurnMs)
  }
}

const slownesses = [0, 0.3, 0.8] as const

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`
