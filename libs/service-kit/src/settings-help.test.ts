import { describe, expect, test } from 'vitest'
import { settingsHelp, settingsMarkdown } from './settings-help.ts'
import { defineSettings, required, setting } from './settings.ts'

const table = defineSettings({
  rpcUrl: setting.url({ env: 'TOCSIN_RPC_URL', flag: 'rpc', doc: 'The node.', default: null }),
  wait: setting.duration({
    flag: 'wait',
    doc: 'How long it waits for the next block before it asks again.',
    default: 90_000,
  }),
  open: setting.boolean({ flag: 'open', doc: 'Open it.', default: true }),
  pool: setting.integer({ env: 'TOCSIN_POOL', doc: 'Connections.', default: 4, min: 1, max: 9, unit: 'connections' }),
  out: setting.path({ flag: 'out', doc: 'The file.', default: required }),
})

describe('settingsHelp', () => {
  test('default: a flag, its sentence, its default and its variable; settings without a flag are left out', () => {
    expect(settingsHelp(table, 60)).toBe(
      [
        '  --rpc URL        The node. (TOCSIN_RPC_URL)',
        '  --wait DURATION  How long it waits for the next block',
        '                   before it asks again. Default 90 s.',
        '  --no-open        Open it. Default true.',
        '  --out PATH       The file. Required.',
      ].join('\n'),
    )
  })
})

describe('settingsMarkdown', () => {
  test('default: a row a setting', () => {
    expect(settingsMarkdown(table).split('\n').slice(2)).toEqual([
      '| `rpcUrl` | `--rpc` | `TOCSIN_RPC_URL` | none | The node. (a URL that begins with http:// or https://) |',
      '| `wait` | `--wait` |  | 90 s | How long it waits for the next block before it asks again. (a duration such as 25ms, 10 s, 5 min, 2 h or 3 d) |',
      '| `open` | `--no-open` |  | true | Open it. (true or false) |',
      '| `pool` |  | `TOCSIN_POOL` | 4 connections | Connections. (an integer from 1 to 9 (connections)) |',
      '| `out` | `--out` |  | required | The file. (a path) |',
    ])
  })
})
