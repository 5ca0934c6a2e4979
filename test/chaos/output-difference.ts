import { isDeepStrictEqual } from 'node:util'

const mostTold = 5
const mostCharacters = 500
const charactersBefore = 100

/** The transitions of each alert, by its id; as text or as what that says. */
export type Alerts = ReadonlyMap<string, readonly unknown[]>

/** Which alerts are not as expected, and how, for people; null: all are. */
export function alertsDifference(expected: Alerts, found: Alerts): string | null {
  const told = [...new Set([...expected.keys(), ...found.keys()])]
    .toSorted()
    .flatMap((id) => transitionsDifference(id, expected.get(id) ?? [], found.get(id) ?? []) ?? [])
  if (told.length === 0) return null
  const counts = `${told.length} of ${expected.size} alerts differ (${found.size} were found)`
  return [`${counts}:`, ...told.slice(0, mostTold), ...(told.length > mostTold ? ['…'] : [])].join('\n  ')
}

/** Whether what was found may yet become what is expected: no alert has anything that it should not have. */
export const isOnItsWay = (expected: Alerts, found: Alerts): boolean =>
  [...found].every(([id, had]) => isDeepStrictEqual(had, expected.get(id)?.slice(0, had.length)))

function transitionsDifference(id: string, expected: readonly unknown[], found: readonly unknown[]): string | null {
  if (isDeepStrictEqual(found, expected)) return null
  const [wanted, had] = [historyOf(expected), historyOf(found)]
  if (wanted !== had) return `alert ${id}: expected ${wanted}; found ${had}`
  const at = expected.findIndex((one, index) => !isDeepStrictEqual(one, found[index]))
  return `alert ${id}: ${wanted}, but number ${at + 1} reads\n${sideBySide(found[at], expected[at])}`
}

/** `1 provisional, 2 confirmed`. */
function historyOf(transitions: readonly unknown[]): string {
  const parts = transitions.map((transition) => {
    const of = (typeof transition === 'string' ? JSON.parse(transition) : transition) as {
      readonly revision?: number
      readonly status?: string
    } // an alert as JSON says it
    return `${of.revision} ${of.status}`
  })
  return parts.length === 0 ? 'none' : parts.join(', ')
}

/** Where the records first differ, for people; null: nowhere. */
export function recordsDifference(expected: readonly string[], found: readonly string[]): string | null {
  const at = [...expected, ...found].findIndex((_, index) => expected[index] !== found[index])
  if (at === -1 || (at >= expected.length && at >= found.length)) return null
  const counts = `of ${expected.length} records ${found.length} were found, and number ${at + 1} reads`
  return `${counts}\n${sideBySide(found[at], expected[at])}`
}

/** As {@link isOnItsWay}, of records that are appended to. */
export const areOnTheirWay = (expected: readonly string[], found: readonly string[]): boolean =>
  found.every((record, index) => record === expected[index])

/** Two texts from a little before they part. */
function sideBySide(found: unknown, expected: unknown): string {
  const [a, b] = [textOf(found), textOf(expected)]
  let same = 0
  while (same < a.length && a[same] === b[same]) same += 1
  const from = Math.max(0, same - charactersBefore)
  const shown = (text: string) => `${from > 0 ? '…' : ''}${text.slice(from, from + mostCharacters)}`
  return `    ${shown(a)}\n  expected\n    ${shown(b)}`
}

const textOf = (value: unknown) =>
  value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value)
