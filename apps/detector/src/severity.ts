import { severities, type Severity } from '@tocsin/chain-model'

const dollars = (amount: bigint): bigint => amount * 100_000_000n

/** By what is at stake: > 0 USD low, > 10,000 medium, > 100,000 high, > 1,000,000 critical. Unknown or 0: info. */
export function severityLadder(usd8: bigint | null): Severity {
  if (usd8 === null || usd8 <= 0n) return 'info'
  if (usd8 <= dollars(10_000n)) return 'low'
  if (usd8 <= dollars(100_000n)) return 'medium'
  return usd8 <= dollars(1_000_000n) ? 'high' : 'critical'
}

export const severityRank = (severity: Severity): number => severities.indexOf(severity)

export const oneLower = (severity: Severity): Severity => severities[severityRank(severity) - 1] ?? 'info'

/** A base and its adjustments, kept in 1 to 99: nothing is certain. */
export const confidenceOf = (base: number, ...adjustments: readonly number[]): number =>
  Math.min(
    99,
    Math.max(
      1,
      adjustments.reduce((sum, adjustment) => sum + adjustment, base),
    ),
  )
