import type { ByteString } from '../state/key-encoding.ts'
import type { Timestamp } from '../time.ts'
import { controlTag, firstStamp, type Stamp, type Step } from './stamp.ts'

/** What one task tells another, in the order of stamps. */
export type ExchangeItem = ExchangeElement | ExchangeControl

/** An element that crosses an edge of the topology to where its key lives. */
export interface ExchangeElement {
  readonly type: 'element'
  readonly stamp: Stamp
  /** The node whose output it is: a `keyBy`. */
  readonly edge: number
  readonly timestamp: Timestamp
  readonly value: Uint8Array
}

/** What a task must know of a source's partition that another task reads, so that its watermarks are the job's. */
export type ExchangeControl =
  | { readonly type: 'watermark'; readonly stamp: Stamp; readonly input: number; readonly watermark: Timestamp }
  | { readonly type: 'idle' | 'active'; readonly stamp: Stamp; readonly input: number }
  | { readonly type: 'clock'; readonly stamp: Stamp; readonly time: Timestamp }
  | { readonly type: 'sealed' | 'reverted' | 'finalized'; readonly stamp: Stamp; readonly epoch: number }
  /** What the clock has made due fires now; what that emits has met the new time already. */
  | { readonly type: 'fire'; readonly stamp: Stamp }
  /** All that the writer reads is idle: nobody waits for it until its next item. */
  | { readonly type: 'rest'; readonly stamp: Stamp }

/** All that one commit of one task tells one shard of another. */
export interface Frame {
  readonly items: readonly ExchangeItem[]
  /** What the writer tells from here on stands at or behind it. */
  readonly progress: Stamp
}

/** An internal topic holds what no task of this job has written, or a newer build. */
export class FrameError extends Error {
  readonly code = 'STREAM_FRAME'
  readonly handling = 'stop'
  readonly remedy = 'Give the job its own internal topics: only its tasks may write them.'
}

const format = 1
const types = [
  'element',
  'watermark',
  'idle',
  'active',
  'clock',
  'sealed',
  'reverted',
  'finalized',
  'rest',
  'fire',
] as const satisfies readonly ExchangeItem['type'][]
const numberOf = Object.fromEntries(types.map((type, index) => [type, index])) as Record<ExchangeItem['type'], number>

/** Bits above the type, which has four. */
const sameStep = 16
const samePlace = 32
const samePhase = 64
/** The element's timestamp is its place; the control's watermark or time needs no such thing. */
const atPlace = 128

/** Grows as it is written. */
class Bytes {
  #buffer: Buffer
  #size = 0

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size)
  }

  byte(value: number): void {
    this.#room(1)
    this.#buffer[this.#size] = value
    this.#size += 1
  }
  /** A whole number from 0, seven bits a byte. */
  count(value: number): void {
    this.#room(8)
    let rest = value
    while (rest >= 0x80) {
      this.#buffer[this.#size] = (rest % 0x80) | 0x80
      this.#size += 1
      rest = Math.floor(rest / 0x80)
    }
    this.#buffer[this.#size] = rest
    this.#size += 1
  }
  double(value: number): void {
    this.#room(8)
    this.#size = this.#buffer.writeDoubleLE(value, this.#size)
  }
  text(value: ByteString): void {
    this.count(value.length)
    this.#room(value.length)
    this.#size += this.#buffer.write(value, this.#size, 'latin1')
  }
  bytes(value: Uint8Array): void {
    this.count(value.length)
    this.#room(value.length)
    this.#buffer.set(value, this.#size)
    this.#size += value.length
  }
  get size(): number {
    return this.#size
  }
  taken(): Uint8Array {
    return this.#buffer.subarray(0, this.#size)
  }

  #room(size: number): void {
    if (this.#size + size <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#size + size))
    this.#buffer.copy(larger, 0, 0, this.#size)
    this.#buffer = larger
  }
}

/** Writes a frame item by item, each relative to the one before it. */
export class FrameWriter {
  readonly #bytes = new Bytes(256)
  #step: Step = firstStamp.step
  #phase = 0

  constructor() {
    this.#bytes.byte(format)
  }

  get bytes(): number {
    return this.#bytes.size
  }

