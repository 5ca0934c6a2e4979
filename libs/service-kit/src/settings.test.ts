import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  defineSettings,
  environmentNames,
  formatBytes,
  formatDuration,
  loadSettings,
  nearest,
  ofChain,
  required,
  setting,
  SettingsError,
  type SettingsSources,
} from './settings.ts'

const table = defineSettings({
  rpcUrl: setting.url({ env: 'TOCSIN_RPC_URL', flag: 'rpc', doc: 'The node.', default: null }),
  port: setting.integer({ env: 'TOCSIN_PORT', flag: 'port', doc: 'The port.', default: 4680, min: 0, max: 65_535 }),
  commitInterval: setting.duration({ env: 'TOCSIN_COMMIT_INTERVAL', doc: 'The pace.', default: 25 }),
  budget: setting.bytes({ env: 'TOCSIN_BUDGET', doc: 'The memory.', default: 1 << 20 }),
  open: setting.boolean({ flag: 'open', doc: 'Open it.', default: true }),
  level: setting.choice({ env: 'TOCSIN_LEVEL', doc: 'How much.', choices: ['low', 'high'], default: 'low' }),
  brokers: setting.list({ env: 'TOCSIN_BROKERS', flag: 'brokers', doc: 'The brokers.', default: [] }),
  data: setting.path({ env: 'TOCSIN_DATA', flag: 'data', doc: 'The folder.', default: '.tocsin' }),
  token: setting.secret({ env: 'TOCSIN_TOKEN', doc: 'The key.', default: null }),
})

const load = (sources: SettingsSources) => loadSettings({ app: table }, { baseDir: '/home/ann', ...sources }).app

const problems = (sources: SettingsSources, tables: Parameters<typeof loadSettings>[0] = { app: table }) => {
  try {
    loadSettings(tables, { baseDir: '/home/ann', ...sources })
  } catch (error) {
    if (error instanceof SettingsError) return error.message.split('\n')
    throw error
  }
  return []
}

