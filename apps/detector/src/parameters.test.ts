import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { configureDetectors } from './configure.ts'
import { parseOverrides } from './detector.ts'
import { catalogue } from './detectors/catalogue.ts'
import { baseUnits, durationOrNever, percent, usd, ParameterError } from './parameters.ts'

describe('usd', () => {
  const parameter = usd({ default: 0n, doc: '' })
  test('default: a number and a decimal string say the same, exactly', () => {
    expect(parameter.read(100_000)).toBe(10_000_000_000_000n)
    expect(parameter.read('100000.00')).toBe(10_000_000_000_000n)
    expect(parameter.read('90071992547409930.00000001')).toBe(9_007_199_254_740_993_000_000_001n)
    expect(parameter.write(10_000_000_000_000n)).toBe('100000')
    expect(parameter.write(1n)).toBe('0.00000001')
  })
  test.each([-1, '1e5', 1e-9, '0.000000001', Number.NaN, null, true, [], ''])('error: %s is no amount', (json) => {
    expect(() => parameter.read(json)).toThrow('an amount in USD')
  })
  test('property: what is written is read back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 40n }), (usd8) => {
        expect(parameter.read(parameter.write(usd8))).toBe(usd8)
      }),
    )
  })
})

describe('percent', () => {
  test('default: to a hundredth, held in basis points', () => {
    const parameter = percent({ default: 0n, doc: '' })
    expect([4.99, 5, '5.01', '5.00'].map((json) => parameter.read(json))).toEqual([499n, 500n, 501n, 500n])
    expect(() => parameter.read(4.999)).toThrow('a percentage')
    expect(parameter.write(499n)).toBe('4.99')
  })
})

describe('durationOrNever', () => {
  const parameter = durationOrNever({ default: null, range: [1000, 86_400_000], doc: '' })
  test('default: ms, a text with a unit, or never', () => {
    expect([60_000, '60 s', '10min', '1 d', 'never'].map((json) => parameter.read(json))).toEqual([
      60_000,
      60_000,
      600_000,
      86_400_000,
      null,
    ])
    expect(parameter.write(null)).toBe('never')
    expect(['10m', '10 minutes', '600sec', '0.5 h', '1.001 s', '600000'].map((json) => parameter.read(json))).toEqual([
      600_000, 600_000, 600_000, 1_800_000, 1_001, 600_000,
    ])
  })
  test.each([999, 86_400_001, 1.5, '60', '1.0005 s', '1 week', '1 constructor', '', null])('error: %s', (json) => {
    expect(() => parameter.read(json)).toThrow('or "never"')
  })
})

describe('baseUnits', () => {
  test('default: limits by asset', () => {
    const parameter = baseUnits({ default: new Map(), doc: '' })
    const token = `0x${'AB'.repeat(20)}`
    expect(parameter.write(parameter.read([`${token}=5`, 'native=18446744073709551617']))).toEqual([
      `${token.toLowerCase()}=5`,
      'native=18446744073709551617',
    ])
    expect(() => parameter.read(['native'])).toThrow('ADDRESS=AMOUNT')
  })
})

describe('parseOverrides', () => {
  test('default: JSON values, bare words, numbers that JSON would round stay text', () => {
    expect(
      parseOverrides([
        'transfer-volume.exclude=[]',
        'transfer-volume.window=trailing',
        'transfer-volume.over=90071992547409930.00000001',
        'pass-through.within=60 s',
        'pass-through.exclude=["exchange","hub"]',
      ]),
    ).toEqual({
      'transfer-volume': { exclude: [], window: 'trailing', over: '90071992547409930.00000001' },
      'pass-through': { within: '60 s', exclude: ['exchange', 'hub'] },
    })
  })
  test('error: every word that is none, at once', () => {
    expect(() => parseOverrides(['over=1', 'transfer-volume', 'a.b=1'])).toThrow(/^over=1: .*\ntransfer-volume: /)
  })
})

describe('configureDetectors', () => {
  test('behavior: a bare word is a list of one', () => {
    const [configured] = configureDetectors(['running-total'], parseOverrides(['running-total.exclude=exchange']))
    expect(configured?.parameters['exclude']).toEqual(['exchange'])
  })

  test('default: all of the catalogue with its defaults', () => {
    expect(configureDetectors([]).map(({ id, parameters }) => ({ id, parameters }))).toMatchInlineSnapshot(`
      [
        {
          "id": "pass-through",
          "parameters": {
            "asset": "same",
            "coolDown": 600000,
            "exclude": [
              "bridge",
              "dex-router",
              "exchange",
              "hub",
              "mev-bot",
              "pool",
              "settlement",
              "system",
            ],
            "over": "10000",
            "overBase": [],
            "warmUp": 86400000,
            "within": 60000,
          },
        },
        {
          "id": "price-deviation",
          "parameters": {
            "coolDown": 600000,
            "join": "window",
            "notional": "1000",
            "over": "5",
            "within": 10000,
          },
        },
        {
          "id": "running-total",
          "parameters": {
            "coolDown": 600000,
            "exclude": [
              "bridge",
              "dex-router",
              "exchange",
              "mev-bot",
              "pool",
              "settlement",
              "system",
            ],
            "idle": 2592000000,
            "over": "100000",
            "report": "every",
          },
        },
        {
          "id": "transfer-volume",
          "parameters": {
            "coolDown": 0,
            "exclude": [
              "bridge",
              "dex-router",
              "exchange",
              "mev-bot",
              "pool",
              "settlement",
              "system",
            ],
            "length": 600000,
            "over": "100000",
            "report": "each",
            "slide": 60000,
            "window": "sliding",
          },
        },
      ]
    `)
  })
  test('behavior: named ones only, with overrides in canonical spelling', () => {
    const overrides = { 'transfer-volume': { over: '250000.50', exclude: [], length: '1 h' } }
    const [only, ...others] = configureDetectors(['transfer-volume'], overrides)
    expect(others).toEqual([])
    expect(only?.parameters).toMatchObject({ over: '250000.5', exclude: [], length: 3_600_000 })
  })
  test('error: every wrong name and value at once, each with what was expected', () => {
    const overrides = {
      'transfer-volume': { window: 'hopping', over: -1, exclude: ['wales'], ovr: 1 },
      'pass-trough': { within: 1 },
    }
    expect(() => configureDetectors(['running-totals'], overrides)).toThrow(ParameterError)
    try {
      configureDetectors(['running-totals'], overrides)
    } catch (error) {
      expect(error instanceof ParameterError && error.problems.map(({ name }) => name)).toEqual([
        'running-totals',
        'pass-trough',
        'transfer-volume.ovr',
        'transfer-volume.over',
        'transfer-volume.window',
        'transfer-volume.exclude',
      ])
    }
  })
  test('property: every default is within its own range, and describes itself', () => {
    for (const detector of catalogue) {
      const defaults = Object.fromEntries(detector.describe().map((parameter) => [parameter.name, parameter.default]))
      const problems: never[] = []
      expect(detector.configure(defaults, problems).parameters).toEqual(defaults)
      expect(problems).toEqual([])
    }
  })
})
