import { createHash } from 'node:crypto'

/**
 * A number in [0, 1) that depends on the seed and the names alone. There is no generator with a position: what happens
 * in block 1,000 is the same whether the demo ran through or was killed and started again at block 999.
 */
export function fraction(seed: string, ...names: readonly (string | number)[]): number {
  const digest = createHash('sha256')
    .update([seed, ...names].join('/'))
    .digest()
  return digest.readUIntBE(0, 6) / 2 ** 48
}

/** A whole number in [from, to). */
export function integer(from: number, to: number, seed: string, ...names: readonly (string | number)[]): number {
  return from + Math.floor(fraction(seed, ...names) * (to - from))
}
