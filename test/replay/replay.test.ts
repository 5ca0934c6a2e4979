import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alertCodec } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../shared-data.ts'
import { runTocsin, startTocsin } from '../tocsin-process.ts'
import { bruteForce } from './brute-force.ts'

const range = sharedData('chain-data', 'eth-mainnet-ranges', 'logs-18426253-18426303.jsonl.gz')

const assets = [
  ['0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48', 6, '1.00'],
  ['0xdac17f958d2ee523a2206206994597c13d831ec7', 6, '1.00'],
  ['0x6b175474e89094c44da98b954eedeac495271d0f', 18, '1.00'],
  ['0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2', 18, '1773.00'],
  ['0x2260fac5e5542a773aa44fbcfedf7c193bc2c599', 8, '33930.00'],
] as const
const byToken = new Map(
  assets.map(([address, decimals, price]) => [
    address,
    { decimals, price8: BigInt(price.replace('.', '')) * 1_000_000n },
  ]),
)

const folder = () => mkdtempSync(join(tmpdir(), 'tocsin-replay-'))

function priceFile(): string {
  const path = join(folder(), 'prices.csv')
  writeFileSync(
    path,
    ['asset,price,time,source', ...assets.map(([address, , price]) => `${address},${price},,constant`)].join('\n'),
  )
  return path
}

const replayArguments = (out: string, window: string, ...more: readonly string[]) => [
  'replay',
  ...['--recording', range.path, '--prices', priceFile(), '--out', out],
  ...['--param', `transfer-volume.window=${window}`, '--param', 'transfer-volume.exclude=[]', ...more],
]

const alertsOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => alertCodec.parse(line))

describe.skipIf(range.missing !== null)(`tocsin replay${range.missing === null ? '' : ` (${range.missing})`}`, () => {
  test.each(['trailing', 'sliding', 'tumbling'] as const)(
    'default: %s transfer volume fires for exactly the senders that plain loops find',
    async (window) => {
      const out = join(folder(), 'alerts.ndjson')
      const { code, stderr } = await runTocsin(replayArguments(out, window, '--detectors', 'transfer-volume'))
      expect(code, stderr).toBe(0)
      const expected = bruteForce(range.path, byToken)
      const senders = [...new Set(alertsOf(out).map(({ key }) => key))].toSorted()
      expect(senders).toEqual(expected[window])
      expect(expected[window].length).toBeGreaterThan(70)
      expect(expected.atTheLimit.length).toBeGreaterThan(0)
      expect(senders.filter((sender) => expected.atTheLimit.includes(sender))).toEqual([])
      expect(alertsOf(out).every(({ status }) => status === 'confirmed')).toBe(true)
    },
    180_000,
  )

  test('behavior: batch sizes and a kill -9 change no byte, and every alert proves itself', async () => {
    const [plain, small, killed] = ['plain', 'small', 'killed'].map((name) => join(folder(), `${name}.ndjson`)) as [
      string,
      string,
      string,
    ]
    const first = await runTocsin(replayArguments(plain, 'trailing'))
    expect(first.code, first.stderr).toBe(0)
    const second = await runTocsin(replayArguments(small, 'trailing', '--batch-size', '7'))
    expect(second.code, second.stderr).toBe(0)

    const killedArguments = replayArguments(killed, 'trailing', '--batch-size', '3')
    const running = startTocsin(killedArguments)
    await running.printed(/[1-9]\d* blocks|[1-9]\d*\/51|\d+ %|\d+%/, 60_000)
    running.child.kill('SIGKILL')
    const { signal } = await running.finished
    expect(signal, 'it had ended before it could be killed').toBe('SIGKILL')
    const resumed = await runTocsin(killedArguments)
    expect(resumed.code, resumed.stderr).toBe(0)
    expect(resumed.stderr).toMatch(/resum|goes on/i)

    const bytes = readFileSync(plain)
    expect(bytes.length).toBeGreaterThan(10_000)
    expect(readFileSync(small).equals(bytes)).toBe(true)
    expect(readFileSync(killed).equals(bytes)).toBe(true)

    const verified = await runTocsin(['verify', plain, '--recording', range.path])
    expect(verified.code, verified.stderr + verified.stdout).toBe(0)
  }, 300_000)

  test('error: verify refuses a file in which one digit of one evidence entry was changed', async () => {
    const out = join(folder(), 'alerts.ndjson')
    const { code, stderr } = await runTocsin(replayArguments(out, 'trailing'))
    expect(code, stderr).toBe(0)
    const lines = readFileSync(out, 'utf8').trim().split('\n')
    const at = Math.floor(lines.length / 2)
    const line = lines[at] ?? ''
    const evidenceAt = line.indexOf('"evidence":[')
    const digitAt = line.indexOf('"amount":"', evidenceAt) + '"amount":"'.length
    const digit = Number(line[digitAt])
    const forged = `${line.slice(0, digitAt)}${(digit % 9) + 1}${line.slice(digitAt + 1)}`
    expect(forged).not.toBe(line)
    const forgedFile = join(folder(), 'forged.ndjson')
    writeFileSync(forgedFile, [...lines.slice(0, at), forged, ...lines.slice(at + 1), ''].join('\n'))
    const verified = await runTocsin(['verify', forgedFile, '--recording', range.path])
    expect(verified.code).toBe(1)
    expect(verified.stdout + verified.stderr).toContain((JSON.parse(line) as { id: string }).id.slice(0, 8))
  }, 180_000)
})
