/**
 * A value and its bytes, both ways. `version` is stored with state, so that a later build knows what it reads; `migrate`
 * brings bytes of an earlier version to a value of this one.
 */
export interface Codec<T> {
  readonly version: number
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
  migrate?(bytes: Uint8Array, version: number): T
  /** A shorter way between the value and the byte string (one char a byte) of what `encode` gives. Only for speed. */
  readonly byteString?: { readonly of: (value: T) => string; readonly from: (text: string) => T }
}

/** A codec whose bytes sort as its values do and that is injective: fit for keys. */
export interface KeyCodec<T> extends Codec<T> {
  readonly ordered: true
}