  add(item: ExchangeItem): void {
    const bytes = this.#bytes
    const isAtPlace = item.type === 'element' && item.timestamp === item.stamp.step.place
    this.#stamp(numberOf[item.type] | (isAtPlace ? atPlace : 0), item.stamp)
    switch (item.type) {
      case 'element':
        bytes.text(item.stamp.tag)
        bytes.count(item.edge)
        if (!isAtPlace) bytes.double(item.timestamp)
        bytes.bytes(item.value)
        return
      case 'watermark':
        bytes.count(item.input)
        bytes.double(item.watermark)
        return
      case 'idle':
      case 'active':
        bytes.count(item.input)
        return
      case 'clock':
        bytes.double(item.time)
        return
      case 'sealed':
      case 'reverted':
      case 'finalized':
        bytes.double(item.epoch)
        return
      case 'fire':
      case 'rest':
    }
  }

  /** The frame; nothing can be added to it any more. */
  finished(progress: Stamp): Uint8Array {
    this.#stamp(15, progress)
    this.#bytes.text(progress.tag)
    return this.#bytes.taken()
  }

  #stamp(head: number, { step, phase }: Stamp): void {
    const bytes = this.#bytes
    const before = this.#step
    const isSameStep = step === before
    const isSamePlace = step.place === before.place
    bytes.byte(
      head | (isSameStep ? sameStep : 0) | (isSamePlace ? samePlace : 0) | (phase === this.#phase ? samePhase : 0),
    )
    if (!isSameStep) {
      bytes.count(step.section)
      if (!isSamePlace) bytes.double(step.place)
      bytes.count(step.input)
      bytes.count(step.offset + 1)
      bytes.count(step.ordinal)
      this.#step = step
    }
    if (phase !== this.#phase) {
      bytes.count(phase)
      this.#phase = phase
    }
  }
}

class FrameReader {
  readonly #bytes: Buffer
  #at = 1
  #step: Step = firstStamp.step
  #phase = 0

  constructor(value: Uint8Array) {
    this.#bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    if (this.#bytes[0] !== format) throw new FrameError(`A frame has format ${this.#bytes[0]}, not ${format}.`)
  }

  read(): Frame {
    const items: ExchangeItem[] = []
    for (;;) {
      const head = this.#byte()
      const { step, phase } = this.#stamp(head)
      const type = types[head & 15]
      if (type === undefined) return { items, progress: { step, phase, tag: this.#text() } }
      items.push(this.#item(type, head, step, phase))
    }
  }

  #item(type: ExchangeItem['type'], head: number, step: Step, phase: number): ExchangeItem {
    if (type === 'element') {
      const stamp = { step, phase, tag: this.#text() }
      const edge = this.#count()
      const timestamp = (head & atPlace) !== 0 ? step.place : this.#double()
      const size = this.#count()
      const value = this.#bytes.subarray(this.#at, this.#at + size)
      this.#at += size
      return { type, stamp, edge, timestamp, value }
    }
    const stamp = { step, phase, tag: controlTag }
    switch (type) {
      case 'watermark':
        return { type, stamp, input: this.#count(), watermark: this.#double() }
      case 'idle':
      case 'active':
        return { type, stamp, input: this.#count() }
      case 'clock':
        return { type, stamp, time: this.#double() }
      case 'sealed':
      case 'reverted':
      case 'finalized':
        return { type, stamp, epoch: this.#double() }
      case 'fire':
      case 'rest':
        return { type, stamp }
    }
  }

  #stamp(head: number): { readonly step: Step; readonly phase: number } {
    if ((head & sameStep) === 0) {
      this.#step = {
        section: this.#count(),
        place: (head & samePlace) === 0 ? this.#double() : this.#step.place,
        input: this.#count(),
        offset: this.#count() - 1,
        ordinal: this.#count(),
      }
    }
    if ((head & samePhase) === 0) this.#phase = this.#count()
    return { step: this.#step, phase: this.#phase }
  }
  #byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw new FrameError(`A frame of ${this.#bytes.length} bytes ends too early.`)
    this.#at += 1
    return value
  }
  #count(): number {
    let value = 0
    for (let unit = 1; ; unit *= 0x80) {
      const byte = this.#byte()
      value += (byte & 0x7f) * unit
      if (byte < 0x80) return value
    }
  }
  #double(): number {
    const value = this.#bytes.readDoubleLE(this.#at)
    this.#at += 8
    return value
  }
  #text(): ByteString {
    const size = this.#count()
    const text = this.#bytes.toString('latin1', this.#at, this.#at + size)
    this.#at += size
    return text
  }
}

export const decodeFrame = (value: Uint8Array): Frame => new FrameReader(value).read()

export const encodeFrame = ({ items, progress }: Frame): Uint8Array => {
  const writer = new FrameWriter()
  for (const item of items) writer.add(item)
  return writer.finished(progress)
}
