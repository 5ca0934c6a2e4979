import { describe, expect, test } from 'vitest'
import { asBytes, FieldError, parseReceipt, parseTransaction, parseList } from './parse-block.ts'

const hash = (digit: string) => `0x${digit.repeat(64)}`
const address = `0x${'a'.repeat(40)}`
const log = {
  ...{ logIndex: '0x0', address, topics: [hash('1')], data: '0x', transactionHash: hash('2') },
  ...{ transactionIndex: '0x0', blockHash: hash('3') },
}
const receipt = {
  transactionHash: hash('2'),
  transactionIndex: '0x0',
  blockHash: hash('3'),
  status: '0x1',
  logs: [log],
}

const refusal = (parse: () => unknown): string => {
  try {
    parse()
    return 'taken'
  } catch (error) {
    return error instanceof FieldError ? `${error.field}: ${error.message}` : 'another error'
  }
}

describe('parseList', () => {
  test('error: a wrong field is told with its place, however deep', () => {
    const receipts = [receipt, { ...receipt, logs: [log, { ...log, topics: [hash('1'), '0x1'] }] }]
    const parse = () => parseList(receipts, 'receipts', (each) => parseReceipt(each))
    const field = 'receipts.1.logs.1.topics.1'
    expect(refusal(parse)).toBe(`${field}: ${field} should be 32 bytes of hex, found "0x1"`)
    expect(refusal(() => parseList([1], 'logs', parseReceipt))).toBe('logs.0: logs.0 should be an object, found 1')
  })
})

describe('parseReceipt', () => {
  test('behavior: a log of another block or transaction keeps what it says, whatever its receipt is of', () => {
    const other = { ...log, blockHash: hash('4'), transactionHash: hash('5') }
    const { blockHash, logs } = parseReceipt({ ...receipt, logs: [log, other] })
    expect([blockHash, ...(logs ?? []).flatMap((each) => [each.blockHash, each.transactionHash])]).toEqual(
      ['3', '3', '2', '4', '5'].map(hash),
    )
  })
})

describe('parseTransaction', () => {
  test('behavior: one of another block keeps what it says', () => {
    const tx = {
      ...{ hash: hash('2'), transactionIndex: '0x0', from: address },
      ...{ to: null, value: '0x0', input: '0x' },
    }
    const own = parseTransaction(tx).hash
    expect(parseTransaction({ ...tx, blockHash: hash('4') }, own).blockHash).toBe(hash('4'))
  })
})

describe('asBytes', () => {
  test('default: short or long, lower-case digits stay and upper-case ones become so', () => {
    for (const digits of ['ab', 'ab'.repeat(5_000), 'ab'.repeat(200_000)]) {
      expect(asBytes(`0x${digits}`, 'data')).toBe(`0x${digits}`)
      expect(asBytes(`0x${digits.toUpperCase()}`, 'data')).toBe(`0x${digits}`)
    }
  })

  test('error: one other character anywhere, an odd digit and what only ends like a digit are refused', () => {
    const digits = '0'.repeat(600)
    const wrong = [`g${digits.slice(1)}`, `${digits.slice(1)}:`, `0${digits}`, `${digits.slice(2)}\u0130\u0131`]
    for (const text of wrong)
      expect(refusal(() => asBytes(`0x${text}`, 'data'))).toMatch(/^data: data should be bytes of hex/)
    expect(refusal(() => asBytes(digits, 'data'))).toMatch(/^data: /)
    for (const bits of [16, 17, 18, 19])
      expect(refusal(() => asBytes(`0x${'0'.repeat(2 ** bits - 3)}\u0131`, 'data'))).toMatch(/^data: /)
  })
})
