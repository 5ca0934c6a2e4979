import type { FlinkCase } from './case.ts'

/** A case with one value changed. */
export interface Corruption {
  /** Where, as `expected/0/1`. */
  readonly path: string
  readonly from: unknown
  readonly to: unknown
  readonly case: FlinkCase
}

/** What says where a case comes from, and what people are told: nothing that is run. */
const unread = new Set([
  'id',
  'kind',
  'source',
  'test',
  'executed',
  'note',
  'variants',
  'columns',
  'property',
  'args',
  'rule',
])

/** Every single value of a case, each changed once: a number by one, a text or a truth into another. */
export const corruptionsOf = (one: FlinkCase): readonly Corruption[] =>
  leavesOf(one, []).map(({ path, value }) => {
    const to = changed(value)
    // The copy has the same fields, so it is a case too; that one of them is wrong is the point.
    return { path: path.join('/'), from: value, to, case: withValue(one, path, to) as FlinkCase }
  })

interface Leaf {
  readonly path: readonly string[]
  readonly value: Scalar
}

const leavesOf = (value: unknown, path: readonly string[]): readonly Leaf[] => {
  if (typeof value !== 'object' || value === null) return [{ path, value: value as Scalar }] // it was JSON
  return Object.entries(value).flatMap(([name, field]) =>
    Array.isArray(value) || !unread.has(name) ? leavesOf(field, [...path, name]) : [],
  )
}

type Scalar = number | boolean | string | null

const changed = (value: Scalar): Scalar => {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  if (value === null) return 1
  const [, before, digits] = /^(LONG_MAX-)(\d+)$/.exec(value) ?? []
  if (before !== undefined) return `${before}${Number(digits) + 1}`
  return value.startsWith('LONG_') ? 0 : `${value}x`
}

const withValue = (value: unknown, path: readonly string[], to: unknown): unknown => {
  const [name, ...rest] = path
  if (name === undefined) return to
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value
    return list.map((element, index) => (String(index) === name ? withValue(element, rest, to) : element))
  }
  const fields = value as Readonly<Record<string, unknown>> // the path leads through it
  return { ...fields, [name]: withValue(fields[name], rest, to) }
}
