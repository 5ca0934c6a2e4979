import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runTocsin } from '../tocsin-process.ts'
import { expectNoStack } from './expectations.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'tocsin-settings-'))

describe('wrong settings', () => {
  test('error: of file, environment and flags, all at once, by name, with what is expected; nothing is begun', async () => {
    const cwd = folder()
    writeFileSync(join(cwd, 'tocsin.config.json'), JSON.stringify({ pollInterval: 'soon', colour: 'red' }))
    const { code, stdout, stderr } = await runTocsin(
      ['start', '--rpc', 'localhost', '--port', '99999', '--data', join(cwd, 'data'), '--frum', '1'],
      { cwd, env: { TOCSIN_REQUEST_TIMEOUT: 'x', TOCSIN_WEBHOOK_CONCURRENCY: '0', TOCSIN_TRACE: 'all' } },
    )
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expectNoStack(stderr)
    const told = stderr.trimEnd().split('\n')
    expect(told.at(-1)).toBe('See: tocsin start --help')
    expect(told.slice(0, -1).toSorted()).toEqual(
      [
        'tocsin: --frum: it is no flag of this command. Did you mean --from?',
        'tocsin: TOCSIN_TRACE: it is no setting of Tocsin. Did you mean TOCSIN_TRACES?',
        'tocsin: apiPort: --port says "99999"; expected an integer from 0 to 65535.',
        'tocsin: colour: in tocsin.config.json it is no setting of Tocsin.',
        'tocsin: pollInterval: tocsin.config.json says "soon"; expected a duration such as 25ms, 10 s, 5 min, 2 h or 3 d, at least 10 ms.',
        'tocsin: requestTimeout: TOCSIN_REQUEST_TIMEOUT says "x"; expected a duration such as 25ms, 10 s, 5 min, 2 h or 3 d, at least 10 ms.',
        'tocsin: rpc: --rpc says "localhost"; expected a URL that begins with http:// or https:// or ws:// or wss://.',
        'tocsin: webhookConcurrency: TOCSIN_WEBHOOK_CONCURRENCY says "0"; expected an integer from 1 to 256 (deliveries).',
      ].toSorted(),
    )
    expect(readdirSync(cwd)).toEqual(['tocsin.config.json'])
  })

  test('error: detectors and parameters, all at once', async () => {
    const { code, stderr } = await runTocsin([
      ...['replay', '--recording', 'none', '--detectors', 'transfer-volum'],
      ...['--param', 'garbage', '--param', 'transfer-volume.foo=1', '--param', 'transfer-volume.window=round'],
    ])
    expect(code).toBe(2)
    expectNoStack(stderr)
    expect(stderr).toContain('garbage: expected detector.parameter=value')
    expect(stderr).toContain('transfer-volum: there is no such detector; did you mean transfer-volume?')
    expect(stderr).toMatch(/transfer-volume\.foo: .*no such parameter/)
    expect(stderr).toMatch(/transfer-volume\.window: .*(trailing|sliding)/)
    expect(stderr.trimEnd().split('\n')).toHaveLength(5)
  })

  test.each([
    ['is no JSON', '{', /tocsin\.json: the settings file is no JSON/],
    ['holds no object', '[1]', /tocsin\.json/],
    ['is not there', null, /tocsin\.json: the settings file cannot be read/],
  ])('error: a settings file that %s', async (_, text, cause) => {
    const cwd = folder()
    if (text !== null) writeFileSync(join(cwd, 'tocsin.json'), text)
    const { code, stderr } = await runTocsin(['start', '--config', 'tocsin.json'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toMatch(cause)
    expect(stderr.trimEnd().split('\n')).toHaveLength(2)
    expectNoStack(stderr)
  })

  test('error: a detector that there is not, and a command', async () => {
    const [detector, command] = [await runTocsin(['detectors', 'nothing']), await runTocsin(['stat'])]
    expect([detector.code, command.code]).toEqual([2, 2])
    expect(detector.stderr).toContain('There is no detector "nothing".')
    expect(command.stderr).toContain('there is no command "stat". Did you mean start?')
  })
})
