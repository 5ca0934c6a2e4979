import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { maxWatermark, transactionsCodec, type ChainEvent, type TransactionsRecord } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { decodeRecording } from '../ingest.ts'
import { chainData, noChainData } from '../testing/chain-data.ts'
import { openRecording, type Recording } from './recording-source.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'tocsin-recording-'))
const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
const transactionsOf = (records: readonly TransactionsRecord[]) =>
  records.filter((record) => record.type === 'transaction')
const counts = (events: readonly ChainEvent[]) => {
  const count: Record<string, number> = {}
  for (const { type } of events) count[type] = (count[type] ?? 0) + 1
  return count
}
const open = (...paths: string[]) => openRecording(paths.map((path) => join(chainData, path)))
const summary = ({ chains, notices }: Recording) => ({ chains, notices: notices.map(({ code }) => code) })

const hash = (digit: string) => `0x${digit.repeat(64)}`
const block = (number: number, name: string, parent: string) => ({
  number: `0x${number.toString(16)}`,
  hash: hash(name),
  parentHash: hash(parent),
  timestamp: `0x${(number * 12).toString(16)}`,
  transactions: [],
})

describe('openRecording', () => {
  test.skipIf(noChainData)(
    'default: full blocks hold all: 25 blocks in order, and only traces are missing in some',
    async () => {
      const recording = await open('eth-mainnet-blocks')
      expect(summary(recording)).toEqual({
        chains: [{ chainId: 1, blocks: 25, first: 4370006, last: 22162263 }],
        notices: ['traces', 'skipped'],
      })
      const records = await collect(decodeRecording(recording))
      const transactions = transactionsOf(records)
      expect(records.at(-1)).toEqual({ type: 'watermark', watermark: maxWatermark })
      expect(
        records.filter(({ type }) => type === 'sealed').map((seal) => seal.type === 'sealed' && seal.sequence),
      ).toEqual(Array.from({ length: 25 }, (_, sequence) => sequence))
      // Counted by the publisher of the data, and those of the catalogue of detectors.
      expect({
        transactions: transactions.length,
        logs: transactions.reduce((sum, tx) => sum + tx.events.length, 0),
        failed: transactions.filter(({ status }) => status === 'failed').length,
        unknown: transactions.filter(({ status }) => status === 'unknown').length,
        traced: new Set(transactions.filter(({ known }) => known.frames).map((tx) => tx.block.number)).size,
      }).toEqual({ transactions: 4145, logs: 8327, failed: 150, unknown: 0, traced: 18 })
      expect(counts(transactions.flatMap(({ events }) => events))).toEqual({
        log: 1511,
        'erc20-transfer': 4182,
        'erc20-approval': 515,
        'erc721-transfer': 184,
        'erc721-approval': 44,
        'erc1155-transfer': 49,
        'approval-for-all': 64,
        'weth-deposit': 232,
        'weth-withdrawal': 196,
        'uniswap-v2-swap': 490,
        'uniswap-v2-sync': 503,
        'uniswap-v2-mint': 14,
        'uniswap-v2-burn': 6,
        'uniswap-v3-swap': 183,
        'uniswap-v3-mint': 5,
        'uniswap-v3-burn': 13,
        'uniswap-v3-collect': 10,
        'chainlink-answer': 29,
        'aave-liquidation': 4,
        'balancer-v1-swap': 13,
        'balancer-v2-swap': 4,
        'compound-liquidation': 1,
        'curve-exchange': 8,
        'delegate-votes-changed': 2,
        'dydx-operation': 1,
        'ownership-transferred': 3,
        'permit2-approval': 22,
        'proxy-upgraded': 1,
        'safe-execution': 1,
        'seaport-order-fulfilled': 32,
        'stablecoin-mint': 1,
        'uniswap-v4-modify-liquidity': 1,
        'uniswap-v4-swap': 3,
      })
      const swaps = transactions
        .flatMap(({ events }) => events)
        .filter((event) => /^uniswap-v[23]-swap$/.test(event.type))
      expect(swaps.filter((swap) => 'token0' in swap && (swap.token0 === null || swap.token1 === null))).toEqual([])
      for (const record of records) expect(transactionsCodec.decode(transactionsCodec.encode(record))).toEqual(record)
    },
  )

  test.skipIf(noChainData)(
    'default: a range of logs has every log; senders, value and hashes are said to be missing',
    async () => {
      const recording = await open('eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz')
      expect(summary(recording)).toEqual({
        chains: [{ chainId: 1, blocks: 51, first: 18426253, last: 18426303 }],
        notices: ['envelopes', 'receipts', 'traces', 'hash', 'exactTime'],
      })
      const transactions = transactionsOf(await collect(decodeRecording(recording)))
      expect(transactions.length).toBe(4837)
      expect(transactions.reduce((sum, tx) => sum + tx.events.length, 0)).toBe(17096)
      expect(transactions.every((tx) => tx.status === 'success' && !tx.known.envelope && tx.from === null)).toBe(true)
      expect(transactions[0]?.block).toEqual({ number: 18426253, hash: null, timestamp: 1_698_224_783_000 })
      expect(transactions.at(-1)?.block.timestamp).toBe(1_698_225_383_000)
    },
  )

  test.skipIf(noChainData)(
    'default: the liquidations that mev-inspect asserts of a block with logs are its events',
    async () => {
      const asserted = JSON.parse(readFileSync(join(chainData, 'mev-inspect-py/expected-from-tests.json'), 'utf8')) as {
        readonly cases: readonly { kind: string; block: number; expected: Readonly<Record<string, unknown>> }[]
      }
      const expected = asserted.cases.filter((one) => one.kind === 'liquidation' && one.block === 12498502)
      expect(expected.length).toBe(3)
      const transactions = transactionsOf(
        await collect(decodeRecording(await open('eth-mainnet-blocks/12498502.json.gz'))),
      )
      const found = transactions.flatMap((transaction) =>
        transaction.events.flatMap((event) =>
          event.type !== 'aave-liquidation'
            ? []
            : {
                transaction_hash: transaction.hash,
                liquidated_user: event.borrower,
                liquidator_user: event.liquidator,
                debt_token_address: event.debtAsset,
                debt_purchase_amount: String(event.debtRepaid),
                received_token_address: event.collateralAsset,
                received_amount: String(event.collateralSeized),
              },
        ),
      )
      for (const one of expected)
        expect(found).toContainEqual(
          Object.fromEntries(
            Object.entries(one.expected).filter(
              ([field]) => !['protocol', 'trace_address', 'block_number'].includes(field),
            ),
          ),
        )
    },
  )

  test.skipIf(noChainData).for([
    ['pevm-blocks', { chainId: 1, blocks: 85, first: 46147, last: 19934116 }, 24342],
    ['mev-inspect-py', { chainId: 1, blocks: 26, first: 10921991, last: 15049646 }, undefined],
    ['mev-inspect-rs', { chainId: 1, blocks: 16, first: 9082920, last: 11342003 }, undefined],
    [
      'eth-mainnet-ranges/traces-17073191-17073193.jsonl.gz',
      { chainId: 1, blocks: 3, first: 17073191, last: 17073193 },
      undefined,
    ],
    [
      'eth-mainnet-ranges/blocks-16000000-16000005.jsonl.gz',
      { chainId: 1, blocks: 6, first: 16000000, last: 16000005 },
      undefined,
    ],
    [
      'eth-mainnet-ranges/logs-3999990-4000000.jsonl.gz',
      { chainId: 1, blocks: 11, first: 3999990, last: 4000000 },
      undefined,
    ],
  ] as const)('default: %s is read, each record by the schema', async ([path, chain, count]) => {
    const recording = await open(path)
    expect(recording.chains).toEqual([chain])
    const records = await collect(decodeRecording(recording))
    for (const record of records) expect(transactionsCodec.decode(transactionsCodec.encode(record))).toEqual(record)
    expect(records.filter(({ type }) => type === 'sealed').length).toBe(chain.blocks)
    if (count !== undefined) expect(transactionsOf(records).length).toBe(count)
  })

  test.skipIf(noChainData)('behavior: several chains in one folder are kept apart', async () => {
    const recording = await open('other-evm-blocks')
    expect(recording.chains.map(({ chainId, blocks }) => [chainId, blocks])).toEqual([
      [10, 2],
      [137, 3],
      [8453, 1],
    ])
    const base = await collect(decodeRecording(recording, { chainId: 8453 }))
    expect(new Set(transactionsOf(base).map(({ chainId }) => chainId))).toEqual(new Set([8453]))
  })

  test.skipIf(noChainData)('behavior: the parts of one block in two recordings are put together', async () => {
    const both = await open('eth-mainnet-blocks/12914944.json.gz', 'mev-inspect-py/blocks/12914944.json.gz')
    const whole = await open('eth-mainnet-blocks/12914944.json.gz')
    expect(await collect(decodeRecording(both))).toEqual(await collect(decodeRecording(whole)))
  })

  test.skipIf(noChainData)('error: gzip data and JSON that end too early are one line with file and line', async () => {
    const zipped = readFileSync(join(chainData, 'eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz'))
    const cutZip = join(folder(), 'cut.gz')
    writeFileSync(cutZip, zipped.subarray(0, zipped.length / 2))
    await expect(openRecording([cutZip])).rejects.toThrow(/cut\.gz, line \d+: the gzip data end too early\.$/)
    const lines = gunzipSync(zipped).toString().split('\n')
    const cutLines = join(folder(), 'cut.jsonl')
    writeFileSync(cutLines, `${lines[0]}\n${lines[1]?.slice(0, 5000)}`)
    await expect(openRecording([cutLines])).rejects.toThrow(/cut\.jsonl, line 2: no JSON/)
  })

  test('behavior: content decides, not the name; lines out of order are put in order', async () => {
    const file = join(folder(), 'blocks.txt')
    writeFileSync(
      file,
      gzipSync(
        `${JSON.stringify(block(3, 'c', 'b'))}\n${JSON.stringify({ jsonrpc: '2.0', id: 1, result: block(2, 'b', 'a') })}\n`,
      ),
    )
    const recording = await openRecording([file], { chainId: 31337 })
    const numbers = (await collect(recording.blocks(31337))).map(({ number, timestamp }) => [number, timestamp])
    expect(numbers).toEqual([
      [2, 24_000],
      [3, 36_000],
    ])
  })

  test('behavior: times that are missing are put between their neighbours', async () => {
    const file = join(folder(), 'blocks.json')
    const timeless = (number: number) => ({ blockNumber: number, timestamp: null, logs: [] })
    writeFileSync(
      file,
      JSON.stringify([timeless(1), block(2, 'b', 'a'), timeless(3), timeless(4), block(6, 'f', 'e'), timeless(8)]),
    )
    const recording = await openRecording([file])
    const times = (await collect(recording.blocks(1))).map(({ timestamp }) => timestamp)
    expect(times).toEqual([12_000, 24_000, 36_000, 48_000, 72_000, 96_000])
    expect(recording.notices.map(({ code }) => code)).toContain('time')
  })

  test('error: two forks, an unknown shape, a wrong field, an empty folder, a missing path', async () => {
    const inFile = (...values: unknown[]) => {
      const file = join(folder(), 'recording.jsonl')
      writeFileSync(file, values.map((value) => JSON.stringify(value)).join('\n'))
      return file
    }
    const all = async (file: string) => collect((await openRecording([file])).blocks(1))
    await expect(all(inFile(block(2, 'b', 'a'), block(2, 'c', 'a')))).rejects.toThrow(
      /block 2 is 0xb+ in one place and 0xc+ in another/,
    )
    await expect(all(inFile(block(2, 'b', 'a'), block(3, 'c', 'f')))).rejects.toThrow(
      /block 3 names 0xf+ as its parent, but block 2 is 0xb+/,
    )
    await expect(all(inFile(block(2, 'b', 'a'), { some: 'thing' }))).rejects.toThrow(
      /line 2: the value is no block, logs or traces/,
    )
    await expect(all(inFile({ ...block(2, 'b', 'a'), hash: '0x12' }))).rejects.toThrow(
      /line 1: hash should be 32 bytes of hex, found "0x12"/,
    )
    await expect(openRecording([folder()])).rejects.toThrow(/no recorded block is there/)
    const missing = openRecording([join(folder(), 'nowhere')])
    await expect(missing).rejects.toThrow(/nowhere: it cannot be opened/)
    await expect(missing).rejects.toMatchObject({
      code: 'INGEST_BAD_RECORDING',
      remedy: 'Check the path given with --recording.',
    })
  })
})
