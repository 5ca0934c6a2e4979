import { createHash } from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'

/** SHA-256 of the value's canonical JSON, 64 hex digits. */
export const sha256Of = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex')

/**
 * The id of an alert: what it is about, never when or by whom it was computed. Stable over replays, restarts, shards and
 * re-inclusion of the transaction, because an occurrence names no block. A new minor version keeps it.
 */
export function alertId(about: {
  readonly chainId: number
  readonly detector: string
  /** `major.minor.patch`. */
  readonly version: string
  readonly key: string
  readonly occurrence: string
}): string {
  const [major] = about.version.split('.')
  return sha256Of([about.chainId, about.detector, Number(major), about.key, about.occurrence])
}
