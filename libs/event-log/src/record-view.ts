import type { LogRecord } from './event-log.ts'

/** Bytes in which records lie one behind the other: a frame of the embedded log, a batch of Kafka's. */
export class Stretch {
  readonly bytes: Buffer
  readonly #asciiFrom: number
  #text: string | null = null

  /** `asciiFrom`: from there on all bytes are ASCII. Default: nothing is known of that. */
  constructor(bytes: Uint8Array, asciiFrom = Infinity) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#asciiFrom = asciiFrom
  }

  /** Null: it is not UTF-8, or holds U+FFFD, which is what stands for bytes that are none. */
  text(start: number, end: number): string | null {
    const { bytes } = this
    const from = this.#asciiFrom
    if (start < from) {
      const text = bytes.toString('utf8', start, end)
      return text.includes('\ufffd') ? null : text
    }
    // Decoded once for all records, of which each is a slice: an offset of the bytes is one of the text.
    const whole = (this.#text ??= bytes.toString('latin1', from))
    // Who reads on has read its last record, and may keep records for long.
    if (end === bytes.length) this.#text = null
    return whole.slice(start - from, end - from)
  }
}

/**
 * A record where it lies in a stretch that many share. Most are read once, as text or not at all: so views are made when
 * they are asked for, and anew each time.
 */
export class RecordView implements LogRecord {
  readonly offset: number
  readonly key: Uint8Array | null
  readonly #stretch: Stretch
  readonly #start: number
  readonly #end: number

  /** Its value lies from `start` to `end`. */
  constructor(offset: number, key: Uint8Array | null, stretch: Stretch, start: number, end: number) {
    this.offset = offset
    this.key = key
    this.#stretch = stretch
    this.#start = start
    this.#end = end
  }

  get value(): Uint8Array {
    return this.#stretch.bytes.subarray(this.#start, this.#end)
  }
  get size(): number {
    return this.#end - this.#start
  }
  get text(): string | null {
    return this.#stretch.text(this.#start, this.#end)
  }
}
