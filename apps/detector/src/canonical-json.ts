/**
 * The one spelling of a value: object keys sorted by UTF-16 code units, no spaces, `bigint` as a decimal string, absent
 * where undefined. Source: RFC 8785 (JCS), for the values that occur here (no floats).
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'bigint') return `"${value}"`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  let text = ''
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value
    for (const item of items) text += `${text === '' ? '' : ','}${canonicalJson(item)}`
    return `[${text}]`
  }
  // Without a list of pairs: each alert is spelled whole, so this is where a replay with many alerts spends its time.
  const fields = value as Readonly<Record<string, unknown>>
  for (const key of Object.keys(fields).sort()) {
    const part = fields[key]
    if (part !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(part)}`
  }
  return `{${text}}`
}
