import type { Codec } from '../codec.ts'

export class StateCodecMismatchError extends Error {
  readonly code = 'STREAM_STATE_CODEC_MISMATCH'
  readonly handling = 'stop'
  readonly remedy = 'Give the codec a migration from the stored version, or the state a new name to start empty.'
  constructor(at: { state: string; stored: number; current: number }, options?: ErrorOptions) {
    super(`State "${at.state}" was written by codec version ${at.stored}; this build reads ${at.current}.`, options)
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
  if (codec.migrate === undefined) throw new StateCodecMismatchError({ state, stored, current: codec.version })
  return codec.migrate(bytes, stored)
}
