import { isAscii } from 'node:buffer'
import { once } from 'node:events'
import type { MessagePort } from 'node:worker_threads'
import * as errors from './errors.ts'
import type {
  EventLog,
  LogRecord,
  NewRecord,
  Position,
  Producer,
  Reader,
  ReaderOptions,
  RecordBatch,
  TopicPartition,
  TopicSpec,
} from './event-log.ts'
import { RecordView, Stretch } from './record-view.ts'

/**
 * A log that another thread of this process has open: the embedded log can be opened once, but tasks run in many threads.
 * `serveLog(log, port)` answers at one end of a MessageChannel, `logOverPort(port)` asks at the other. Records cross as
 * one block of bytes a message, handed over and not copied.
 */
export const logOverPort = (port: MessagePort): EventLog => new PortLog(port)

/** Lengths of key (-1: none) and value of each record, and their bytes one after the other. */
interface Packed {
  readonly lengths: readonly number[]
  readonly bytes: Uint8Array<ArrayBuffer>
}
interface PackedBatch extends Packed, TopicPartition {
  readonly offsets: readonly number[]
  readonly nextOffset: number
  /** Seeks and pauses that the reader had been told of before. */
  readonly moves: number
}

type Request =
  | { readonly type: 'createTopics'; readonly topics: readonly TopicSpec[] }
  | { readonly type: 'partitions'; readonly topic: string }
  | { readonly type: 'offsets'; readonly at: TopicPartition }
  | { readonly type: 'trim'; readonly at: TopicPartition; readonly before: number }
  | { readonly type: 'openProducer'; readonly transactionalId: string }
  | {
      readonly type: 'append'
      readonly handle: number
      readonly at: readonly TopicPartition[]
      readonly packed: Packed
    }
  | { readonly type: 'openReader'; readonly positions: readonly Position[]; readonly options: ReaderOptions }
  | { readonly type: 'poll'; readonly handle: number; readonly maxWaitMs: number }
  | { readonly type: 'endPoll'; readonly handle: number }
  | { readonly type: 'seek'; readonly handle: number; readonly position: Position }
  | { readonly type: 'pause' | 'resume'; readonly handle: number; readonly at: TopicPartition }
  | { readonly type: 'close'; readonly handle: number }

/** What is left of an error when it crosses: its class by name, and what it says. */
interface ErrorParts {
  readonly name: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}
type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: ErrorParts }

const pack = (records: readonly Pick<LogRecord, 'key' | 'value' | 'size'>[]): Packed => {
  const size = records.reduce(
    (sum, record) => sum + (record.key?.length ?? 0) + (record.size ?? record.value.length),
    0,
  )
  const bytes = new Uint8Array(size)
  const lengths: number[] = []
  let at = 0
  for (const { key, value } of records) {
    lengths.push(key === null ? -1 : key.length, value.length)
    if (key !== null) bytes.set(key, at)
    at += key?.length ?? 0
    bytes.set(value, at)
    at += value.length
  }
  return { lengths, bytes }
}

const unpack = ({ lengths, bytes }: Packed): { readonly key: Uint8Array | null; readonly value: Uint8Array }[] => {
  const records = []
  let at = 0
  const take = (length: number) => bytes.subarray(at, (at += length))
  for (let index = 0; index < lengths.length; index += 2) {
    const keyLength = lengths[index] ?? -1
    const key = keyLength === -1 ? null : take(keyLength)
    records.push({ key, value: take(lengths[index + 1] ?? 0) })
  }
  return records
}

/** As `unpack`, of records that were read: most are read as text or not at all. */
const unpackRead = ({ lengths, bytes, offsets }: PackedBatch): readonly LogRecord[] => {
  const stretch = new Stretch(bytes, isAscii(bytes) ? 0 : Infinity)
  let at = 0
  return offsets.map((offset, index) => {
    const keyLength = lengths[2 * index] ?? -1
    const key = keyLength === -1 ? null : bytes.subarray(at, at + keyLength)
    const start = at + Math.max(keyLength, 0)
    at = start + (lengths[2 * index + 1] ?? 0)
    return new RecordView(offset, key, stretch, start, at)
  })
}

const partsOf = (error: unknown): ErrorParts => {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), fields: {} }
  const fields = Object.fromEntries(Object.entries(error).filter(([, field]) => typeof field === 'string'))
  return { name: error.constructor.name, message: error.message, fields }
}

/** An error of the same class, as the loops that decide by it expect. */
const revived = ({ name, message, fields }: ErrorParts): Error => {
  const classes: Readonly<Record<string, unknown>> = errors
  const known = classes[name]
  const error = new Error(message)
  if (typeof known === 'function') Object.setPrototypeOf(error, known.prototype as object) // a class of errors.ts
  return Object.assign(error, fields)
}

