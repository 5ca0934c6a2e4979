import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runTocsin } from '../tocsin-process.ts'
import { expectNoStack, expectOneLine, linesSaying, until } from './expectations.ts'

const main = join(import.meta.dirname, '../../cli/dist/main.js')
const token = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'
const transferTopic = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const word = (digits: string) => `0x${digits.padStart(64, '0')}`

/** Blocks of one transfer each, together more than the limit below, and prices. */
function place() {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-full-disk-'))
  const blocks = Array.from({ length: 800 }, (_, n) => ({
    ...{ blockNumber: n + 1, blockHash: word(`b${n + 1}`), timestamp: 1_700_000_000 + n * 12 },
    logs: [
      {
        ...{ address: token, blockNumber: `0x${(n + 1).toString(16)}`, blockHash: word(`b${n + 1}`) },
        ...{ transactionHash: word(`7e${n}`), transactionIndex: '0x0', logIndex: '0x0' },
        topics: [transferTopic, word(`5e4de${n % 10}`), word(`4ec${n}`)],
        data: word(60_000_000_000n.toString(16)),
      },
    ],
  }))
  const recording = join(folder, 'blocks.jsonl')
  writeFileSync(recording, blocks.map((block) => JSON.stringify(block)).join('\n'))
  const prices = join(folder, 'prices.csv')
  writeFileSync(prices, `asset,price,time,source\n${token},1.00,,constant\n`)
  return { recording, prices, out: join(folder, 'out.ndjson') }
}

// A limit on the size of files is a full disk that needs neither rights nor a mount; in units of 512 bytes. Linux has the
// command that lifts the limit of another process.
const limited = 'ulimit -S -f 300; exec "$0" "$@"'

function startLimited(args: readonly string[]) {
  const child = spawn('sh', ['-c', limited, process.execPath, main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const finished = once(child, 'close').then(([code]) => code as number | null)
  return { child, stderr: () => stderr, finished }
}

describe.skipIf(process.platform !== 'linux')('a full disk', () => {
  test('behavior: a replay waits for space for its log, says so once, and then gives the same bytes', async () => {
    const [at, calm] = [place(), place()]
    const replay = ({ recording, prices, out }: typeof at) =>
      ['replay', '--recording', recording, '--prices', prices, '--out', out] as const
    const running = startLimited(replay(at))
    await until('it says so', () => linesSaying(running.stderr(), 'LOG_FULL').length > 0, running.stderr)
    execFileSync('prlimit', ['--pid', `${running.child.pid}`, '--fsize=unlimited'])
    expect(await running.finished, running.stderr()).toBe(0)
    expectOneLine(running.stderr(), 'LOG_FULL', /No space is left for .*nothing of the transaction was written/)
    expect(running.stderr()).toMatch(/it is over; the replay goes on/)
    const { code, stderr } = await runTocsin(replay(calm))
    expect(code, stderr).toBe(0)
    expect(readFileSync(at.out, 'utf8')).toBe(readFileSync(calm.out, 'utf8'))
    expect(readFileSync(at.out, 'utf8').split('\n').length).toBeGreaterThan(10)
  }, 60_000)

  test('error: no space for the file of --out: one line, and no half of it stays', async () => {
    const { recording, out } = place()
    const running = startLimited(['decode', '--recording', recording, '--out', out])
    expect(await running.finished, running.stderr()).toBe(1)
    expectOneLine(running.stderr(), 'CLI_OUTPUT', /out\.ndjson cannot be written: .*(EFBIG|ENOSPC)/)
    expect([out, `${out}.partial`].filter((path) => existsSync(path))).toEqual([])
  }, 30_000)

  test('error: no space behind standard output', async () => {
    const { recording } = place()
    const child = spawn(process.execPath, [main, 'decode', '--recording', recording], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    })
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const [code] = (await once(child, 'close')) as [number | null]
    expect(code).toBe(1)
    expectOneLine(stderr, 'CLI_OUTPUT', /standard output cannot be written: .*ENOSPC/)
    expectNoStack(stderr)
  }, 30_000)
})
