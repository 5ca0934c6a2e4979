import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseHash, transactionsCodec, transactionsTopic, type TransactionsRecord } from '@tocsin/chain-model'
import { openEmbeddedLog } from '@tocsin/event-log'
import { describe, expect, test } from 'vitest'
import { testIo } from '../test-io.ts'
import { runTocsin } from '../tocsin.ts'

const topic = transactionsTopic('tocsin', 31337)
const hash = (number: number) => parseHash(`0x${number.toString(16).padStart(64, '0')}`)
const sealed = (number: number, sequence: number): TransactionsRecord => ({
  type: 'sealed',
  chainId: 31337,
  sequence,
  block: { number, hash: hash(number), parentHash: hash(number - 1), timestamp: number * 1000 },
  transactions: 0,
  events: 0,
  watermark: number * 1000,
})
const reverted = (number: number, sequence: number): TransactionsRecord => ({
  type: 'reverted',
  chainId: 31337,
  sequence,
  block: { number, hash: hash(number), timestamp: number * 1000 },
})

async function tocsin(records: readonly TransactionsRecord[], ...words: readonly string[]) {
  const data = mkdtempSync(join(tmpdir(), 'tocsin-ledger-'))
  const log = await openEmbeddedLog(join(data, 'log'))
  await log.createTopics([{ topic, partitions: 1 }])
  const producer = await log.openProducer('test')
  await producer.append(
    records.map((record) => ({ topic, partition: 0, key: null, value: transactionsCodec.encode(record) })),
  )
  await log.close()
  const { io, stdout } = testIo()
  const code = await runTocsin(
    ['ledger', '--data', data, ...(words.includes('--chain-id') ? [] : ['--chain-id', '31337']), ...words],
    io,
  )
  return { code, stdout: stdout() }
}

const whole = [sealed(7, 0), sealed(8, 1), reverted(8, 2), sealed(8, 3), sealed(9, 4)]

describe('tocsin ledger', () => {
  test('default: a ledger that holds, with what was reverted, is exit code 0', async () => {
    expect(await tocsin(whole)).toEqual({
      code: 0,
      stdout: [
        'local chain (chain 31337): 3 blocks, 7 to 9, 0 transactions, 0 events; final up to none',
        '1 reverted:',
        `  block 8 ${hash(8)} at offset 2`,
        'The ledger holds: no block is missing, every parent is linked, all counts agree.',
        '',
      ].join('\n'),
    })
  })

  test('error: a hole is told with its offset, and is exit code 1', async () => {
    expect(await tocsin([sealed(7, 0), sealed(9, 1)])).toEqual({
      code: 1,
      stdout: [
        'local chain (chain 31337): 2 blocks, 7 to 9, 0 transactions, 0 events; final up to none',
        '0 reverted',
        'The ledger does not hold, 1 fault:',
        '  block 9: it follows block 7 (offset 1)',
        '',
      ].join('\n'),
    })
  })

  test('behavior: --json is the whole proof, of a range too', async () => {
    const { code, stdout } = await tocsin(whole, '--json', '--from', '9', '--to', '10')
    expect({ code, proof: JSON.parse(stdout) as unknown }).toEqual({
      code: 1,
      proof: {
        chainId: 31337,
        blocks: [{ number: 9, hash: hash(9), parentHash: hash(8), transactions: 0, events: 0 }],
        reverted: [],
        final: null,
        faults: [{ offset: null, block: 10, what: 'the log ends with block 9' }],
      },
    })
  })

  test('behavior: of several chains each is proven and named, and one that does not hold is exit code 1', async () => {
    const { code, stdout } = await tocsin(whole, '--chain-id', '31337,8453')
    expect([code, stdout.split('\n').filter((line) => line.includes('chain '))]).toEqual([
      1,
      [
        'local chain (chain 31337): 3 blocks, 7 to 9, 0 transactions, 0 events; final up to none',
        expect.stringMatching(/^\w.* \(chain 8453\): no blocks; final up to none$/),
        '  nothing of chain 8453 was ever written to this log',
      ],
    ])
    const json = await tocsin(whole, '--chain-id', '31337,8453', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject([
      { chainId: 31337, faults: [] },
      { chainId: 8453, blocks: [] },
    ])
  })

  test('error: a chain that was never ingested, and a folder that is none', async () => {
    const { code, stdout } = await tocsin(whole, '--chain-id', '5')
    expect([code, stdout]).toEqual([1, expect.stringContaining('nothing of chain 5 was ever written to this log')])
    const { io, stderr } = testIo()
    expect(await runTocsin(['ledger', '--data', '/nowhere'], io)).toBe(2)
    expect(stderr()).toContain('/nowhere/log is not there: name the data folder with --data, or --kafka-brokers.')
  })
})
