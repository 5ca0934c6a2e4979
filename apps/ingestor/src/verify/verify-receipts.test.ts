import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assembleBlock } from '../sources/assemble-block.ts'
import { parseHeader, parseLog, parseTransaction, type Json } from '../sources/parse-block.ts'
import type { SourceTransaction } from '../sources/source-block.ts'
import { EndpointAnswerError } from './endpoint-answer-error.ts'
import { logsBloom, type RawHeader } from './hashing.ts'
import { receiptsRoot } from './roots.ts'
import { verifyLogs, verifyReceipts, verifyTraces } from './verify-receipts.ts'

type RawLog = Readonly<Record<string, unknown>>
type RawReceipt = Readonly<Record<string, unknown>> & { readonly logs: readonly RawLog[] }
interface Recorded {
  readonly block: RawHeader & { readonly transactions: readonly Json[] }
  readonly receipts: readonly RawReceipt[]
  readonly traces: readonly Json[]
}

/** The first transactions of a recorded block, every third of them made to fail: in the recording none does. */
const { block, receipts, traces } = (() => {
  const path = new URL('../../fixtures/block-4370006.json.gz', import.meta.url)
  const recorded = JSON.parse(gunzipSync(readFileSync(path)).toString()) as Recorded
  const count = 12
  const own = recorded.receipts
    .slice(0, count)
    .map((receipt, at): RawReceipt => ({ ...receipt, status: at % 3 === 2 ? '0x0' : '0x1' }))
  const logs = own.flatMap((receipt) => receipt.logs.map((log) => parseLog(log)))
  const raw = { ...recorded.block, logsBloom: logsBloom(logs), receiptsRoot: receiptsRoot(own) }
  const transactions = recorded.block.transactions.slice(0, count).map((tx) => parseTransaction(tx))
  return {
    block: { header: parseHeader(recorded.block), transactions, raw },
    receipts: own,
    traces: recorded.traces.filter((trace) => Number(trace['transactionPosition']) < count),
  }
})()

const name = 'node.example'
const { number, hash, parentHash, timestamp } = block.header
const parts = {
  chainId: 1,
  number,
  hash,
  parentHash,
  timestamp,
  hashes: null,
  receipts: null,
  logs: null,
  traces: null,
}
const byReceipts = (answer: unknown, hashes: boolean) => {
  const verified = verifyReceipts(name, block, answer, { hashes })
  return assembleBlock({ ...parts, transactions: block.transactions, receipts: verified })
}
const byLogs = (answer: unknown) =>
  assembleBlock({ ...parts, transactions: block.transactions, logs: verifyLogs(name, block, answer) })
const byTraces = (answer: unknown) =>
  assembleBlock({ ...parts, transactions: block.transactions, traces: verifyTraces(name, block, answer) })

/** What it comes to; null where the answer is refused as the endpoint's error. */
function accepted<T>(tell: () => T): T | null {
  try {
    return tell()
  } catch (error) {
    if (error instanceof EndpointAnswerError) return null
    throw error
  }
}

/** Holds for whatever is done to the answer. */
const law = (by: fc.Arbitrary<readonly Distortion[]>, holds: (by: readonly Distortion[]) => void) => () =>
  fc.assert(
    fc.property(by, (each) => holds(each)),
    { numRuns: 300 },
  )

type Distortion = <Item extends RawLog>(list: readonly Item[]) => readonly Item[]
const place = fc.nat(200)
const swapped = (fields: readonly string[]): fc.Arbitrary<Distortion> =>
  fc.tuple(place, place).map(([a, b]): Distortion => (list) => {
    const [first, second] = [a % list.length, b % list.length]
    const fieldsOf = (at: number) => Object.fromEntries(fields.map((field) => [field, list[at]?.[field]]))
    return list.map((item, at) =>
      at === first ? { ...item, ...fieldsOf(second) } : at === second ? { ...item, ...fieldsOf(first) } : item,
    )
  })
const shuffled: fc.Arbitrary<Distortion> = fc.infiniteStream(place).map((order): Distortion => (list) => {
  const keyed = list.map((item) => ({ item, key: order.next().value ?? 0 }))
  return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item)
})
const dropped: fc.Arbitrary<Distortion> = place.map(
  (which): Distortion =>
    (list) =>
      list.filter((_, at) => at !== which % list.length),
)
/** One is told in the place of another: so answers to calls for one receipt each may get mixed up. */
const mistaken: fc.Arbitrary<Distortion> = fc.tuple(place, place).map(
  ([which, by]): Distortion =>
    (list) =>
      list.map((item, at) => (at === which % list.length ? (list[by % list.length] ?? item) : item)),
)
const foreign: fc.Arbitrary<Distortion> = place.map(
  (which): Distortion =>
    (list) =>
      list.map((item, at) => (at === which % list.length ? { ...item, blockHash: `0x${'f'.repeat(64)}` } : item)),
)
const always = [shuffled, dropped, mistaken, foreign]
const distortions = (more: readonly fc.Arbitrary<Distortion>[]) =>
  fc.array(fc.oneof(...always, ...more), { minLength: 1, maxLength: 3 })
