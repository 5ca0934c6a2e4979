import type { Codec } from '../codec.ts'
import { integerKey } from '../state/key-encoding.ts'
import type { Timestamp } from '../time.ts'

/** A timestamp in eight bytes, then the value as `codec` writes it. `of` and `from` make one thing of both. */
export const stampedCodec = <T, Stamped>(
  codec: Codec<T>,
  of: (timestamp: Timestamp, value: T) => Stamped,
  from: (stamped: Stamped) => readonly [Timestamp, T],
): Codec<Stamped> => {
  const read = (bytes: Uint8Array, decode: (bytes: Uint8Array) => T): Stamped =>
    of(integerKey.decode(bytes.subarray(0, 8)), decode(bytes.subarray(8)))
  const migrate = codec.migrate?.bind(codec)
  return {
    version: codec.version,
    encode: (stamped) => {
      const [timestamp, value] = from(stamped)
      return Buffer.concat([integerKey.encode(timestamp), codec.encode(value)])
    },
    decode: (bytes) => read(bytes, (part) => codec.decode(part)),
    ...(migrate && { migrate: (bytes: Uint8Array, version: number) => read(bytes, (part) => migrate(part, version)) }),
  }
}
