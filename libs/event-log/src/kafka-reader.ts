import { CorruptBatchError, CorruptRecordsError, LogClosedError, OffsetOutOfRangeError } from './errors.ts'
import type { Position, Reader, ReaderOptions, RecordBatch, TopicPartition } from './event-log.ts'
import type { FetchedPartition } from './fetch-response.ts'
import { brokerAnswered, brokerError, logErrorOf } from './kafka-errors.ts'
import { committedByKafkajs, type KafkaConnection } from './kafka-internals.ts'
import { worksAround } from './kafka-workarounds.ts'
import { committedRecords, decodeRecordBatches } from './record-batch.ts'

interface Cursor extends TopicPartition {
  offset: number
  paused: boolean
  /** Counts seeks and pauses, so that what was fetched for an earlier place is dropped. */
  moves: number
  /** Unknown after the broker refused: looked up before the next fetch. */
  leader: number | undefined
  /** Answers in a row that were corrupt. */
  corrupt: number
}

interface Fetched {
  readonly cursor: Cursor
  readonly moves: number
  /** The offset it was asked from. */
  readonly offset: number
  readonly batch: RecordBatch
}

const DEFAULT_MAX_BYTES = 1024 * 1024
/** The longest that a fetch waits at a broker: a seek or a resume is seen after that at the latest. */
const MAX_FETCH_WAIT_MS = 500
/**
 * Where the last fetch brought nothing, and no partition is paused, the next one waits so long, over the ends of polls,
 * which only look whether it has come back: what comes ends it at once, and an idle reader asks every two seconds however
 * often it is polled. Each time costs our process and the broker some tenth of a millisecond of a core.
 */
const IDLE_FETCH_WAIT_MS = 2000
/** How much longer than its caller asked a poll waits for the answer of a slow network. */
const GRACE_MS = 1000
const PAUSE_AFTER_REFUSAL_MS = 50
/** A bit that fell over on the way is whole at the next try; on the leader's disk it is not. */
const CORRUPT_ATTEMPTS = 3

const OFFSET_OUT_OF_RANGE = 1
/**
 * A reader by direct fetch, on connections of its own. One fetch at a time is under way to each leader, and a poll ends
 * with the first of them that brings something: a quiet broker holds back no other.
 */
export class KafkaReader implements Reader {
  readonly #connection: KafkaConnection
  readonly #cursors: Cursor[]
  readonly #maxBytes: number
  readonly #onClose: () => void
  /** By leader. Each resolves, and never rejects: what failed is left in `#failure`. */
  readonly #fetches = new Map<number, { readonly done: Promise<void>; readonly outlastsPoll: boolean }>()
  /** By topic, under way; as the fetches are. */
  readonly #lookups = new Map<string, Promise<void>>()
  #fetched: Fetched[] = []
  #failure: Error | undefined
  /** The last fetch brought nothing. */
  #isIdle = false
  #turns = 0
  #wakeUp: () => void = () => {}
  #polling = false
  #closed = false