const distorted = <Item extends RawLog>(list: readonly Item[], by: readonly Distortion[]) =>
  by.reduce((now: readonly Item[], distort) => (now.length === 0 ? now : distort(now)), list)

const ofReceipts = [['transactionHash'], ['transactionIndex'], ['transactionHash', 'transactionIndex'], ['logs']]
/** Within the logs of all receipts: one is moved, whether or not it is made to say that it belongs there. */
const movedLog: fc.Arbitrary<Distortion> = fc
  .tuple(place, place, fc.boolean())
  .map(([from, to, isForged]): Distortion => (list) => {
    const [source, target] = [list[from % list.length], list[to % list.length]]
    const logs = (source as RawReceipt | undefined)?.logs ?? []
    const moved = logs.at(-1)
    if (source === undefined || target === undefined || moved === undefined || source === target) return list
    const forged = isForged ? { transactionHash: target['transactionHash'] } : {}
    return list.map((item) => {
      if (item === source) return { ...item, logs: logs.slice(0, -1) }
      return item === target ? { ...item, logs: [...(target as RawReceipt).logs, { ...moved, ...forged }] } : item
    })
  })

describe('verifyReceipts', () => {
  const truth = byReceipts(receipts, true)

  test('default: status and logs are those of each transaction’s own receipt, in whatever order receipts come', () => {
    expect(truth.transactions.map(({ outcome }) => outcome?.status)).toEqual(
      receipts.map(({ status }) => (status === '0x1' ? 'success' : 'failed')),
    )
    expect(truth.transactions.map(({ logs }) => logs?.length)).toEqual(receipts.map(({ logs }) => logs.length))
    expect(byReceipts(receipts.toReversed(), true)).toEqual(truth)
  })

  test('property: an answer that is permuted, mixed up or misattributed is the truth, or the endpoint’s error', () => {
    const misattributed = [...ofReceipts.map(swapped), movedLog]
    const whole = [swapped(['status']), swapped(['status', 'logs']), swapped(['cumulativeGasUsed', 'status'])]
    expect(
      law(distortions([...misattributed, ...whole]), (by) => {
        const found = accepted(() => byReceipts(distorted(receipts, by), true))
        if (found !== null) expect(found).toEqual(truth)
      }),
    ).not.toThrow()
    // Without roots, on chains with formats of their own, whoever forges a receipt whole is not found out.
    for (const field of ['transactionHash', 'transactionIndex', 'logs']) {
      expect(
        law(distortions([swapped([field])]), (by) => {
          const found = accepted(() => byReceipts(distorted(receipts, by), false))
          if (found !== null) expect(found).toEqual(truth)
        }),
      ).not.toThrow()
    }
  })
})

describe('verifyLogs', () => {
  const logs = receipts.flatMap((receipt) => receipt.logs)
  const truth = byLogs(logs)

  // All of them: that none of the last ones is missing the bloom does not tell where it has the same bits without it.
  test('property: logs that are permuted, mixed up or misattributed are each of their own transaction, or the endpoint’s error', () => {
    const swaps = [['transactionHash'], ['transactionIndex'], ['logIndex'], ['transactionHash', 'transactionIndex']]
    expect(
      law(distortions(swaps.map(swapped)), (by) => {
        const found = accepted(() => byLogs(distorted(logs, by)))
        for (const [at, tx] of (found?.transactions ?? []).entries())
          expect(truth.transactions[at]?.logs).toEqual(expect.arrayContaining([...(tx.logs ?? [])]))
      }),
    ).not.toThrow()
    expect(truth.transactions.map((tx) => tx.logs)).toEqual(
      byReceipts(receipts, true).transactions.map((tx) => tx.logs),
    )
  })
})

describe('verifyTraces', () => {
  const truth = byTraces(traces)

  test('property: frames that are permuted, mixed up or misattributed are the truth, or the endpoint’s error', () => {
    const fields = [
      ['transactionHash'],
      ['transactionPosition'],
      ['transactionHash', 'transactionPosition'],
      ['action'],
    ]
    expect(
      law(distortions(fields.map(swapped)), (by) => {
        const found = accepted(() => byTraces(distorted(traces, by)))
        if (found !== null) expect(found.transactions.map(topOf)).toEqual(truth.transactions.map(topOf))
      }),
    ).not.toThrow()
  })
})

/** The transaction's own call: what is below it, no part of the block tells. */
const topOf = ({ frames }: SourceTransaction) => frames?.[0]
