import type { Codec } from '../codec.ts'

export class StateCodecMismatchError extends Error {
  readonly code = 'STREAM_STATE_CODEC_MISMATCH'
  readonly handling = 'stop'
  readonly remedy = 'Give the codec a migration from the stored version, or the state a new name to start empty.'
  constructor(at: { state: string; stored: number; current: number }, options?: ErrorOptions) {
    super(`State "${at.state}" was written by codec version ${at.stored}; this build reads ${at.current}.`, options)
  }
}

/** The codec version of values with the time of their last access; their own codec's version lies within. */
export const timedVersion = 0x8000

/** Stored state has times beside its values and the declared one has not, or the other way round. */
export class StateTtlMismatchError extends Error {
  readonly code = 'STREAM_STATE_TTL_MISMATCH'
  readonly handling = 'stop'
  readonly remedy = 'Declare the state with a TTL or a bound as it was before, or give it a new name to start empty.'
  constructor(state: string, { stored }: { readonly stored: boolean }) {
    super(
      stored
        ? `State "${state}" was written with the times of a TTL or a bounded map; this build declares neither.`
        : `State "${state}" was written without times; this build declares a TTL or a bounded map.`,
    )
  }
}

/** The version of the codec in two bytes, then the value. */
export const encodeVersioned = <T>(codec: Codec<T>, value: T): Uint8Array => {
  const bytes = codec.encode(value)
  const versioned = new Uint8Array(bytes.length + 2)
  versioned[0] = codec.version >> 8
  versioned[1] = codec.version & 0xff
  versioned.set(bytes, 2)
  return versioned
}

export const decodeVersioned = <T>(codec: Codec<T>, versioned: Uint8Array, state: string): T => {
  const stored = ((versioned[0] ?? 0) << 8) | (versioned[1] ?? 0)
  const bytes = versioned.subarray(2)
  if (stored === codec.version) return codec.decode(bytes)
  if (stored === timedVersion || codec.version === timedVersion) {
    throw new StateTtlMismatchError(state, { stored: stored === timedVersion })
  }
  if (codec.migrate === undefined) throw new StateCodecMismatchError({ state, stored, current: codec.version })
  return codec.migrate(bytes, stored)
}
