import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineSettings, SettingsError, setting } from '@tocsin/service-kit'
import { describe, expect, test } from 'vitest'
import { defineCommand } from './command.ts'
import { testIo } from './test-io.ts'
import { UsageError } from './words.ts'

const seen: unknown[] = []
const command = defineCommand(
  {
    name: 'watch',
    runs: 'to-end',
    summary: 'Watch.',
    about: 'Watches a file and says what changed.',
    examples: ['tocsin watch alerts.ndjson'],
    positional: { name: 'FILE', doc: 'the file to watch.', count: 'one' },
    settings: {
      app: defineSettings({
        port: setting.integer({
          env: 'TOCSIN_PORT',
          flag: 'port',
          doc: 'The port.',
          default: 4680,
          min: 0,
          max: 65_535,
        }),
        wait: setting.duration({ env: 'TOCSIN_WAIT', flag: 'wait', doc: 'The wait.', default: 90_000 }),
      }),
    },
    run: async ({ settings, word, log }) => {
      if (word === 'away') throw new Error('It is away.')
      log.info('seen')
      seen.push({ ...settings.app, word })
      return word === 'bad' ? 1 : undefined
    },
  },
  [defineSettings({ other: setting.string({ env: 'TOCSIN_OTHER', doc: '', default: '' }) })],
)

describe('defineCommand', () => {
  test('default: words become typed settings', async () => {
    const { io } = testIo({ env: { TOCSIN_OTHER: 'another process’s', TOCSIN_WAIT: '5 s' } })
    expect(await command.start(['a.ndjson', '--port', '0'], io)).toBe(0)
    expect(seen.at(-1)).toEqual({ port: 0, wait: 5000, word: 'a.ndjson' })
  })

  test('behavior: the settings file is found, or named; it speaks for all processes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-command-'))
    writeFileSync(join(folder, 'tocsin.config.json'), '{"port": 1, "other": "x"}')
    writeFileSync(join(folder, 'mine.json'), '{"port": 2}')
    expect(await command.start(['a'], testIo({ folder }).io)).toBe(0)
    expect(seen.at(-1)).toMatchObject({ port: 1 })
    expect(await command.start(['a', '--config', 'mine.json'], testIo({ folder }).io)).toBe(0)
    expect(seen.at(-1)).toMatchObject({ port: 2 })
    await expect(command.start(['a'], testIo({ folder, env: { TOCSIN_CONFIG: 'none.json' } }).io)).rejects.toThrow(
      'none.json: the settings file cannot be read',
    )
  })

  test('behavior: the command’s own answer is the exit code; a failure is one line and 1', async () => {
    expect(await command.start(['bad'], testIo().io)).toBe(1)
    const { io, stderr } = testIo()
    expect(await command.start(['away'], io)).toBe(1)
    expect(stderr()).toBe('1970-01-01T00:00:00.000Z ERROR watch: It is away.\n')
  })

  test('error: every mistake is told before anything is begun', async () => {
    const before = seen.length
    const { io } = testIo({ env: { TOCSIN_WAIT: 'long' } })
    const failed = command.start(['a', '--port', 'x', '--prt', '1', '--log-level', 'loud'], io)
    await expect(failed).rejects.toThrow(SettingsError)
    await expect(failed).rejects.toThrow(
      [
        'port: --port says "x"; expected an integer from 0 to 65535.',
        'wait: TOCSIN_WAIT says "long"; expected a duration such as 25ms, 10 s, 5 min, 2 h or 3 d.',
        'logLevel: --log-level says "loud"; expected one of debug, info, warn, error.',
        '--prt: it is no flag of this command. Did you mean --port?',
      ].join('\n'),
    )
    expect(seen.length).toBe(before)
  })

  test('error: words that are missing or too many', async () => {
    const start = (...words: string[]) => command.start(words, testIo().io)
    await expect(start()).rejects.toThrow(
      new UsageError('FILE is missing: the file to watch. It stands before the flags: tocsin watch FILE …'),
    )
    await expect(start('a', 'b')).rejects.toThrow('"b" is one word too many; expected one FILE.')
  })

  test('behavior: help names the word, each flag with unit, default and variable, and examples', () => {
    expect(command.help()).toBe(`Usage: tocsin watch FILE [flags]

Watches a file and says what changed.

FILE: the file to watch.

Flags:
  --port N         The port. Default 4680. (TOCSIN_PORT)
  --wait DURATION  The wait. Default 90 s. (TOCSIN_WAIT)

Flags of every command:
  --config PATH               The settings file (JSON). Without it tocsin.config.json is read if it
                              is there. (TOCSIN_CONFIG)
  --log-level debug|info|warn|error
                              The lowest level that is logged; debug adds stacks to errors. Default
                              info. (TOCSIN_LOG_LEVEL)
  --log-format text|json      Lines for people, or one JSON object a line for collectors. Default
                              text. (TOCSIN_LOG_FORMAT)

Examples:
  tocsin watch alerts.ndjson
`)
  })
})
