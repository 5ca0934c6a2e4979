import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { creationsOf, transactionsCodec, transactionsTopic, type ChainTransaction } from '@tocsin/chain-model'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { ingestRecording } from '../ingest.ts'
import { asArray, asObject, parseReceipt, pick, type Json } from '../sources/parse-block.ts'
import { openRecording } from '../sources/recording-source.ts'
import { chainData, noChainData } from '../testing/chain-data.ts'
import { headerHash, logsBloom } from './hashing.ts'
import { receiptsRoot, transactionsRoot } from './roots.ts'

// Every recorded block, by data set: whether it comes through ingestion whole, and whether what its header says of it can
// be computed again. What cannot has its reason, found in the data themselves; SOURCES.md beside them tells the same.

/** A block as its files hold it; null where they do not hold that part. */
interface Recorded {
  readonly chainId: number
  readonly number: number
  readonly block: Json | null
  readonly receipts: readonly Json[] | null
  readonly logs: readonly Json[] | null
  readonly traces: readonly Json[] | null
}

const listOf = (value: unknown) =>
  value === undefined || value === null ? null : asArray(value, 'list').map((each) => asObject(each, 'entry'))

function recorded(value: Json): Recorded {
  const [own, number] = [value['block'] ?? value['number'], pick(value, 'blockNumber', 'block_number')]
  const block = own === undefined || own === null ? null : asObject(value['block'] ?? value, 'block')
  const receipts = listOf(value['receipts'])
  return {
    chainId: Number(value['chainId'] ?? 1),
    number: Number(block?.['number'] ?? number),
    block,
    // mev-inspect's know gas alone.
    receipts: receipts?.every((receipt) => receipt['logs'] !== undefined) === true ? receipts : null,
    logs: listOf(value['logs'] ?? value['erc20AndNftTransferLogs']),
    traces: listOf(value['traces']),
  }
}

/** One value a file, or a line. */
function valuesIn(path: string): readonly Json[] {
  if (statSync(path).isDirectory())
    return readdirSync(path)
      .filter((name) => name.endsWith('.gz'))
      .flatMap((name) => valuesIn(join(path, name)))
  const text = gunzipSync(readFileSync(path)).toString()
  const values = path.endsWith('.jsonl.gz') ? text.trim().split('\n') : [text]
  return values.map((each) => asObject(JSON.parse(each), path))
}

const optimismDeposit = '0x7e'
const has = (entries: readonly Json[], field: string, value: unknown) =>
  entries.some((entry) => (entry[field] ?? null) === value)

type Check = 'logs bloom' | 'transactions root' | 'receipts root' | 'header hash'
const checks: readonly Check[] = ['logs bloom', 'transactions root', 'receipts root', 'header hash']

/** `ok`, or why it cannot be computed again; `WRONG` where nothing is missing and it comes to something else. */
function verdict(check: Check, { block, receipts }: Recorded): string {
  if (block === null) return 'no block'
  const transactions = listOf(block['transactions']) ?? []
  const same = (computed: unknown, field: string) => computed !== null && computed === block[field]
  switch (check) {
    case 'logs bloom':
      if (receipts === null) return 'no receipts'
      if (block['logsBloom'] === null) return 'no bloom in the header'
      return same(logsBloom(receipts.flatMap((each) => parseReceipt(each).logs ?? [])), 'logsBloom') ? 'ok' : 'WRONG'
    case 'transactions root':
      if (same(transactionsRoot(transactions), 'transactionsRoot')) return 'ok'
      if (has(transactions, 'r', null)) return 'no signatures'
      return has(transactions, 'type', optimismDeposit) ? 'deposits without their source' : 'WRONG'
    case 'receipts root':
      if (receipts === null) return 'no receipts'
      if (same(receiptsRoot(receipts), 'receiptsRoot')) return 'ok'
      if (has(receipts, 'cumulativeGasUsed', null)) return 'no gas in the receipts'
      return has(receipts, 'type', optimismDeposit) ? 'receipts of deposits' : 'WRONG'
    case 'header hash':
      if (same(headerHash(block), 'hash')) return 'ok'
      return ['parentHash', 'mixHash', 'stateRoot'].some((field) => block[field] === null)
        ? 'fields missing in the header'
        : 'WRONG'
  }
}

