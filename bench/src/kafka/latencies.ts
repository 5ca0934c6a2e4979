import { rounded } from '../measure.ts'

/** Of `times`, in ms. */
export function percentiles(times: readonly number[]) {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number) => rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}

/** With fractions of a ms since 1970, so that it can be compared over processes. */
export const now = () => performance.timeOrigin + performance.now()
