import { describe, expect, test } from 'vitest'
import { createLogger } from './logger.ts'
import { createOutage, errorCode } from './outage.ts'

class AwayError extends Error {
  readonly code = 'AWAY'
  readonly remedy = 'Bring it back.'
}

const written = () => {
  const lines: string[] = []
  const logger = createLogger({ place: 'test', write: (line) => lines.push(line.slice(25).trimEnd()), now: () => 0 })
  return { lines, logger }
}

describe('createOutage', () => {
  test('default: many failures of one cause are one line, and one more when it is over', () => {
    const { lines, logger } = written()
    const outage = createOutage(logger, 'reading')
    for (let attempt = 0; attempt < 100; attempt++) outage.failing(new AwayError(`attempt ${attempt}`))
    outage.over()
    outage.over()
    expect(lines).toEqual([
      'WARN  test: [AWAY] attempt 0 Remedy: Bring it back.',
      'INFO  test: it is over; reading goes on failures=100',
    ])
  })

  test('behavior: another cause is news, and so is the same one after it was over', () => {
    const { logger } = written()
    const outage = createOutage(logger)
    expect(outage.failing(new AwayError('one'))).toBe(true)
    expect(outage.failing(new TypeError('two'))).toBe(true)
    expect(outage.failing(new AwayError('three'))).toBe(false)
    outage.over()
    expect(outage.failing(new AwayError('four'))).toBe(true)
  })

  test('behavior: what never failed is not told to be over', () => {
    const { lines, logger } = written()
    createOutage(logger).over()
    expect(lines).toEqual([])
  })
})

describe('errorCode', () => {
  test('default: an error’s own code, and UNKNOWN for anything else', () => {
    expect([errorCode(new AwayError('')), errorCode(new Error('')), errorCode('text')]).toEqual([
      'AWAY',
      'UNKNOWN',
      'UNKNOWN',
    ])
  })
})
