import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { alertCodec } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { testIo } from '../test-io.ts'
import { runTocsin } from '../tocsin.ts'

const usdc = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'
const eve = '0x00000000000000000000000000000000000000e1'
const transferTopic = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const hex = (value: bigint | number) => `0x${value.toString(16)}`
const word = (value: bigint | string) => `0x${BigInt(value).toString(16).padStart(64, '0')}`

/** A range of logs: in each block eve sends so many USDC to somebody. */
const blocks = (...usd: readonly bigint[]) =>
  usd
    .map((amount, index) => ({
      blockNumber: hex(18_000_000 + index),
      timestampEstimate: 1_698_224_783 + 12 * index,
      logs: [
        {
          address: usdc,
          topics: [transferTopic, word(eve), word(BigInt(0xb0b + index))],
          data: word(amount * 1_000_000n),
          blockNumber: hex(18_000_000 + index),
          transactionHash: word(BigInt(index + 1)),
          transactionIndex: '0x0',
          logIndex: '0x0',
          removed: false,
        },
      ],
    }))
    .map((block) => `${JSON.stringify(block)}\n`)
    .join('')

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-replay-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

async function tocsin(folder: string, line: string, interruptAfter?: RegExp) {
  const { io, stdout, stderr, interrupt } = testIo({ folder })
  const watched = {
    ...io,
    stderr: {
      ...io.stderr,
      write: (text: string) => {
        io.stderr.write(text)
        if (interruptAfter?.test(text) === true) interrupt()
      },
    },
  }
  const code = await runTocsin(line.split(' '), watched)
  return { code, stdout: stdout(), stderr: stderr() }
}

const recorded = () =>
  folderWith({
    'blocks.jsonl': blocks(60_000n, 30_000n, 20_000n),
    'prices.csv': `asset,price,time,source\n${usdc},1.00,,constant\nnobody,1.00,,constant\n`,
  })
const replay =
  'replay --recording blocks.jsonl --prices prices.csv --detectors transfer-volume --param transfer-volume.window=trailing'

