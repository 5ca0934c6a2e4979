import { transactionsCodec, transactionsTopic, type TransactionsRecord } from '@tocsin/chain-model'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { blockDecoder } from '../decode/decode-block.ts'
import { encodeBlock } from '../decode/encode-block.ts'
import { LearnedFacts } from '../decode/learned-facts.ts'
import { chainFacts } from '../knowledge/chains.ts'
import { scriptedSource } from '../sources/scripted-source.ts'
import { openLedger } from './ledger.ts'
import { ledgerFold, proveLedger } from './prove-ledger.ts'

const chainId = 31337
const topic = transactionsTopic('test', chainId)
const { signal } = new AbortController()

/** A ledger of blocks 1 to 4 of which 4 and 3 are reverted for others up to 6, and 2 is final; by the real writer. */
async function written() {
  const source = scriptedSource({ chainId })
  const log = openSimulatedLog()
  const ledger = await openLedger(log, { prefix: 'test', chainId }, new LearnedFacts())
  const decoder = blockDecoder(chainFacts(chainId), { tokens: [], labels: [], abis: [] })
  source.mine(4)
  const [genesis, one, two, three, four] = source.canonical
  if (genesis === undefined || one === undefined || two === undefined || three === undefined || four === undefined)
    throw new Error('assertion: four blocks were mined')
  ledger.start(genesis)
  const append = async (header: typeof one, revert: (typeof one)[] = [], final: typeof one | null = null) =>
    ledger.append(encodeBlock(decoder.decode(await source.block(header, signal))), { header, revert, final })
  for (const header of [one, two, three]) await append(header)
  await append(four, [], two)
  source.reorg(2, 4)
  for (const [at, header] of source.canonical.slice(3).entries()) await append(header, at === 0 ? [four, three] : [])
  const records = log.records({ topic, partition: 0 }).map(({ value }) => transactionsCodec.decode(value))
  return { log, source, records }
}

const foldOf = (records: readonly TransactionsRecord[]) => {
  const fold = ledgerFold()
  for (const [offset, record] of records.entries()) fold.add(offset, record)
  return fold.proof()
}

describe('proveLedger', () => {
  test('default: a ledger holds; what was reverted is told beside the chain', async () => {
    const { log, source } = await written()
    const proof = await proveLedger(log, { prefix: 'test', chainId }, { signal })
    expect(proof.faults).toEqual([])
    expect(proof.final).toBe(2)
    expect(proof.reverted.map(({ number }) => number)).toEqual([4, 3])
    expect(proof.blocks).toEqual(
      source.canonical.slice(1).map((header) => ({
        number: header.number,
        hash: header.hash,
        parentHash: header.parentHash,
        transactions: source.transactionsOf(header).length,
        events: 0,
      })),
    )
  })

  test('behavior: of a range only its blocks are told, and what is missing from it is a fault', async () => {
    const { log } = await written()
    const at = { prefix: 'test', chainId }
    const proof = await proveLedger(log, at, { signal, range: { from: 2, to: 4 } })
    expect([proof.blocks.map(({ number }) => number), proof.faults]).toEqual([[2, 3, 4], []])
    const { faults } = await proveLedger(log, at, { signal, range: { from: 0, to: 9 } })
    expect(faults).toEqual([
      { offset: null, block: 0, what: 'the log begins with block 1' },
      { offset: null, block: 9, what: 'the log ends with block 6' },
    ])
  })

  test('error: bytes that are no record are told with their offset', async () => {
    const { log } = await written()
    const { end } = await log.offsets({ topic, partition: 0 })
    const producer = await log.openProducer('stranger')
    await producer.append([{ topic, partition: 0, key: null, value: Buffer.from('nonsense') }])
    const { faults } = await proveLedger(log, { prefix: 'test', chainId }, { signal })
    expect(faults).toEqual([{ offset: end, block: null, what: 'these bytes are no record of this topic' }])
  })
})

describe('ledgerFold', () => {
  test('error: whichever record is lost, written twice or put elsewhere, the ledger no longer holds', async () => {
    const { records } = await written()
    // A word of finality that is lost breaks no promise: another one follows; said twice it says nothing new.
    const isTold = (record: TransactionsRecord) => record.type !== 'finalized'
    let tried = 0
    for (const [at, record] of records.entries()) {
      if (!isTold(record)) continue
      const without = records.toSpliced(at, 1)
      for (const broken of [without, records.toSpliced(at, 0, record)]) {
        tried++
        expect([at, record.type, foldOf(broken).faults.length > 0]).toEqual([at, record.type, true])
      }
    }
    expect(tried).toBeGreaterThan(20)
  })

  test('error: one transaction twice in place of another is told', async () => {
    const { records } = await written()
    const at = records.findIndex((record, index) => {
      return record.type === 'transaction' && records[index + 1]?.type === 'transaction'
    })
    const [first] = records.slice(at)
    if (first === undefined) throw new Error('assertion: a block has two transactions')
    expect(foldOf(records.with(at + 1, first)).faults.map(({ what }) => what)).toEqual([
      'its transactions are not in order',
    ])
  })

  test('error: a seal that counts otherwise, or another parent, is told', async () => {
    const { records } = await written()
    const at = records.findIndex((record) => record.type === 'sealed' && record.block.number === 2)
    const seal = records[at]
    if (seal?.type !== 'sealed') throw new Error('assertion: it is sealed')
    const faultsOf = (changed: typeof seal) => foldOf(records.with(at, changed)).faults.map(({ what }) => what)
    expect(faultsOf({ ...seal, transactions: seal.transactions + 1 })).toHaveLength(1)
    expect(faultsOf({ ...seal, events: 7 })).toEqual(['they hold 0 events, and its seal counts 7'])
    const { hash } = seal.block
    expect(faultsOf({ ...seal, block: { ...seal.block, parentHash: hash } })).toHaveLength(1)
    expect(faultsOf({ ...seal, sequence: 5 })).toEqual([
      'its sequence number is 5, after 0',
      'its sequence number is 2, after 5',
    ])
  })

  test('behavior: the beginning of a trimmed log may lie within a block', async () => {
    const { records } = await written()
    const start = records.findIndex((record) => record.type === 'sealed' && record.block.number === 2)
    const fold = ledgerFold({}, false)
    for (const [at, record] of records.slice(start).entries()) fold.add(start + at, record)
    expect(fold.proof().faults).toEqual([])
  })
})