describe('loadSettings', () => {
  test('default: every setting has its default, typed and frozen', () => {
    const settings = load({})
    expect(settings).toEqual({
      rpcUrl: null,
      port: 4680,
      commitInterval: 25,
      budget: 1_048_576,
      open: true,
      level: 'low',
      brokers: [],
      data: '/home/ann/.tocsin',
      token: null,
    })
    expect(Object.isFrozen(settings)).toBe(true)
    expectTypeOf(settings.rpcUrl).toEqualTypeOf<string | null>()
    expectTypeOf(settings.port).toEqualTypeOf<number>()
    expectTypeOf(settings.level).toEqualTypeOf<'low' | 'high'>()
    expectTypeOf(settings.brokers).toEqualTypeOf<readonly string[]>()
    expectTypeOf(settings.open).toEqualTypeOf<boolean>()
  })

  test('behavior: a flag wins over the environment, that over the file, that over the default', () => {
    const file = { path: 'tocsin.config.json', dir: '/etc/tocsin', values: { port: 1, level: 'high', data: 'here' } }
    expect(load({ file })).toMatchObject({ port: 1, level: 'high', data: '/etc/tocsin/here' })
    expect(load({ file, env: { TOCSIN_PORT: '2' } })).toMatchObject({ port: 2, level: 'high' })
    expect(load({ file, env: { TOCSIN_PORT: '2' }, flags: { port: '3' } })).toMatchObject({ port: 3, level: 'high' })
  })

  test('behavior: units are read, paths start at the user’s folder, a list is a list however it is given', () => {
    expect(
      load({
        env: { TOCSIN_COMMIT_INTERVAL: '1.5 s', TOCSIN_BUDGET: '64MiB', TOCSIN_BROKERS: 'a:9092, b:9092,' },
        flags: { open: false, data: 'd' },
      }),
    ).toMatchObject({
      commitInterval: 1500,
      budget: 67_108_864,
      brokers: ['a:9092', 'b:9092'],
      open: false,
      data: '/home/ann/d',
    })
    expect(load({ flags: { brokers: ['a', 'b'] } }).brokers).toEqual(['a', 'b'])
    expect(load({ file: { path: 'f', dir: '/', values: { brokers: ['a', 'b'], rpcUrl: null } } }).brokers).toEqual([
      'a',
      'b',
    ])
  })

  test('behavior: a path may hold a comma, other lists are split wherever they come from', () => {
    const t = {
      recording: setting.list({ of: 'path', flag: 'recording', env: 'TOCSIN_RECORDING', doc: '', default: [] }),
      detectors: setting.list({ flag: 'detectors', doc: '', default: [] }),
    }
    const from = (sources: SettingsSources) => loadSettings({ t }, { baseDir: '/d', ...sources }).t
    expect(from({ flags: { recording: ['a,b', '/c'], detectors: ['x,y', 'z'] } })).toEqual({
      recording: ['/d/a,b', '/c'],
      detectors: ['x', 'y', 'z'],
    })
    expect(from({ env: { TOCSIN_RECORDING: 'a,b' } }).recording).toEqual(['/d/a', '/d/b'])
  })

  test('behavior: a comma within the brackets or quotes of JSON separates nothing', () => {
    const words = ['a.b=["x","y,]"],c.d=1', 'e.f="p,q"', 'g=", h]']
    const expected = ['a.b=["x","y,]"]', 'c.d=1', 'e.f="p,q"', 'g="', 'h]']
    expect(load({ flags: { brokers: words } }).brokers).toEqual(expected)
    expect(load({ env: { TOCSIN_BROKERS: words.join(',') } }).brokers.slice(0, 3)).toEqual(expected.slice(0, 3))
  })

  test('behavior: an empty variable counts as not set, so `${X:-}` of a compose file means the default', () => {
    expect(load({ env: { TOCSIN_PORT: '' } }).port).toBe(4680)
  })

  test('error: all wrong settings at once, each with its name, origin, what it said and what is expected', () => {
    expect(
      problems({
        file: { path: 'tocsin.config.json', dir: '/', values: { level: 'medium', open: 'perhaps', prot: 1 } },
        env: { TOCSIN_COMMIT_INTERVAL: '3 weeks', TOCSIN_BUDGET: 'much', TOCSIN_PROT: '1', HOME: '/' },
        flags: { rpc: 'htp//x', port: '70000', opne: true },
      }),
    ).toEqual([
      'rpcUrl: --rpc says "htp//x"; expected a URL that begins with http:// or https://.',
      'port: --port says "70000"; expected an integer from 0 to 65535.',
      'commitInterval: TOCSIN_COMMIT_INTERVAL says "3 weeks"; expected a duration such as 25ms, 10 s, 5 min, 2 h or 3 d.',
      'budget: TOCSIN_BUDGET says "much"; expected a size such as 512 B, 64 KiB, 1 MB or 2 GiB.',
      'open: tocsin.config.json says "perhaps"; expected true or false.',
      'level: tocsin.config.json says "medium"; expected one of low, high.',
      '--opne: it is no flag of this command. Did you mean --open?',
      'TOCSIN_PROT: it is no setting of Tocsin. Did you mean TOCSIN_PORT?',
      'prot: in tocsin.config.json it is no setting of Tocsin. Did you mean port?',
    ])
  })

  test('error: a missing required setting says how to give it', () => {
    const needs = defineSettings({
      url: setting.url({ env: 'TOCSIN_URL', flag: 'url', doc: '', default: required, protocols: ['postgres'] }),
    })
    expect(problems({}, { needs })).toEqual([
      'url: --url or TOCSIN_URL is not set; expected a URL that begins with postgres://.',
    ])
  })

  test('error: a flag given twice, an object where a text belongs, a file that is no object', () => {
    expect(problems({ flags: { port: ['1', '2'] } })).toEqual([
      'port: --port says ["1","2"]; expected an integer from 0 to 65535.',
    ])
    expect(problems({ file: { path: 'f', dir: '/', values: { rpcUrl: {} } } })).toEqual([
      'rpcUrl: f says {}; expected a URL that begins with http:// or https://.',
    ])
    expect(problems({ file: { path: 'f', dir: '/', values: [] } })).toEqual([
      'f: it holds no object; expected { "setting": value, … }.',
    ])
  })

  test('error: a secret is never repeated', () => {
    const [line] = problems({ file: { path: 'f', dir: '/', values: { token: { hunter: 2 } } } })
    expect(line).toBe('token: f says (hidden); expected a text.')
  })

  test('behavior: what other processes read is no mistake, and a shared mistake is named once', () => {
    const other = defineSettings({
      port: table.port,
      webhook: setting.url({ env: 'TOCSIN_WEBHOOK', doc: '', default: null }),
    })
    expect(problems({ env: { TOCSIN_WEBHOOK: 'not read here' }, known: [other] })).toEqual([])
    expect(problems({ env: { TOCSIN_PORT: 'x' } }, { app: table, other })).toHaveLength(1)
  })
})