const tally = (words: readonly string[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

/** The transactions of each sealed block, as a reader of the topics finds them after ingestion. */
async function ingested(path: string): Promise<ReadonlyMap<string, readonly ChainTransaction[]>> {
  const log = openSimulatedLog()
  const recording = await openRecording([path])
  await ingestRecording({ recording, log, prefix: 'recorded' })
  const blocks = new Map<string, readonly ChainTransaction[]>()
  for (const { chainId } of recording.chains) {
    let pending: ChainTransaction[] = []
    for (const { value } of log.records({ topic: transactionsTopic('recorded', chainId), partition: 0 })) {
      const record = transactionsCodec.decode(value)
      if (record.type === 'transaction') pending.push(record)
      if (record.type !== 'sealed') continue
      expect([record.block.number, record.transactions]).toEqual([record.block.number, pending.length])
      blocks.set(`${chainId} ${record.block.number}`, pending)
      pending = []
    }
    expect(pending).toEqual([])
  }
  return blocks
}

const hashesOf = (entries: readonly Json[]) => [
  ...new Set(entries.map((entry) => pick(entry, 'transactionHash', 'transaction_hash') ?? null).filter(Boolean)),
]

/** What of the block is otherwise in the log than in its files. */
function changes(
  { block, receipts, logs, traces }: Recorded,
  found: readonly ChainTransaction[] | undefined,
): readonly string[] {
  if (found === undefined) return ['block']
  const listed = block === null ? null : listOf(block['transactions'])
  const told = receipts?.flatMap((receipt) => listOf(receipt['logs']) ?? []) ?? logs
  const frames = traces?.filter((trace) => trace['type'] !== 'reward') ?? null
  const hashes = listed?.map((transaction) => transaction['hash']) ?? hashesOf(frames ?? told ?? [])
  const counted = (of: (transaction: ChainTransaction) => number) => found.reduce((sum, each) => sum + of(each), 0)
  return [
    ...(found.map(({ hash }) => hash).join() === hashes.join() ? [] : ['transactions']),
    ...(counted(({ events }) => events.length) === (told ?? []).length ? [] : ['logs']),
    ...(frames === null || counted((each) => each.frames?.length ?? 0) === frames.length ? [] : ['call frames']),
  ]
}

async function report(path: string) {
  const inLog = await ingested(join(chainData, path))
  const blocks = [
    ...new Map(
      valuesIn(join(chainData, path))
        .map(recorded)
        .map((each) => [`${each.chainId} ${each.number}`, each]),
    ),
  ]
  const found = [...inLog.values()].flat()
  return {
    blocks: blocks.length,
    decoded: inLog.size,
    transactions: found.length,
    logs: found.reduce((sum, { events }) => sum + events.length, 0),
    'call frames': found.reduce((sum, { frames }) => sum + (frames?.length ?? 0), 0),
    changed: blocks.flatMap(([key, each]) => changes(each, inLog.get(key)).map((what) => `${what} of ${key}`)),
    ...(Object.fromEntries(
      checks.map((check) => [check, tally(blocks.map(([, each]) => verdict(check, each)))]),
    ) as Record<Check, Readonly<Record<string, number>>>), // of each check
  }
}

/** Of data sets without headers. */
const noBlocks = (count: number) =>
  Object.fromEntries(checks.map((check) => [check, { 'no block': count }])) as Record<Check, { 'no block': number }> // of each check

describe('recorded blocks', () => {
  test.skipIf(noChainData).each([
    [
      'eth-mainnet-blocks',
      {
        ...{ blocks: 25, decoded: 25, transactions: 4145, logs: 8327, 'call frames': 14926 },
        'logs bloom': { ok: 24, 'no bloom in the header': 1 },
        'transactions root': { ok: 24, 'no signatures': 1 },
        'receipts root': { ok: 19, 'no gas in the receipts': 6 },
        'header hash': { ok: 24, 'fields missing in the header': 1 },
      },
    ],
    [
      'pevm-blocks',
      {
        ...{ blocks: 85, decoded: 85, transactions: 24342, logs: 0, 'call frames': 0 },
        'logs bloom': { 'no receipts': 85 },
        'transactions root': { ok: 85 },
        'receipts root': { 'no receipts': 85 },
        'header hash': { ok: 85 },
      },
    ],
    [
      'other-evm-blocks',
      {
        ...{ blocks: 6, decoded: 6, transactions: 276, logs: 1499, 'call frames': 3647 },
        'logs bloom': { ok: 6 },
        'transactions root': { ok: 3, 'deposits without their source': 3 },
        'receipts root': { ok: 3, 'receipts of deposits': 3 },
        'header hash': { ok: 6 },
      },
    ],
    [
      'eth-mainnet-ranges/blocks-16000000-16000005.jsonl.gz',
      {
        ...{ blocks: 6, decoded: 6, transactions: 691, logs: 431, 'call frames': 0 },
        'logs bloom': { 'no receipts': 5, 'no block': 1 },
        'transactions root': { ok: 5, 'no block': 1 },
        'receipts root': { 'no receipts': 5, 'no block': 1 },
        'header hash': { ok: 5, 'no block': 1 },
      },
    ],
    [
      'eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz',
      { blocks: 51, decoded: 51, transactions: 4837, logs: 17096, 'call frames': 0, ...noBlocks(51) },
    ],
    [
      'eth-mainnet-ranges/logs-13000000-13000001.jsonl.gz',
      { blocks: 2, decoded: 2, transactions: 218, logs: 641, 'call frames': 0, ...noBlocks(2) },
    ],
    [
      'eth-mainnet-ranges/logs-3999990-4000000.jsonl.gz',
      { blocks: 11, decoded: 11, transactions: 153, logs: 259, 'call frames': 0, ...noBlocks(11) },
    ],
    [
      'eth-mainnet-ranges/traces-17073191-17073193.jsonl.gz',
      { blocks: 3, decoded: 3, transactions: 526, logs: 0, 'call frames': 2973, ...noBlocks(3) },
    ],
    // 27 files: one block is there twice.
    [
      'mev-inspect-py/blocks',
      { blocks: 26, decoded: 26, transactions: 5564, logs: 0, 'call frames': 25293, ...noBlocks(26) },
    ],
  ] as const)(
    'default: %s comes through whole, and what its headers say recomputes where it can',
    async (path, expected) => {
      expect(await report(path)).toEqual({ ...expected, changed: [] })
    },
  )

  test.skipIf(noChainData)(
    'error: one changed byte is found by the check that covers it, in each block that recomputes',
    () => {
      const otherDigit = (hex: string) => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}`
      const isLong = (value: unknown) => typeof value === 'string' && value.length > 2
      /** Another last digit in the first of these entries that has one to change; null: none has. */
      function spoiled(entries: readonly Json[] | null, field: string): readonly Json[] | null {
        const at = (entries ?? []).findIndex((entry) => isLong(entry[field]))
        const entry = entries?.[at]
        return entry === undefined
          ? null
          : (entries ?? []).with(at, { ...entry, [field]: otherDigit(String(entry[field])) })
      }
      function inLogs(receipts: readonly Json[] | null, field: string): readonly Json[] | null {
        const at = (receipts ?? []).findIndex((receipt) => spoiled(listOf(receipt['logs']), field) !== null)
        const receipt = receipts?.[at]
        if (receipt === undefined) return null
        return (receipts ?? []).with(at, { ...receipt, logs: spoiled(listOf(receipt['logs']), field) })
      }
      const found: Record<string, number> = {}
      for (const folder of ['eth-mainnet-blocks', 'pevm-blocks', 'other-evm-blocks'])
        for (const whole of valuesIn(join(chainData, folder)).map(recorded)) {
          const { block, receipts } = whole
          if (block === null) throw new TypeError(`There is no block ${whole.number}.`)
          const before = new Map(checks.map((check) => [check, verdict(check, whole)]))
          const inBlock = (field: string, value: string | readonly Json[] | null) =>
            value === null ? null : { ...whole, block: { ...block, [field]: value } }
          const inReceipts = (told: readonly Json[] | null) => told && { ...whole, receipts: told }
          // Of a full bloom nearly every bit is set: what it misses in the logs, the root of their receipts finds.
          for (const [what, check, lie] of [
            ['a bloom', 'logs bloom', inBlock('logsBloom', otherDigit(String(block['logsBloom'])))],
            ['the address of a log', 'receipts root', inReceipts(inLogs(receipts, 'address'))],
            ['the data of a log', 'receipts root', inReceipts(inLogs(receipts, 'data'))],
            ['the gas of a receipt', 'receipts root', inReceipts(spoiled(receipts, 'cumulativeGasUsed'))],
            ['a value', 'transactions root', inBlock('transactions', spoiled(listOf(block['transactions']), 'value'))],
            ['a state root', 'header hash', inBlock('stateRoot', otherDigit(String(block['stateRoot'])))],
          ] as const) {
            if (lie === null || before.get(check) !== 'ok') continue
            expect([whole.number, what, verdict(check, lie)]).toEqual([whole.number, what, 'WRONG'])
            found[what] = (found[what] ?? 0) + 1
          }
        }
      expect(found).toEqual({
        ...{ 'a bloom': 30, 'a value': 111, 'a state root': 115 },
        ...{ 'the address of a log': 22, 'the data of a log': 22, 'the gas of a receipt': 22 },
      })
    },
  )

  test.skipIf(noChainData)(
    'default: call frames tell the creations that receipts tell, and those by contracts',
    async () => {
      const found = [...(await ingested(join(chainData, 'eth-mainnet-blocks'))).values()].flat()
      const counts = { traced: 0, untraced: 0, byContracts: 0 }
      for (const transaction of found) {
        const told = creationsOf({ ...transaction, frames: null })
        if (transaction.frames === null) counts.untraced += told.length
        else {
          const all = creationsOf(transaction)
          expect([transaction.hash, all.filter(({ traceAddress }) => traceAddress.length === 0)]).toEqual([
            transaction.hash,
            told,
          ])
          counts.traced += told.length
          counts.byContracts += all.length - told.length
        }
      }
      expect(counts).toEqual({ traced: 4, untraced: 1, byContracts: 40 })
    },
  )

  test.skipIf(noChainData)('error: what is left out on the way to the log is found', async () => {
    const path = 'eth-mainnet-blocks/4370006.json.gz'
    const [whole] = valuesIn(join(chainData, path)).map(recorded)
    const found = (await ingested(join(chainData, path))).get('1 4370006')
    if (whole === undefined || found === undefined) throw new TypeError('There is no block.')
    expect(changes(whole, found)).toEqual([])
    expect(changes(whole, undefined)).toEqual(['block'])
    expect(changes(whole, found.toReversed())).toEqual(['transactions'])
    const without = (field: 'events' | 'frames') =>
      found.map((transaction) => ({ ...transaction, [field]: transaction[field]?.slice(1) ?? null }))
    expect(changes(whole, without('events'))).toEqual(['logs'])
    expect(changes(whole, without('frames'))).toEqual(['call frames'])
  })
})
