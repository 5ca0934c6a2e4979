/**
 * The one spelling of a value: object keys sorted by UTF-16 code units, no spaces, `bigint` as a decimal string, absent
 * where undefined. Source: RFC 8785 (JCS), for the values that occur here (no floats).
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'bigint') return `"${value}"`
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value
    return `[${items.map(canonicalJson).join(',')}]`
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).filter(([, part]) => part !== undefined)
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, part]) => `${JSON.stringify(key)}:${canonicalJson(part)}`)
    .join(',')}}`
}