describe('defineSettings', () => {
  test('error: names that break the rules, or one name for two settings', () => {
    const doc = ''
    expect(() => defineSettings({ 'rpc-url': setting.string({ doc, default: '' }) })).toThrow('camelCase')
    expect(() => defineSettings({ a: setting.string({ doc, default: '', env: 'RPC' }) })).toThrow('TOCSIN_')
    expect(() => defineSettings({ a: setting.string({ doc, default: '', flag: 'Rpc' }) })).toThrow('kebab-case')
    const one = setting.string({ doc, default: '', flag: 'a' })
    expect(() => defineSettings({ a: one, b: one })).toThrow('two settings')
  })
})

describe('environmentNames', () => {
  test('default: sorted, each once', () => {
    expect(environmentNames([table, table])).toEqual([
      'TOCSIN_BROKERS',
      'TOCSIN_BUDGET',
      'TOCSIN_COMMIT_INTERVAL',
      'TOCSIN_DATA',
      'TOCSIN_LEVEL',
      'TOCSIN_PORT',
      'TOCSIN_RPC_URL',
      'TOCSIN_TOKEN',
    ])
  })
})

describe('formatDuration, formatBytes', () => {
  test('default: the largest unit that divides', () => {
    expect([0, 25, 90_000, 600_000, 259_200_000].map(formatDuration)).toEqual([
      '0 ms',
      '25 ms',
      '90 s',
      '10 min',
      '3 d',
    ])
    expect([0, 1000, 65_536, 1 << 30].map(formatBytes)).toEqual(['0 B', '1000 B', '64 KiB', '1 GiB'])
  })

  test('property: what is printed is read back as the same', () => {
    const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
    const t = {
      wait: setting.duration({ flag: 'wait', doc: '', default: 0 }),
      size: setting.bytes({ flag: 'size', doc: '', default: 0 }),
    }
    fc.assert(
      fc.property(number, number, (wait, size) => {
        const flags = { wait: formatDuration(wait), size: formatBytes(size) }
        expect(loadSettings({ t }, { flags }).t).toEqual({ wait, size })
      }),
    )
  })
})

describe('nearest', () => {
  test('default: the name that was meant, or none', () => {
    expect(nearest('recordin', ['recording', 'prices'])).toBe('recording')
    expect(nearest('xyz', ['recording', 'prices'])).toBeUndefined()
    expect(nearest('prot', ['from', 'port'])).toBe('port')
  })
})

