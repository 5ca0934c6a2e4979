import type { Codec } from '../codec.ts'
import type { Timestamp } from '../time.ts'
import { byteStringsOf, fromByteString, integerKey, toByteString } from './key-encoding.ts'
import { decodeVersioned, encodeVersioned, timedVersion } from './versioned.ts'

interface Decoding<T> {
  readonly isBound: boolean
  decodeValue(bytes: Uint8Array): T
}

/** A value as a restore brought it, with the version of its codec before it. */
class Encoded<T> {
  readonly bytes: Uint8Array
  readonly #codec: Decoding<T>
  constructor(bytes: Uint8Array, codec: Decoding<T>) {
    this.bytes = bytes
    this.#codec = codec
  }
  isReadable(): boolean {
    return this.#codec.isBound
  }
  decode(): T {
    return this.#codec.decodeValue(this.bytes)
  }
}

/** A value and when it was last accessed. What a restore brought is decoded when it is first read. */
export class Timed<T> {
  readonly time: Timestamp
  #held: T | Encoded<T>

  constructor(time: Timestamp, held: T | Encoded<T>) {
    this.time = time
    this.#held = held
  }

  get value(): T {
    if (this.#held instanceof Encoded) this.#held = this.#held.decode()
    return this.#held
  }
  /** The value, or its bytes while nothing can decode them. */
  get shown(): T | Uint8Array {
    return this.#held instanceof Encoded && !this.#held.isReadable() ? this.#held.bytes : this.value
  }
  at(time: Timestamp): Timed<T> {
    return new Timed(time, this.#held)
  }
  bytes(encode: (value: T) => Uint8Array): Uint8Array {
    return this.#held instanceof Encoded ? this.#held.bytes : encode(this.#held)
  }
}

const integers = byteStringsOf(integerKey)
const timeBytes = 8

/**
 * The codec of timed values: their time, then the value with its own codec's version. State with a TTL can expire after a
 * restore before its operator asks for it by its descriptor; so this codec can do without the value's until then.
 */
export class TimedCodec<T> implements Codec<Timed<T>>, Decoding<T> {
  readonly version = timedVersion
  readonly #state: string
  #codec: Codec<T> | null

  constructor(state: string, codec: Codec<T> | null) {
    this.#state = state
    this.#codec = codec
  }

  get isBound(): boolean {
    return this.#codec !== null
  }
  bind(codec: Codec<T>): void {
    this.#codec = codec
  }
  encode(timed: Timed<T>): Uint8Array {
    const value = timed.bytes((held) => encodeVersioned(this.#bound, held))
    return Buffer.concat([fromByteString(integers.of(timed.time)), value])
  }
  decode(bytes: Uint8Array): Timed<T> {
    const time = integers.from(toByteString(bytes.subarray(0, timeBytes)))
    return new Timed(time, new Encoded(bytes.slice(timeBytes), this))
  }
  decodeValue(bytes: Uint8Array): T {
    return decodeVersioned(this.#bound, bytes, this.#state)
  }

  get #bound(): Codec<T> {
    if (this.#codec === null) throw new Error(`State "${this.#state}" is used before it is asked for.`) // bind is first
    return this.#codec
  }
}
