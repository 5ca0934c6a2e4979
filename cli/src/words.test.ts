import { defineSettings, setting } from '@tocsin/service-kit'
import { describe, expect, test } from 'vitest'
import { parseWords, UsageError } from './words.ts'

const table = defineSettings({
  recording: setting.list({ of: 'path', flag: 'recording', doc: '', default: [] }),
  detectors: setting.list({ flag: 'detectors', doc: '', default: [] }),
  out: setting.path({ flag: 'out', doc: '', default: null }),
  browser: setting.boolean({ flag: 'browser', doc: '', default: true }),
})
const parse = (line: string) =>
  parseWords(
    line.split(' ').filter((word) => word !== ''),
    [table],
  )

describe('parseWords', () => {
  test('default: flags with values, switches, and words that are no flag', () => {
    expect(parse('alerts.ndjson --out a --browser --detectors x,y')).toEqual({
      flags: { out: 'a', browser: true, detectors: ['x,y'] },
      positionals: ['alerts.ndjson'],
    })
    expect(parse('--out=a --no-browser').flags).toEqual({ out: 'a', browser: false })
  })

  test('behavior: a list of paths takes all words up to the next flag, and may be given again', () => {
    expect(parse('first --recording a b --out o c --recording=d e')).toEqual({
      flags: { recording: ['a', 'b', 'd', 'e'], out: 'o' },
      positionals: ['first', 'c'],
    })
    expect(parse('--detectors x y')).toEqual({ flags: { detectors: ['x'] }, positionals: ['y'] })
  })

  test('behavior: unknown flags are kept for the one report', () => {
    expect(parse('--recordin a').flags).toEqual({ recordin: true })
  })

  test('error: a flag without its value, or given twice', () => {
    expect(() => parse('--out')).toThrow(new UsageError('--out needs a value: a path.'))
    expect(() => parse('--out --browser')).toThrow(new UsageError('--out needs a value: a path.'))
    expect(() => parse('--out a --out b')).toThrow(new UsageError('--out is given 2 times.'))
  })
})