  constructor(
    connection: KafkaConnection,
    positions: readonly Position[],
    options: ReaderOptions,
    onClose: () => void,
  ) {
    this.#connection = connection
    this.#cursors = positions.map((position) => ({
      ...position,
      paused: false,
      moves: 0,
      leader: undefined,
      corrupt: 0,
    }))
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
    this.#onClose = onClose
  }

  async poll(maxWaitMs: number, signal?: AbortSignal): Promise<readonly RecordBatch[]> {
    if (this.#closed) throw new LogClosedError('reader')
    if (this.#polling) throw new Error('assertion: a reader polls once at a time')
    this.#polling = true
    const start = performance.now()
    const leftMs = () => (signal?.aborted === true ? 0 : Math.max(0, maxWaitMs - (performance.now() - start)))
    const wakeUp = () => this.#wakeUp()
    signal?.addEventListener('abort', wakeUp)
    try {
      for (let first = true; ; first = false) {
        const batches = this.#takeFetched()
        if (batches.length > 0) return batches
        this.#throwFailure()
        if (this.#closed || signal?.aborted === true || (!first && leftMs() === 0)) return []
        const woken = new Promise<void>((resolve) => (this.#wakeUp = resolve))
        this.#startLookups()
        this.#startFetches(leftMs())
        const fetches = [...this.#fetches.values()]
        const isAnswerDue = this.#lookups.size > 0 || fetches.some(({ outlastsPoll }) => !outlastsPoll)
        const asked = [...this.#lookups.values(), ...fetches.map(({ done }) => done)]
        await raceTimeout([woken, ...asked], leftMs() + (isAnswerDue ? GRACE_MS : 0))
      }
    } catch (error) {
      if (this.#closed) return []
      throw logErrorOf('reading failed', error)
    } finally {
      signal?.removeEventListener('abort', wakeUp)
      this.#polling = false
    }
  }

  seek({ topic, partition, offset }: Position): void {
    const cursor = this.#cursor({ topic, partition })
    cursor.offset = offset
    cursor.moves++
    this.#wakeUp()
  }

  pause(at: TopicPartition): void {
    const cursor = this.#cursor(at)
    cursor.paused = true
    cursor.moves++
  }

  resume(at: TopicPartition): void {
    this.#cursor(at).paused = false
    this.#wakeUp()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#wakeUp()
    this.#onClose()
    await this.#connection.disconnect()
  }

  /** Who leads the partitions whose leader is not known. A cluster that is slow to say holds back no other partition. */
  #startLookups(): void {
    const topics = this.#cursors.filter(({ paused, leader }) => !paused && leader === undefined)
    for (const { topic } of topics) {
      if (this.#lookups.has(topic)) continue
      const lookup = async () => {
        const leaders = await this.#connection.leaders(topic)
        for (const cursor of this.#cursors) if (cursor.topic === topic) cursor.leader = leaders[cursor.partition]
      }
      this.#lookups.set(
        topic,
        this.#follow(lookup()).finally(() => this.#lookups.delete(topic)),
      )
    }
  }

  #startFetches(leftMs: number): void {
    // One that is resumed must not wait for a fetch that was begun without it.
    const outlastsPoll = this.#isIdle && leftMs > 0 && this.#cursors.every(({ paused }) => !paused)
    const maxWaitMs = outlastsPoll ? IDLE_FETCH_WAIT_MS : Math.min(leftMs, MAX_FETCH_WAIT_MS)
    const byLeader = Map.groupBy(
      this.#cursors.filter(({ paused }) => !paused),
      ({ leader }) => leader,
    )
    for (const [leader, cursors] of byLeader) {
      if (leader === undefined || this.#fetches.has(leader)) continue
      const turn = this.#turns++ % cursors.length
      const turned = [...cursors.slice(turn), ...cursors.slice(0, turn)]
      const fetch = this.#follow(this.#fetch(leader, turned, Math.ceil(maxWaitMs)), () => {
        for (const cursor of turned) cursor.leader = undefined
      })
      this.#fetches.set(leader, { done: fetch.finally(() => this.#fetches.delete(leader)), outlastsPoll })
    }
  }

  /** Never rejects: what failed is for the next poll to throw. */
  async #follow(work: Promise<void>, onFailure: () => void = () => {}): Promise<void> {
    try {
      await work
    } catch (error) {
      onFailure()
      if (!this.#closed) this.#failure ??= logErrorOf('reading failed', error)
    }
  }

  async #fetch(leader: number, cursors: readonly Cursor[], maxWaitMs: number): Promise<void> {
    // As they stand now: a seek while the fetch is under way makes its answer void.
    const asked = cursors.map((cursor) => ({ cursor, moves: cursor.moves, offset: cursor.offset }))
    const limits = { maxWaitMs, maxBytes: this.#maxBytes }
    const positions = asked.map(({ cursor, offset }) => ({ ...cursor, offset }))
    const answers = await this.#connection.fetch(leader, positions, limits)
    let refused = false
    const before = this.#fetched.length
    for (const answer of answers) {
      const question = asked.find(({ cursor }) => isSamePlace(cursor, answer))
      if (question === undefined || question.moves !== question.cursor.moves) continue
      const { cursor, moves, offset } = question
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
        const failure = await this.#outOfRange(cursor, offset, leader)
        if (moves === cursor.moves) this.#failure ??= failure
      } else if (answer.errorCode !== 0) {
        const error = brokerError(answer.errorCode)
        if (error.fate === 'moved') {
          cursor.leader = undefined
          refused = true
        } else this.#failure ??= brokerAnswered(`fetching ${answer.topic}/${answer.partition}`, error)
      } else {
        const batch = this.#batchOf(answer, question)
        if (batch !== undefined && batch.nextOffset > offset) this.#fetched.push({ cursor, moves, offset, batch })
      }
    }
    this.#isIdle = this.#fetched.length === before
    if (refused) await new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_REFUSAL_MS))
  }

  /** Undefined when it was corrupt: it is fetched again. */
  #batchOf(answer: FetchedPartition, { cursor, offset }: Pick<Fetched, 'cursor' | 'offset'>): RecordBatch | undefined {
    try {
      const batch = toBatch(answer, offset)
      cursor.corrupt = 0
      return batch
    } catch (error) {
      if (!(error instanceof CorruptBatchError)) throw error
      cursor.corrupt++
      if (cursor.corrupt < CORRUPT_ATTEMPTS) return undefined
      const { topic, partition, corrupt: attempts } = cursor
      cursor.corrupt = 0
      this.#failure ??= new CorruptRecordsError(
        { topic, partition, offset: error.offset, reason: error.reason, attempts },
        { cause: error },
      )
      return undefined
    }
  }

  async #outOfRange({ topic, partition }: Cursor, offset: number, leader: number): Promise<OffsetOutOfRangeError> {
    const range = await this.#connection.offsets({ topic, partition }, leader)
    return new OffsetOutOfRangeError({ topic, partition, offset, ...range })
  }

  #takeFetched(): readonly RecordBatch[] {
    const fetched = this.#fetched
    this.#fetched = []
    return fetched.flatMap(({ cursor, moves, offset, batch }) => {
      // A seek made it void, or a second fetch had begun before the first was taken.
      if (cursor.moves !== moves || cursor.offset !== offset) return []
      cursor.offset = batch.nextOffset
      return [batch]
    })
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  #cursor(at: TopicPartition): Cursor {
    const cursor = this.#cursors.find((candidate) => isSamePlace(candidate, at))
    if (cursor === undefined) throw new Error(`assertion: the reader was not opened at ${at.topic}/${at.partition}`)
    return cursor
  }
}

/** @throws {CorruptBatchError} @throws {UnsupportedBatchError} */
function toBatch({ topic, partition, batches, aborted }: FetchedPartition, from: number): RecordBatch {
  const decoded = decodeRecordBatches(batches, { isChecked: worksAround('batch-checksum') })
  const filter = worksAround('exact-abort-filter') ? committedRecords : committedByKafkajs
  return { topic, partition, ...filter(decoded, aborted, from) }
}

const isSamePlace = (a: TopicPartition, b: TopicPartition) => a.partition === b.partition && a.topic === b.topic

async function raceTimeout(promises: readonly Promise<void>[], ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([...promises, timeout])
  clearTimeout(timer)
}
