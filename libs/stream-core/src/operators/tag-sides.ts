import type { Codec } from '../codec.ts'
import { decodeVersioned, encodeVersioned } from '../state/versioned.ts'
import type { CreateOperator } from './operator.ts'

/** An element of one of two streams that share windows. Source: Flink's TaggedUnion. */
export type SidedElement<Left, Right> =
  { readonly side: 'left'; readonly value: Left } | { readonly side: 'right'; readonly value: Right }

/** Makes one stream of two, whose elements say which they came from. */
export const tagSidesOperator: CreateOperator = ({ main }) => ({
  receivers: (['left', 'right'] as const).map((side) => ({
    process: (value, timestamp) => main.emit({ side, value }, timestamp),
  })),
})

/** A byte for the side, then the value with its own codec's version. */
export const sidedCodec = <Left, Right>(
  left: Codec<Left>,
  right: Codec<Right>,
  state: string,
): Codec<SidedElement<Left, Right>> => ({
  version: 1,
  encode: (element) => {
    const value = element.side === 'left' ? encodeVersioned(left, element.value) : encodeVersioned(right, element.value)
    return Buffer.concat([Buffer.of(element.side === 'left' ? 0 : 1), value])
  },
  decode: (bytes) =>
    bytes[0] === 0
      ? { side: 'left', value: decodeVersioned(left, bytes.subarray(1), state) }
      : { side: 'right', value: decodeVersioned(right, bytes.subarray(1), state) },
})
