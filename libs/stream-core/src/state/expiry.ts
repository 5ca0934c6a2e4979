import { maxTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import type { Timers } from '../timers.ts'
import type { ByteString } from './key-encoding.ts'
import type { TtlOptions } from './state.ts'

/** How the values of a state lie in its table: one a key, a list a key, or entries. */
export type StateShape = 'cell' | 'list' | 'map'

/** Between the end of a value's life and its end in memory there is at most this part of the life. */
const slotsALife = 64

const prefix = 'ttl'

/** What a TTL timer knows of its state: enough to expire it before its operator has asked for it by a descriptor. */
export interface ExpiringState {
  readonly shape: StateShape
  readonly ttl: DurationMs
  readonly name: string
}
export const expiringStateOf = (namespace: string): ExpiringState | undefined => {
  const [first, shape, ttl, ...name] = namespace.split('/')
  if (first !== prefix || (shape !== 'cell' && shape !== 'list' && shape !== 'map')) return undefined
  return { shape, ttl: Number(ttl), name: name.join('/') }
}

/**
 * The life of the values of one state, and the timers that end it. A key whose state is not empty has a timer of the
 * state's namespace, set for the end of its first value's life; when that fires, what has expired goes, and the next timer
 * is for the oldest of the rest. Timers stand at multiples of a slot: values that expire in one slot share one,
 * and a key that is cleared and filled again does not pile them up.
 */
export class Expiry {
  readonly renewsOnRead: boolean
  readonly returnsExpired: boolean
  readonly #ttl: DurationMs
  readonly #slot: DurationMs
  readonly #timers: Timers
  readonly #namespace: string

  constructor(state: Omit<ExpiringState, 'ttl'>, { ttl, update, visibility }: TtlOptions, timers: Timers) {
    this.renewsOnRead = update === 'read-and-write'
    this.returnsExpired = visibility === 'return-expired-if-not-cleaned-up'
    this.#ttl = ttl
    this.#slot = Math.max(1, Math.floor(ttl / slotsALife))
    this.#timers = timers
    this.#namespace = [prefix, state.shape, ttl, state.name].join('/')
  }

  /** Source: Flink's TtlUtils.expired, which does not overflow either. */
  hasExpired(time: Timestamp, now: Timestamp): boolean {
    return this.#endOf(time) <= now
  }
  /** The key's state was empty, or its oldest value is now of `time`. */
  watch(key: ByteString, time: Timestamp): void {
    const end = this.#endOf(time)
    // Not before the end, as a product of large numbers may be: a timer that drops nothing would be set again for ever.
    const at = Math.max(end, Math.ceil(end / this.#slot) * this.#slot)
    this.#timers.register(key, Math.min(at, maxTimestamp), this.#namespace)
  }

  #endOf(time: Timestamp): Timestamp {
    return Math.min(time + this.#ttl, maxTimestamp)
  }
}