describe('setting.perChain', () => {
  const chains = defineSettings({
    rpc: setting.perChain(setting.list({ env: 'TOCSIN_RPC', flag: 'rpc', doc: 'The nodes.', of: 'url', default: [] })),
    from: setting.perChain(setting.integer({ env: 'TOCSIN_FROM', flag: 'from', doc: 'First.', min: 0, default: null })),
    pace: setting.perChain(setting.duration({ env: 'TOCSIN_PACE', flag: 'pace', doc: 'How often.', default: 1_000 })),
    prices: setting.perChain(setting.path({ env: 'TOCSIN_PRICES', doc: 'Prices.', default: null })),
    ids: setting.chainIds({ env: 'TOCSIN_IDS', flag: 'ids', doc: 'Chains.', default: [1] }),
  })
  const read = (sources: SettingsSources) => loadSettings({ app: chains }, { baseDir: '/home/ann', ...sources }).app
  const wrong = (sources: SettingsSources) => problems(sources, { app: chains })

  test('default: a value without a chain is that of every chain, as before there were several', () => {
    const settings = read({ env: { TOCSIN_RPC: 'https://a,https://b', TOCSIN_FROM: '7' } })
    expect([1, 8453, null].map((chainId) => ofChain(settings.rpc, chainId))).toEqual(
      Array.from({ length: 3 }, () => ['https://a', 'https://b']),
    )
    expect([ofChain(settings.from, 5), ofChain(settings.pace, 5), ofChain(settings.prices, 5)]).toEqual([
      7,
      1_000,
      null,
    ])
    expect([settings.rpc.chains.size, settings.ids]).toEqual([0, [1]])
    expectTypeOf(ofChain(settings.from, 1)).toEqualTypeOf<number | null>()
  })

  test.each<[string, SettingsSources]>([
    [
      'variables',
      {
        env: {
          TOCSIN_RPC: '1=https://a, 8453=https://c,1=https://b?x=1',
          TOCSIN_FROM: '8453=9,1=7',
          TOCSIN_PACE: '5 s,8453=200 ms',
          TOCSIN_PRICES: '1=one,two.csv,8453=three.csv',
          TOCSIN_IDS: '1,8453, 1',
        },
      },
    ],
    [
      'flags',
      {
        env: { TOCSIN_PRICES: '8453=three.csv,1=one,two.csv' },
        flags: {
          rpc: ['1=https://a', '1=https://b?x=1,8453=https://c'],
          from: ['1=7', '8453=9'],
          pace: ['8453=200ms', '5s'],
          ids: ['1', '8453'],
        },
      },
    ],
    [
      'the file',
      {
        file: {
          path: 'f.json',
          dir: '/home/ann',
          values: {
            rpc: { 1: ['https://a', 'https://b?x=1'], 8453: 'https://c' },
            from: { 1: 7, 8453: 9 },
            pace: ['5 s', '8453=200 ms'],
            prices: { 1: 'one,two.csv', 8453: 'three.csv' },
            ids: '1,8453',
          },
        },
      },
    ],
  ])('behavior: by %s each chain has its own, and the others what is said for all', (_, sources) => {
    const settings = read(sources)
    expect([ofChain(settings.rpc, 1), ofChain(settings.rpc, 8453), ofChain(settings.rpc, 10)]).toEqual([
      ['https://a', 'https://b?x=1'],
      ['https://c'],
      [],
    ])
    expect([ofChain(settings.from, 1), ofChain(settings.from, 8453), ofChain(settings.from, 10)]).toEqual([7, 9, null])
    expect([ofChain(settings.pace, 1), ofChain(settings.pace, 8453)]).toEqual([5_000, 200])
    expect([ofChain(settings.prices, 1), ofChain(settings.prices, 8453)]).toEqual([
      '/home/ann/one,two.csv',
      '/home/ann/three.csv',
    ])
    expect(settings.ids).toEqual([1, 8453])
  })

  test('error: a value that is none of its kind, two for one chain, and what is no chain id', () => {
    expect(wrong({ env: { TOCSIN_FROM: '1=7,8453=soon' } })).toEqual([
      'from: TOCSIN_FROM says "1=7,8453=soon"; expected an integer of at least 0.',
    ])
    expect(wrong({ flags: { from: ['1=7', '1=8'] } })).toEqual([
      'from: --from says ["1=7","1=8"]; expected one value for chain 1.',
    ])
    expect(wrong({ flags: { pace: ['1 s', '2 s'] } })).toEqual([
      'pace: --pace says ["1 s","2 s"]; expected one value without a chain.',
    ])
    expect(wrong({ env: { TOCSIN_FROM: '0=7' } })).toEqual([
      'from: TOCSIN_FROM says "0=7"; expected a chain id before the = of "0=7", such as 8453=….',
    ])
    expect(wrong({ env: { TOCSIN_IDS: '1,base' } })).toEqual([
      'ids: TOCSIN_IDS says "1,base"; expected an integer of at least 1.',
    ])
  })
})
