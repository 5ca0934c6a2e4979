import type { Codec, KeyCodec } from '@tocsin/stream-core'

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder('utf-8', { fatal: true }) }

/**
 * State and frames as JSON; a `bigint` is `{"$n":"123"}`, so it comes back as one. For plain
 * data only. Bytes follow the order of a value's fields, which one place in the code makes.
 */
export function valueCodec<T>(version = 1): Codec<T> {
  return {
    version,
    encode: (value) =>
      utf8.encoder.encode(
        JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? { $n: part.toString() } : part)),
      ),
    // What `encode` of this version wrote, and nothing else is stored under it: the type is the writer's.
    decode: (bytes) => JSON.parse(utf8.decoder.decode(bytes), revive) as T,
  }
}

function revive(_: string, part: unknown): unknown {
  if (typeof part !== 'object' || part === null || !('$n' in part) || typeof part.$n !== 'string') return part
  return BigInt(part.$n)
}

/** A text as key: UTF-8 bytes sort as code points do. */
export const textKey = <Text extends string>(): KeyCodec<Text> => ({
  version: 1,
  ordered: true,
  encode: (value) => utf8.encoder.encode(value),
  // Only values of `Text` were encoded under this codec.
  decode: (bytes) => utf8.decoder.decode(bytes) as Text,
})
