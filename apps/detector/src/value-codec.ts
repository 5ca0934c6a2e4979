import { stringKey, type Codec, type KeyCodec } from '@tocsin/stream-core'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * State and frames as JSON; a `bigint` is `{"$n":"123"}`, so it comes back as one. For plain
 * data only. Bytes follow the order of a value's fields, which one place in the code makes.
 */
export function valueCodec<T>(version = 1): Codec<T> {
  return {
    version,
    encode: (value) => Buffer.from(JSON.stringify(withoutBigints(value))),
    // What `encode` of this version wrote, and nothing else is stored under it: the type is the writer's.
    decode: (bytes) => JSON.parse(utf8.decode(bytes), revive) as T,
  }
}

/** What holds no `bigint` as it is: JSON.stringify takes twice as long where it must ask a function about each part. */
function withoutBigints(value: unknown): unknown {
  if (typeof value === 'bigint') return { $n: value.toString() }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutBigints)
  const parts = value as Readonly<Record<string, unknown>> // plain data
  let copy: Record<string, unknown> | null = null
  for (const name in parts) {
    const part = parts[name]
    const without = withoutBigints(part)
    if (without !== part) (copy ??= { ...parts })[name] = without
  }
  return copy ?? parts
}

function revive(_: string, part: unknown): unknown {
  if (typeof part !== 'object' || part === null || !('$n' in part) || typeof part.$n !== 'string') return part
  return BigInt(part.$n)
}

/** A text as key: UTF-8 bytes sort as code points do. Only values of `Text` are encoded under this codec. */
export const textKey = <Text extends string>(): KeyCodec<Text> => stringKey as unknown as KeyCodec<Text>
