/** Numbers that a seed alone decides. Source: mulberry32, Tommy Ettinger, public domain. */
export interface SeededRandom {
  /** In [0, 1). */
  fraction(): number
  /** A whole number in [from, to]. */
  integer(from: number, to: number): number
  oneOf<T>(values: readonly [T, ...T[]]): T
}

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (from: number, to: number) => from + Math.floor(fraction() * (to - from + 1))
  return { fraction, integer, oneOf: (values) => values[integer(0, values.length - 1)] ?? values[0] }
}
