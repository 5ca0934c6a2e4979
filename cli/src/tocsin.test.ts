import { describe, expect, test } from 'vitest'
import { testIo } from './test-io.ts'
import { listedCommands, runTocsin } from './tocsin.ts'

async function tocsin(line: string, env: Readonly<Record<string, string>> = {}) {
  const { io, stdout, stderr } = testIo({ env })
  const code = await runTocsin(
    line.split(' ').filter((word) => word !== ''),
    io,
  )
  return { code, stdout: stdout(), stderr: stderr() }
}

/** Words with which each command would begin its work. */
const begun: Readonly<Record<string, string>> = {
  start: '',
  ingest: '--kafka-brokers 127.0.0.1:1 --rpc http://127.0.0.1:1',
  detect: '--kafka-brokers 127.0.0.1:1',
  serve: '--kafka-brokers 127.0.0.1:1',
  topics: '--kafka-brokers 127.0.0.1:1',
  'savepoint take': 'detection.savepoint --kafka-brokers 127.0.0.1:1',
  'savepoint restore': 'detection.savepoint --kafka-brokers 127.0.0.1:1 --job detection-4',
  ledger: '--kafka-brokers 127.0.0.1:1',
  decode: '--recording blocks',
  replay: '--recording blocks',
  verify: 'alerts.ndjson --recording blocks',
  detectors: '',
  'savepoint inspect': 'detection.savepoint',
}
/** Those that only a signal ends. */
const lasting = ['start', 'ingest', 'detect', 'serve']

describe('runTocsin', () => {
  test('default: without words, and with --help, it says what it is and what it can do', async () => {
    const { code, stdout } = await tocsin('')
    expect(code).toBe(0)
    expect(await tocsin('--help')).toEqual({ code: 0, stdout, stderr: '' })
    expect(stdout).toContain('Usage: tocsin <command> [flags]')
    for (const { name, summary } of listedCommands) expect(stdout).toContain(`  ${name.padEnd(17)}  ${summary}\n`)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120)
  })

  test('behavior: the names of the commands are stable', () => {
    expect(listedCommands.map(({ name }) => name)).toEqual(Object.keys(begun))
  })

  test.each(listedCommands.map(({ name }) => name))('behavior: tocsin %s --help teaches', async (name) => {
    const { code, stdout, stderr } = await tocsin(`${name} --help`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^Usage: tocsin ${name}\\b.*\\[flags\\]\\n`))
    expect(stdout).toContain('Flags of every command:')
    expect(stdout).toContain(`Examples:\n  tocsin ${name}`)
    expect(await tocsin(`help ${name}`)).toEqual({ code, stdout, stderr })
  })

  test.each(Object.entries(begun))(
    'behavior: tocsin %s, told to end before it began, begins nothing',
    async (name, words) => {
      const { io, stdout, stderr } = testIo({ isToldToEnd: true })
      const code = await runTocsin([...name.split(' '), ...words.split(' ').filter((word) => word !== '')], io)
      // What has an end of its own did not reach it.
      expect({ code, stdout: stdout() }).toEqual({ code: lasting.includes(name) ? 0 : 130, stdout: '' })
      expect(stderr()).toMatch(/^\S+ INFO +[a-z ]+: stopping; press Ctrl-C again to stop at once\n$/)
    },
  )

  test('error: no such command, with the one that was meant', async () => {
    expect(await tocsin('repaly')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'tocsin: there is no command "repaly". Did you mean replay?\nSee: tocsin --help\n',
    })
  })

  test('error: the first word of a command of two', async () => {
    expect(await tocsin('savepoint')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'tocsin: there is no command "savepoint". Did you mean savepoint take?\nSee: tocsin --help\n',
    })
  })

  test('error: every wrong flag and variable of a command, a line each, and exit code 2', async () => {
    const { code, stdout, stderr } = await tocsin('replay --batch-size none --price p.csv', {
      TOCSIN_LOG_LEVEL: 'loud',
      TOCSIN_DETECTOR: 'x',
    })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr.split('\n')).toEqual([
      'tocsin: recording: --recording is not set; expected a list of values separated by commas, each a path.',
      'tocsin: batchSize: --batch-size says "none"; expected an integer from 1 to 1000000 (elements).',
      'tocsin: logLevel: TOCSIN_LOG_LEVEL says "loud"; expected one of debug, info, warn, error.',
      'tocsin: --price: it is no flag of this command. Did you mean --prices?',
      'tocsin: TOCSIN_DETECTOR: it is no setting of Tocsin. Did you mean TOCSIN_DETECTORS?',
      'See: tocsin replay --help',
      '',
    ])
  })

  test('error: wrong detectors and parameters are told at once, before anything is read', async () => {
    const { code, stderr } = await tocsin(
      'replay --recording none --batch-size none --detectors transfer-volum --param transfer-volume.over=x --param nonsense',
    )
    expect(code).toBe(2)
    expect(stderr.split('\n').slice(0, 4)).toEqual([
      'tocsin: detectors: --detectors transfer-volum: there is no such detector; did you mean transfer-volume?',
      expect.stringMatching(/^tocsin: parameters: --param nonsense: expected detector\.parameter=value/),
      expect.stringMatching(/^tocsin: parameters: --param transfer-volume\.over: /),
      'tocsin: batchSize: --batch-size says "none"; expected an integer from 1 to 1000000 (elements).',
    ])
  })

  test.each(['ingest', 'detect', 'serve'])('error: tocsin %s without brokers says what to do', async (name) => {
    const { code, stderr } = await tocsin(name)
    expect(code).toBe(2)
    expect(stderr).toContain(`${name} is one of three processes that meet in Kafka: set TOCSIN_KAFKA_BROKERS`)
    expect(stderr).toContain('`tocsin start` runs all of them in one process')
  })

  test('behavior: tocsin detectors lists them, and describes one', async () => {
    const { code, stdout } = await tocsin('detectors')
    expect(code).toBe(0)
    for (const id of ['transfer-volume', 'pass-through', 'running-total']) expect(stdout).toContain(id)
    const one = await tocsin('detectors transfer-volume')
    expect(one.stdout).toContain('Parameters, as --param transfer-volume.NAME=JSON:')
    expect(one.stdout).toMatch(/ {2}window\n {6}.+\n {6}Default "sliding"/)
  })

  test('error: no such detector', async () => {
    expect(await tocsin('detectors transfer-volum')).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'tocsin: There is no detector "transfer-volum". Did you mean transfer-volume?\nSee: tocsin detectors --help\n',
    })
  })
})