describe('tocsin replay', () => {
  test('default: final alerts in canonical order, a summary, and nothing left behind', async () => {
    const folder = recorded()
    const { code, stdout, stderr } = await tocsin(folder, `${replay} --out alerts.ndjson`)
    expect(code, stderr).toBe(0)
    expect(stdout).toBe('')
    expect(stderr).toMatch(
      /3 blocks, 3 transactions, 3 events in [\d.]+ s: [\d,]+ events\/s\n1 alert: transfer-volume 1\n$/,
    )
    const alerts = readFileSync(join(folder, 'alerts.ndjson'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => alertCodec.parse(line))
    expect(alerts.map(({ detector, key, status }) => ({ detector, key, status }))).toEqual([
      { detector: 'transfer-volume', key: eve, status: 'confirmed' },
    ])
    expect(existsSync(join(folder, 'alerts.ndjson.work'))).toBe(false)
  })

  test('behavior: lists, durations and several --param of one detector arrive as they were given', async () => {
    const given = [
      'exclude=["exchange","0x00000000000000000000000000000000000000E2"]',
      'length=10m',
      'over="100000"',
    ].map((one) => `--param transfer-volume.${one}`)
    const { code, stdout, stderr } = await tocsin(recorded(), `${replay} ${given.join(' ')}`)
    expect(code, stderr).toBe(0)
    expect(alertCodec.parse(stdout).parameters).toMatchObject({
      window: 'trailing',
      exclude: ['0x00000000000000000000000000000000000000e2', 'exchange'],
      length: 600_000,
      over: '100000',
    })
  })

  test('behavior: without --out the alerts go to standard output, the same bytes', async () => {
    const folder = recorded()
    await tocsin(folder, `${replay} --out alerts.ndjson`)
    const { stdout } = await tocsin(folder, `${replay} --batch-size 1`)
    expect(stdout).toBe(readFileSync(join(folder, 'alerts.ndjson'), 'utf8'))
  })

  test('behavior: a line of the price file that tells no price is told, and the rest goes on', async () => {
    const { code, stderr } = await tocsin(recorded(), replay)
    expect(code).toBe(0)
    expect(stderr).toMatch(/WARN {2}replay: \[INGEST_BAD_PRICE\] .*prices\.csv, line 3: .* badLines=1/)
  })

  test('behavior: asked to stop it leaves its work and no file; the same command goes on; other arguments are refused', async () => {
    const folder = recorded()
    const stopped = await tocsin(folder, `${replay} --out alerts.ndjson`, /^ingest/)
    expect(stopped.code, stopped.stderr).toBe(130)
    expect(existsSync(join(folder, 'alerts.ndjson'))).toBe(false)
    expect(existsSync(join(folder, 'alerts.ndjson.work'))).toBe(true)

    const other = await tocsin(folder, `${replay} --out alerts.ndjson --param transfer-volume.over=1`)
    expect(other.code).toBe(1)
    expect(other.stderr).toMatch(
      /\[CLI_WORK_FOLDER\] .*alerts\.ndjson\.work holds a replay with other arguments: detectors\./,
    )

    const resumed = await tocsin(folder, `${replay} --out alerts.ndjson --batch-size 2`)
    expect(resumed.code, resumed.stderr).toBe(0)
    expect(resumed.stderr).toContain('resuming the run that was cut short')
    expect(readFileSync(join(folder, 'alerts.ndjson'), 'utf8')).toBe((await tocsin(folder, replay)).stdout)
  })

  test('error: a recording that is not there, and one that is none', async () => {
    const folder = folderWith({ 'nonsense.json': '{"a": 1' })
    for (const name of ['none.json', 'nonsense.json']) {
      const { code, stderr } = await tocsin(folder, `replay --recording ${name} --out alerts.ndjson`)
      expect(code).toBe(1)
      expect(stderr).toMatch(/^\S+ ERROR replay: \[INGEST_\w+\] .+ Remedy: .+\n$/)
      expect(stderr).toContain(name)
    }
    expect(existsSync(join(folder, 'alerts.ndjson.work'))).toBe(false)
  })
})

describe('tocsin verify', () => {
  test('default: what a replay wrote holds; a changed digit does not, and says where', async () => {
    const folder = recorded()
    await tocsin(folder, `${replay} --out alerts.ndjson`)
    const good = await tocsin(folder, 'verify alerts.ndjson --recording blocks.jsonl')
    expect(good).toMatchObject({ code: 0, stdout: '1 of 1 alert holds\n' })

    const text = readFileSync(join(folder, 'alerts.ndjson'), 'utf8')
    const forged = text.replace('"amount":"30000000000"', '"amount":"30000000001"')
    expect(forged).not.toBe(text)
    writeFileSync(join(folder, 'forged.ndjson'), forged)
    const bad = await tocsin(folder, 'verify forged.ndjson --recording blocks.jsonl')
    expect(bad.code).toBe(1)
    expect(bad.stdout).toMatch(/^line 1: transfer-volume [0-9a-f]{64} does not hold\n {2}.+/)
    expect(bad.stdout).toContain('30000000001')
    expect(bad.stdout).toMatch(/\n0 of 1 alert holds\n$/)
  })

  test('behavior: a line that is no alert hides none of the others', async () => {
    const folder = recorded()
    const { stdout } = await tocsin(folder, replay)
    writeFileSync(join(folder, 'mixed.ndjson'), `${stdout.replace('"status":"confirmed"', '"status":"sure"')}${stdout}`)
    const mixed = await tocsin(folder, 'verify mixed.ndjson --recording blocks.jsonl')
    expect(mixed.code).toBe(1)
    expect(mixed.stdout).toMatch(/^line 1: it does not hold\n {2}Not an alert: status.*\n1 of 2 alerts hold\n$/s)
  })

  test('error: a file that is not there, and a line that is no alert', async () => {
    const folder = folderWith({ 'bad.ndjson': '{"id": 1}\n', 'blocks.jsonl': blocks(1n) })
    const missing = await tocsin(folder, 'verify none.ndjson --recording blocks.jsonl')
    expect(missing.code).toBe(1)
    expect(missing.stderr).toContain('[CLI_ALERT_FILE]')
    const wrong = await tocsin(folder, 'verify bad.ndjson --recording blocks.jsonl')
    expect(wrong.stderr).toMatch(/\[CLI_ALERT_FILE\] .*bad\.ndjson, line 1: Not an alert: id/)
  })
})

describe('tocsin decode', () => {
  test('default: a transaction, its seal and its finality a block, and the end', async () => {
    const { code, stdout } = await tocsin(recorded(), 'decode --recording blocks.jsonl')
    expect(code).toBe(0)
    const types = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type)
    const block = ['transaction', 'sealed', 'finalized']
    expect(types).toEqual([...block, ...block, ...block, 'watermark'])
  })

  test('behavior: with --out the same, to a file', async () => {
    const folder = recorded()
    const { stdout } = await tocsin(folder, 'decode --recording blocks.jsonl')
    const toFile = await tocsin(folder, 'decode --recording blocks.jsonl --out decoded.ndjson')
    expect(toFile).toMatchObject({ code: 0, stdout: '' })
    expect(readFileSync(join(folder, 'decoded.ndjson'), 'utf8')).toBe(stdout)
  })
})
