import type { Hex } from '@tocsin/chain-model'

/** The first four bytes of call data; `0x` where there are fewer, which a plain transfer is. */
export const selectorOf = (input: Hex): Hex => (input.length >= 10 ? (input.slice(0, 10) as Hex) : '0x')
