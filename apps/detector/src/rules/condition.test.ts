import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  holds,
  misfitsOf,
  parseCondition,
  parseInteger,
  parsePath,
  pathsOf,
  type Kind,
  type Path,
  type Scalar,
} from './condition.ts'

const values: Readonly<Record<string, Scalar>> = {
  amount: { kind: 'number', value: 7n },
  debt: { kind: 'number', value: -1n },
  owner: { kind: 'address', value: `0x${'ab'.repeat(20)}` },
  note: { kind: 'text', value: 'hello' },
  paused: { kind: 'bool', value: false },
  lost: { kind: 'text', value: null },
  'order.items[0].price': { kind: 'number', value: 3n },
}
const valueAt = ({ text }: Path): Scalar => values[text] ?? { kind: 'text', value: null }
const isSo = (source: string) => holds(parseCondition(source), valueAt)
const said = (work: () => unknown): string => {
  try {
    work()
    return ''
  } catch (error) {
    return error instanceof TypeError ? error.message : 'another error'
  }
}

describe('parseCondition', () => {
  test('default: comparisons, lists, words that join them; and binds before or', () => {
    const so = [
      'amount > 6 and amount >= 7 and amount < 8 and amount <= 7 and amount == 7 and amount != 8',
      'debt == -1',
      `owner == 0x${'AB'.repeat(20)}`,
      `owner in [0x${'00'.repeat(20)}, 0x${'ab'.repeat(20)}]`,
      'note == "hello" and note not in [\'x\', "y"]',
      'not paused == true',
      'amount == 7 or amount == 8 and amount == 9',
      '(amount == 7 or amount == 8) and not (amount == 9)',
      'order.items[0].price < amount',
      'amount < 1_000e18',
      'lost == "a" or amount == 7',
    ]
    expect(so.filter((source) => isSo(source) !== true)).toEqual([])
    expect(['lost == "a"', 'not lost == "a"', 'lost == "a" and amount == 7', 'lost in ["a"]'].map(isSo)).toEqual(
      Array(4).fill(null),
    )
    expect(isSo('lost == "a" and amount == 8')).toBe(false)
    expect(pathsOf(parseCondition('a > 1 or not (b == a and c[2] in [1])')).map(({ text }) => text)).toEqual([
      'a',
      'b',
      'c[2]',
    ])
  })

  test('error: says what was expected, and behind what', () => {
    expect(
      [
        'amount = 5',
        'amount > 1 && debt > 1',
        '!paused == true',
        'amount',
        'amount >',
        'amount > 1 owner',
        '(amount > 1',
        'amount in 5',
        'amount in [owner]',
        'amount > 1.5',
        'owner == 0xabc',
        'amount # 1',
        'order. == 1',
        'items[x] == 1',
        '',
      ].map((source) => said(() => parseCondition(source))),
    ).toMatchInlineSnapshot(`
      [
        "write == for =",
        "write and for &&",
        "write not for !",
        "expected a comparison (==, !=, <, <=, >, >= or in) behind "amount", but it ends",
        "expected an argument or a value behind ">", but it ends",
        ""owner" is one too many behind "1"",
        "")" is missing behind "1"",
        ""[" is missing behind "in"",
        "owner in a list: only values may stand there",
        "1.5 is no integer",
        "0xabc has an odd number of hex digits",
        ""# 1" is not understood",
        "expected the name of a component behind ".", but there is "=="",
        "expected a position from 0 behind "[", but there is "x"",
        "expected an argument or a value at the beginning, but it ends",
      ]
    `)
  })

  test('property: no text makes it do anything but parse or say why not', () => {
    const words = fc.constantFrom(
      'amount',
      '>',
      '==',
      '1',
      '0xab',
      'and',
      'or',
      'not',
      'in',
      '(',
      ')',
      '[',
      ']',
      ',',
      '.',
      '"x"',
      '$actor',
      '1e3',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words, { maxLength: 12 }).map((list) => list.join(' ')),
        ),
        (source) => {
          expect(said(() => parseCondition(source))).not.toBe('another error')
        },
      ),
      { examples: [['('.repeat(5000)], ['not '.repeat(5000)]] },
    )
  })
})

describe('parsePath', () => {
  test('default: names and positions', () => {
    expect(parsePath('orders[1].price').steps).toEqual(['orders', 1, 'price'])
    expect(parsePath('[0]').steps).toEqual([0])
    expect(said(() => parsePath('5'))).toBe('5 is a value, not the name of an argument')
  })
})

describe('parseInteger', () => {
  test('property: digits are what they say, with an exponent too', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 256n), max: 2n ** 256n }), fc.nat({ max: 60 }), (value, exponent) => {
        expect(parseInteger(`${value}`)).toBe(value)
        expect(parseInteger(`${value}e${exponent}`)).toBe(value * 10n ** BigInt(exponent))
      }),
    )
    expect(['1.5e18', '1_000', '2.50e1'].map(parseInteger)).toEqual([15n * 10n ** 17n, 1000n, 25n])
    expect(['1.5', '1.25e1', 'x', '', '1e', '0x10'].map((text) => said(() => parseInteger(text)))).not.toContain('')
  })
})

describe('misfitsOf', () => {
  test('default: what is of another kind is not compared, and only numbers have an order', () => {
    const kinds: Readonly<Record<string, Kind>> = {
      amount: 'number',
      owner: 'address',
      note: 'text',
      data: 'bytes',
      paused: 'bool',
    }
    const misfits = (source: string) => misfitsOf(parseCondition(source), ({ text }) => kinds[text] ?? null)
    for (const fits of [
      'amount > 1',
      `owner == 0x${'ab'.repeat(20)}`,
      'data == 0x12',
      'paused == true',
      'missing > 1',
      'note in ["a"]',
    ])
      expect(misfits(fits), fits).toEqual([])
    expect(
      [
        'owner > 1',
        'owner == 0x12',
        'amount == "1"',
        'note == 1 and paused == "true"',
        'amount == owner',
        'amount in [1, true]',
        'not note < note',
      ].map(misfits),
    ).toMatchInlineSnapshot(`
      [
        [
          "> compares numbers, not owner (an address)",
        ],
        [
          "0x12 is no address: it has not 40 digits",
        ],
        [
          "amount (a number) is not compared with "1" (text)",
        ],
        [
          "note (text) is not compared with 1 (a number)",
          "paused (true or false) is not compared with "true" (text)",
        ],
        [
          "amount (a number) is not compared with owner (an address)",
        ],
        [
          "amount (a number) is not compared with true (true or false)",
        ],
        [
          "< compares numbers, not note (text)",
        ],
      ]
    `)
  })
})
