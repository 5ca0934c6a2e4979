import { describe, expect, test } from 'vitest'
import { createLogger, errorLine, type LoggerOptions } from './logger.ts'

class FullError extends Error {
  readonly code = 'LOG_FULL'
  readonly remedy = 'Free space.'
}

function logged(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = []
  const log = createLogger({ place: 'ingestor', write: (line) => lines.push(line), now: () => 0, ...options })
  return { lines, log }
}

describe('createLogger', () => {
  test('default: a line a message, with time, level, place, message and fields', () => {
    const { lines, log } = logged()
    log.debug('unheard')
    log.info('sealed a block', { number: 12n, hash: '0xab', note: 'two words', none: undefined })
    log.at('ingestor/ledger').warn('slow')
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z INFO  ingestor: sealed a block number=12 hash=0xab note="two words"\n',
      '1970-01-01T00:00:00.000Z WARN  ingestor/ledger: slow\n',
    ])
  })

  test('behavior: an error is one line with code, sentence and remedy, without a stack', () => {
    const { lines, log } = logged()
    log.error(new FullError('No space\nis left.'), { topic: 'a' })
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z ERROR ingestor: [LOG_FULL] No space is left. Remedy: Free space. topic=a\n',
    ])
  })

  test('behavior: at debug the stack follows', () => {
    const { lines, log } = logged({ level: 'debug' })
    log.error(new FullError('No space.'))
    expect(lines[0]).toMatch(/Remedy: Free space\.\n.*No space\.\n\s+at /)
  })

  test('behavior: json is one object a line', () => {
    const { lines, log } = logged({ format: 'json' })
    log.warn(new FullError('No space.'), { bytes: 5n })
    expect(lines).toEqual([
      '{"time":"1970-01-01T00:00:00.000Z","level":"warn","place":"ingestor","message":"No space.","code":"LOG_FULL","remedy":"Free space.","bytes":"5"}\n',
    ])
  })

  test('behavior: what a token calls itself cannot forge a line', () => {
    const { lines, log } = logged()
    log.info('token\u001b[2J\r', { symbol: 'A\nB' })
    expect(lines).toEqual(['1970-01-01T00:00:00.000Z INFO  ingestor: token�[2J� symbol="A\\nB"\n'])
  })
})

describe('errorLine', () => {
  test('default: whatever was thrown', () => {
    expect(errorLine(new FullError('Full.'))).toBe('[LOG_FULL] Full. Remedy: Free space.')
    expect(errorLine(new TypeError('Odd.'))).toBe('Odd.')
    expect(errorLine('text')).toBe('text')
    expect(errorLine(undefined)).toBe('undefined')
  })
})