/** Answers until the other end closes the port or `close` is called; then ends what the other end had opened. */
export const serveLog = (log: EventLog, port: MessagePort): { close(): Promise<void> } => {
  const producers = new Map<number, Producer>()
  const readers = new Map<
    number,
    { readonly reader: Reader; readonly moves: Map<string, number>; polling: AbortController }
  >()
  let handles = 0

  const readerOf = (handle: number) => {
    const served = readers.get(handle)
    if (served === undefined) throw new errors.LogClosedError('reader')
    return served
  }
  const countMove = (handle: number, at: TopicPartition): Reader => {
    const { reader, moves } = readerOf(handle)
    moves.set(nameOf(at), (moves.get(nameOf(at)) ?? 0) + 1)
    return reader
  }
  const answer = async (request: Request): Promise<unknown> => {
    switch (request.type) {
      case 'createTopics':
        return log.createTopics(request.topics)
      case 'partitions':
        return log.partitions(request.topic)
      case 'offsets':
        return log.offsets(request.at)
      case 'trim':
        return log.trim(request.at, request.before)
      case 'openProducer':
        producers.set((handles += 1), await log.openProducer(request.transactionalId))
        return handles
      case 'append': {
        const producer = producers.get(request.handle)
        if (producer === undefined) throw new errors.LogClosedError('producer')
        const { at } = request
        const records = unpack(request.packed).flatMap((record, index): NewRecord[] => {
          const to = at[index]
          return to === undefined ? [] : [{ ...to, ...record }]
        })
        return producer.append(records)
      }
      case 'openReader': {
        const reader = await log.openReader(request.positions, request.options)
        readers.set((handles += 1), { reader, moves: new Map(), polling: new AbortController() })
        return handles
      }
      case 'poll': {
        const served = readerOf(request.handle)
        const { reader, moves } = served
        served.polling = new AbortController()
        const batches = await reader.poll(request.maxWaitMs, served.polling.signal)
        return batches.map(({ topic, partition, records, nextOffset }): PackedBatch => {
          const offsets = records.map(({ offset }) => offset)
          const at = { topic, partition }
          return { ...at, ...pack(records), offsets, nextOffset, moves: moves.get(nameOf(at)) ?? 0 }
        })
      }
      case 'endPoll':
        readerOf(request.handle).polling.abort()
        return null
      case 'seek':
        countMove(request.handle, request.position).seek(request.position)
        return null
      case 'pause':
        countMove(request.handle, request.at).pause(request.at)
        return null
      case 'resume':
        countMove(request.handle, request.at).resume(request.at)
        return null
      case 'close': {
        const { handle } = request
        await producers.get(handle)?.close()
        await readers.get(handle)?.reader.close()
        producers.delete(handle)
        readers.delete(handle)
        return null
      }
    }
  }
  const send = (message: Answer): void => {
    const { value } = 'value' in message ? message : { value: null }
    const blocks = Array.isArray(value)
      ? (value as { bytes?: Uint8Array<ArrayBuffer> }[]).map((one) => one.bytes?.buffer)
      : []
    port.postMessage(
      message,
      blocks.filter((block) => block !== undefined),
    )
  }
  const serve = async ({ id, request }: { readonly id: number; readonly request: Request }): Promise<void> => {
    try {
      send({ id, value: await answer(request) })
    } catch (error) {
      send({ id, error: partsOf(error) })
    }
  }
  port.on('message', (message: { readonly id: number; readonly request: Request }) => void serve(message))
  const end = async (): Promise<void> => {
    await Promise.all(
      [...producers.values(), ...[...readers.values()].map(({ reader }) => reader)].map((one) => one.close()),
    )
    producers.clear()
    readers.clear()
  }
  port.once('close', () => void end())
  return {
    async close() {
      await end()
      port.close()
    },
  }
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`

/** Asks at one end of the port; answers come in any order. */
class PortCalls {
  readonly #port: MessagePort
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #calls = 0
  #isClosed = false
  /** By this end, and not because the other end is gone. */
  wasClosedHere = false

  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if ('error' in answer) waiting?.reject(revived(answer.error))
      else waiting?.resolve(answer.value)
    })
    port.once('close', () => this.#end())
  }

  /** The answer is what `serveLog` gives to a request of that type. */
  ask<Value>(request: Request, handedOver: readonly ArrayBuffer[] = []): Promise<Value> {
    if (this.#isClosed) return Promise.reject(new errors.LogClosedError('log'))
    const id = (this.#calls += 1)
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    this.#port.postMessage({ id, request }, [...handedOver])
    return answer as Promise<Value>
  }
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.wasClosedHere = true
    this.#end()
    const closed = once(this.#port, 'close')
    this.#port.close()
    await closed
  }
  #end(): void {
    this.#isClosed = true
    for (const call of this.#waiting.values()) call.reject(new errors.LogClosedError('log'))
    this.#waiting.clear()
  }
}

class PortLog implements EventLog {
  readonly #calls: PortCalls

  constructor(port: MessagePort) {
    this.#calls = new PortCalls(port)
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<void> {
    await this.#calls.ask({ type: 'createTopics', topics })
  }
  partitions(topic: string): Promise<number> {
    return this.#calls.ask({ type: 'partitions', topic })
  }
  offsets({ topic, partition }: TopicPartition): Promise<{ readonly beginning: number; readonly end: number }> {
    return this.#calls.ask({ type: 'offsets', at: { topic, partition } })
  }
  async openProducer(transactionalId: string): Promise<Producer> {
    return new PortProducer(this.#calls, await this.#calls.ask({ type: 'openProducer', transactionalId }))
  }
  async openReader(positions: readonly Position[], options: ReaderOptions = {}): Promise<Reader> {
    const handle = await this.#calls.ask<number>({ type: 'openReader', positions, options })
    return new PortReader(this.#calls, handle, positions)
  }
  async trim({ topic, partition }: TopicPartition, before: number): Promise<void> {
    await this.#calls.ask({ type: 'trim', at: { topic, partition }, before })
  }
  /** Ends this end of the port; the log itself stays open. */
  close(): Promise<void> {
    return this.#calls.close()
  }
}

class PortProducer implements Producer {
  readonly #calls: PortCalls
  readonly #handle: number

  constructor(calls: PortCalls, handle: number) {
    this.#calls = calls
    this.#handle = handle
  }

  append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    const packed = pack(records)
    const at = records.map(({ topic, partition }) => ({ topic, partition }))
    return this.#calls.ask({ type: 'append', handle: this.#handle, at, packed }, [packed.bytes.buffer])
  }
  async close(): Promise<void> {
    await this.#calls.ask({ type: 'close', handle: this.#handle }).catch(ignoreClosed)
  }
}

interface Cursor {
  offset: number
  moves: number
}

class PortReader implements Reader {
  readonly #calls: PortCalls
  readonly #handle: number
  readonly #cursors = new Map<string, Cursor>()
  #isClosed = false

  constructor(calls: PortCalls, handle: number, positions: readonly Position[]) {
    this.#calls = calls
    this.#handle = handle
    for (const at of positions) this.#cursors.set(nameOf(at), { offset: at.offset, moves: 0 })
  }

  async poll(maxWaitMs: number, signal?: AbortSignal): Promise<readonly RecordBatch[]> {
    if (this.#isClosed) throw new errors.LogClosedError('reader')
    if (signal?.aborted === true) return []
    const end = () => void this.#calls.ask({ type: 'endPoll', handle: this.#handle }).catch(ignoreClosed)
    signal?.addEventListener('abort', end)
    const batches = await this.#calls
      .ask<readonly PackedBatch[]>({ type: 'poll', handle: this.#handle, maxWaitMs })
      .catch((error: unknown) => {
        if ((this.#isClosed || this.#calls.wasClosedHere) && error instanceof errors.LogClosedError) return []
        throw error
      })
      .finally(() => signal?.removeEventListener('abort', end))
    if (this.#isClosed) return []
    return batches.flatMap((batch): RecordBatch[] => {
      const { topic, partition, nextOffset } = batch
      const cursor = this.#cursors.get(nameOf(batch))
      if (cursor === undefined) return []
      if (cursor.moves !== batch.moves) {
        // Read before the other end heard of a seek or pause: it is to be read again from where the caller stands.
        this.#move({ topic, partition }, { type: 'seek', position: { topic, partition, offset: cursor.offset } })
        return []
      }
      cursor.offset = nextOffset
      return [{ topic, partition, records: unpackRead(batch), nextOffset }]
    })
  }
  seek({ topic, partition, offset }: Position): void {
    const cursor = this.#cursors.get(nameOf({ topic, partition }))
    if (cursor !== undefined) cursor.offset = offset
    this.#move({ topic, partition }, { type: 'seek', position: { topic, partition, offset } })
  }
  pause({ topic, partition }: TopicPartition): void {
    this.#move({ topic, partition }, { type: 'pause', at: { topic, partition } })
  }
  resume({ topic, partition }: TopicPartition): void {
    this.#move({ topic, partition }, { type: 'resume', at: { topic, partition } })
  }
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#calls.ask({ type: 'close', handle: this.#handle }).catch(ignoreClosed)
  }

  #move(
    at: TopicPartition,
    request:
      | { readonly type: 'seek'; readonly position: Position }
      | { readonly type: 'pause' | 'resume'; readonly at: TopicPartition },
  ): void {
    const cursor = this.#cursors.get(nameOf(at))
    if (cursor === undefined) throw new Error(`assertion: the reader was not opened at ${nameOf(at)}`)
    cursor.moves += 1
    // Messages arrive in order, so the next poll finds it done.
    void this.#calls.ask({ ...request, handle: this.#handle }).catch(ignoreClosed)
  }
}

const ignoreClosed = (error: unknown): void => {
  if (!(error instanceof errors.LogClosedError)) throw error
}
