import { describe, expect, test } from 'vitest'
import { alertsDifference, isOnItsWay, recordsDifference } from './output-difference.ts'

const transition = (revision: number, status: string, more = '') =>
  `{"revision":${revision},"status":"${status}"${more}}`
const whole = [transition(1, 'provisional'), transition(2, 'confirmed')]

describe('alertsDifference', () => {
  test('default: the same transitions under the same ids are no difference, in whatever order the ids come', () => {
    const expected = new Map([
      ['a', whole],
      ['b', whole],
    ])
    expect(alertsDifference(expected, new Map([...expected].toReversed()))).toBeNull()
  })

  test('behavior: it tells what is lost, twice, out of order and too much', () => {
    const expected = new Map(['lost', 'twice', 'turned', 'whole'].map((id) => [id, whole]))
    const found = new Map([
      ['twice', [...whole, ...whole.slice(1)]],
      ['turned', whole.toReversed()],
      ['whole', whole],
      ['new', whole],
    ])
    expect(alertsDifference(expected, found)).toBe(
      [
        '4 of 4 alerts differ (4 were found):',
        'alert lost: expected 1 provisional, 2 confirmed; found none',
        'alert new: expected none; found 1 provisional, 2 confirmed',
        'alert turned: expected 1 provisional, 2 confirmed; found 2 confirmed, 1 provisional',
        'alert twice: expected 1 provisional, 2 confirmed; found 1 provisional, 2 confirmed, 2 confirmed',
      ].join('\n  '),
    )
  })

  test('behavior: of one whose text alone differs it shows the first such transition', () => {
    const other = transition(2, 'confirmed', ',"key":"x"')
    expect(alertsDifference(new Map([['a', whole]]), new Map([['a', [transition(1, 'provisional'), other]]]))).toBe(
      `1 of 1 alerts differ (1 were found):
  alert a: 1 provisional, 2 confirmed, but number 2 reads
    ${other}
  expected
    ${transition(2, 'confirmed')}`,
    )
  })

  test('behavior: what a transition says counts, as from a database, and not its order of fields', () => {
    const said = (text: string) => JSON.parse(text) as unknown
    const turned = [{ status: 'provisional', revision: 1 }, said(whole[1] ?? '')]
    expect(alertsDifference(new Map([['a', whole.map(said)]]), new Map([['a', turned]]))).toBeNull()
    expect(alertsDifference(new Map([['a', whole.map(said)]]), new Map([['a', turned.slice(1)]]))).not.toBeNull()
  })
})

describe('isOnItsWay', () => {
  test('default: what lacks something may yet come; what is twice, turned or too much stays', () => {
    const expected = new Map([['a', whole]])
    const after = (...found: readonly string[]) => isOnItsWay(expected, new Map([['a', found]]))
    expect([isOnItsWay(expected, new Map()), after(...whole.slice(0, 1)), after(...whole)]).toEqual([true, true, true])
    expect([after(...whole, ...whole), after(...whole.slice(1))]).toEqual([false, false])
    expect(isOnItsWay(expected, new Map([['b', whole]]))).toBe(false)
  })
})

describe('recordsDifference', () => {
  test('default: none', () => {
    expect(recordsDifference(['a', 'b'], ['a', 'b'])).toBeNull()
    expect(recordsDifference([], [])).toBeNull()
  })

  test('behavior: of long records it shows where they part', () => {
    const [long, other] = [`${'x'.repeat(1_000)}a`, `${'x'.repeat(1_000)}b`]
    const before = `…${'x'.repeat(100)}`
    expect(recordsDifference([long], [other])).toMatch(new RegExp(`reads\\s+${before}b\\s+expected\\s+${before}a$`))
  })

  test('behavior: the first that differs, is missing or is too much', () => {
    const told = (found: readonly string[]) => recordsDifference(['a', 'b'], found)?.replaceAll(/\s+/g, ' ')
    expect(told(['a', 'c'])).toBe('of 2 records 2 were found, and number 2 reads c expected b')
    expect(told(['a'])).toBe('of 2 records 1 were found, and number 2 reads nothing expected b')
    expect(told(['a', 'b', 'b'])).toBe('of 2 records 3 were found, and number 3 reads b expected nothing')
  })
})
