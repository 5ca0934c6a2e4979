import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { runTocsin } from '../tocsin-process.ts'
import { expectNoStack, expectOneLine } from './expectations.ts'

const word = (digits: string) => `0x${digits.padStart(64, '0')}`
const hashOf = (number: number, branch = 'a') => word(`${branch}${number.toString(16)}`)
const token = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'
const transferTopic = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/** A block of one transfer of 60,000 USDC of one sender. */
const block = (number: number, branch = 'a') => ({
  block: {
    ...{ number: `0x${number.toString(16)}`, hash: hashOf(number, branch), parentHash: hashOf(number - 1, 'a') },
    ...{ timestamp: `0x${(1_700_000_000 + number * 12).toString(16)}`, transactions: [word(`7e${number}`)] },
  },
  logs: [
    {
      ...{ address: token, blockNumber: `0x${number.toString(16)}`, blockHash: hashOf(number, branch) },
      ...{ transactionHash: word(`7e${number}`), transactionIndex: '0x0', logIndex: '0x0' },
      topics: [transferTopic, word('5e4de4'), word(`4ec${number}`)],
      data: word(60_000_000_000n.toString(16)),
    },
  ],
})
const lines = Array.from({ length: 40 }, (_, n) => JSON.stringify(block(n + 1)))
const whole = lines.join('\n')

/** A new folder with a good recording, and prices. */
function place() {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bad-recording-'))
  const file = (name: string, content: string | Uint8Array) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  const prices = file('prices.csv', `asset,price,time,source\n${token},1.00,,constant\n`)
  return { folder, file, prices, out: join(folder, 'out.ndjson') }
}

const commands = ['replay', 'decode', 'verify'] as const

/** Each command that reads recordings, told to read this one. */
function run(command: (typeof commands)[number], recording: string, { folder, out }: ReturnType<typeof place>) {
  if (command === 'verify') {
    writeFileSync(join(folder, 'alerts.ndjson'), '')
    return runTocsin(['verify', join(folder, 'alerts.ndjson'), '--recording', recording])
  }
  const prices = command === 'replay' ? ['--prices', join(folder, 'prices.csv')] : []
  return runTocsin([command, '--recording', recording, ...prices, '--out', out])
}

describe.each(commands)('tocsin %s', (command) => {
  test.each([
    [
      'a truncated gzip file',
      (at: ReturnType<typeof place>) => at.file('cut.jsonl.gz', gzipSync(whole).subarray(0, -300)),
      /cut\.jsonl\.gz, line \d+: the gzip data end too early/,
    ],
    [
      'a line of JSON that was cut',
      (at: ReturnType<typeof place>) => at.file('cut.jsonl', whole.slice(0, -200)),
      /cut\.jsonl, line 40: no JSON/,
    ],
    [
      'a folder without any recording',
      (at: ReturnType<typeof place>) => {
        mkdirSync(join(at.folder, 'nothing'))
        at.file('nothing/readme.md', 'nothing here')
        return join(at.folder, 'nothing')
      },
      /nothing: no recorded block is there\. Remedy: Name a file or folder/,
    ],
    ['a path that is not there', (at: ReturnType<typeof place>) => join(at.folder, 'none'), /none: .*--recording/],
    [
      'one block told in two ways',
      (at: ReturnType<typeof place>) => {
        mkdirSync(join(at.folder, 'two'))
        at.file('two/a.jsonl', whole)
        at.file('two/b.jsonl', JSON.stringify(block(7, 'b')))
        return join(at.folder, 'two')
      },
      /b\.jsonl: block 7 is 0x\w+ in one place and 0x\w+ in another/,
    ],
    [
      'a block whose parent is another',
      (at: ReturnType<typeof place>) =>
        at.file('fork.jsonl', [...lines.slice(0, 20), JSON.stringify(block(21, 'b')), lines[21]].join('\n')),
      /fork\.jsonl: block 22 names 0x\w+ as its parent, but block 21 is 0x/,
    ],
  ])(
    'error: %s is one line, and nothing half done stays',
    async (_, recordingOf, cause) => {
      const at = place()
      const { code, stdout, stderr } = await run(command, recordingOf(at), at)
      expect(code, stderr).toBe(1)
      expectOneLine(stderr, 'INGEST_BAD_RECORDING', cause)
      expect(stdout).toBe('')
      for (const left of [at.out, `${at.out}.partial`, `${at.out}.work`]) expect(existsSync(left), left).toBe(false)
    },
    30_000,
  )
})

describe('tocsin replay', () => {
  test('behavior: the same command gives the alerts once the recording is mended', async () => {
    const [at, calm] = [place(), place()]
    const path = at.file(
      'blocks.jsonl',
      [...lines.slice(0, 20), JSON.stringify(block(21, 'b')), ...lines.slice(21)].join('\n'),
    )
    expect((await run('replay', path, at)).code).toBe(1)
    at.file('blocks.jsonl', whole)
    const mended = await run('replay', path, at)
    expect(mended.code, mended.stderr).toBe(0)
    expect((await run('replay', calm.file('blocks.jsonl', whole), calm)).code).toBe(0)
    expect(readFileSync(at.out, 'utf8')).toBe(readFileSync(calm.out, 'utf8'))
    expect(readFileSync(at.out, 'utf8').split('\n').length).toBeGreaterThan(1)
  }, 30_000)

  test('behavior: bad lines of a price file are told in one line with their number; the good ones are used', async () => {
    const [at, calm] = [place(), place()]
    const good = readFileSync(at.prices, 'utf8')
    at.file('prices.csv', `${good}nonsense,1.00,,x\n${token},none,,x\n,1.00,,x\n${token},-5,,x\n`)
    const { code, stderr } = await run('replay', at.file('blocks.jsonl', whole), at)
    expect(code, stderr).toBe(0)
    expectOneLine(stderr, 'INGEST_BAD_PRICE', /prices\.csv, line 3: "nonsense" is no address.*badLines=4/)
    expect((await run('replay', calm.file('blocks.jsonl', whole), calm)).code).toBe(0)
    expect(readFileSync(at.out, 'utf8')).toBe(readFileSync(calm.out, 'utf8'))
  }, 30_000)

  test('error: a price file that is not there', async () => {
    const at = place()
    const path = at.file('blocks.jsonl', whole)
    const { code, stderr } = await runTocsin(['replay', '--recording', path, '--prices', join(at.folder, 'none.csv')])
    expect(code).toBe(1)
    expectOneLine(stderr, 'INGEST_BAD_LIST_FILE', /none\.csv: it cannot be read.*Remedy: Check the path/)
  })
})

describe('tocsin verify', () => {
  test.each([
    ['a line that is no alert', '{"id":1}\n', /alerts\.ndjson, line 1: Not an alert: id/],
    ['a line that was cut', '{"id":"ab', /alerts\.ndjson, line 1: Not an alert: it is no JSON/],
  ])('error: %s', async (_, text, cause) => {
    const at = place()
    const alerts = at.file('alerts.ndjson', text)
    const { code, stderr } = await runTocsin(['verify', alerts, '--recording', at.file('blocks.jsonl', whole)])
    expect(code).toBe(1)
    expectOneLine(stderr, 'CLI_ALERT_FILE', cause)
    expectNoStack(stderr)
  })
})
