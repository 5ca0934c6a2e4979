import type { Address } from '@tocsin/chain-model'
import type { Movement } from './evidence.ts'

/** The sum of what a wallet sent, after each of its transfers, against the limit that it crossed. All in usd8. */
export interface RunningSum {
  readonly steps: readonly { readonly timestamp: number; readonly total8: bigint }[]
  readonly limit8: bigint
  readonly end: bigint
}

/**
 * The sum over the wallet's outgoing movements, or null where the picture would not tell the truth: fewer than two of
 * them, one without a price, or a sum that is not the observed one (the rest is in a range or in earlier state).
 */
export function runningSum(
  movements: readonly Movement[],
  wallet: Address | null,
  limit8: bigint,
  observed8: bigint,
): RunningSum | null {
  const steps: { timestamp: number; total8: bigint }[] = []
  let total8 = 0n
  const sent = movements.filter(({ from, to }) => from === wallet && to !== wallet)
  // A total that stood before the first listed transfer is the difference: `running-total` starts from its state.
  const listed8 = sent.reduce((sum, { usd8 }) => sum + (usd8 ?? 0n), 0n)
  if (sent.length === 0 || sent.some(({ usd8 }) => usd8 === null) || listed8 > observed8) return null
  total8 = observed8 - listed8
  if (sent.length < 2 && total8 === 0n) return null
  const [first] = sent
  if (total8 > 0n && first !== undefined) steps.push({ timestamp: first.timestamp, total8 })
  for (const { timestamp, usd8 } of sent) {
    total8 += usd8 ?? 0n
    steps.push({ timestamp, total8 })
  }
  return { steps, limit8, end: total8 }
}
