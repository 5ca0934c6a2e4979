import assert from 'node:assert/strict'
import {
  alertCodec,
  alertsTopic,
  transactionsCodec,
  transactionsTopic,
  type Alert,
  type ChainTransaction,
} from '@tocsin/chain-model'
import { openEmbeddedLog, type EventLog } from '@tocsin/event-log'
import type { TestChain } from '@tocsin/demo'

const prefix = 'tocsin'

/** What a data folder's log leaves to a reader, once its process has ended. */
export interface LogLeft {
  /** The blocks that stand: their hashes and their transactions, oldest first. */
  readonly blocks: readonly { readonly hash: string | null; readonly transactions: readonly ChainTransaction[] }[]
  readonly finalNumber: number
  /** The transitions of each alert in the order of the log. */
  readonly alerts: ReadonlyMap<string, readonly Alert[]>
}

/**
 * Folds the log as any reader would.
 * @throws where the ledger has a gap, a block that does not follow its parent, half a block or a final one taken back; and
 * where an alert's revisions are not 1, 2, 3 …, its transitions none that the lifecycle knows.
 */
export async function readLogLeft(folder: string, chainId: number): Promise<LogLeft> {
  const log = await openEmbeddedLog(folder)
  try {
    return { ...(await foldTransactions(log, chainId)), alerts: await foldAlerts(log) }
  } finally {
    await log.close()
  }
}

/** What a partition holds now, from its beginning. */
export async function* valuesOf(log: EventLog, topic: string, partition: number): AsyncGenerator<Uint8Array> {
  const { beginning, end } = await log.offsets({ topic, partition })
  const reader = await log.openReader([{ topic, partition, offset: beginning }])
  for (let next = beginning; next < end;) {
    for (const { records, nextOffset } of await reader.poll(100)) {
      for (const { value } of records) yield value
      next = nextOffset
    }
  }
  await reader.close()
}

async function foldTransactions(log: EventLog, chainId: number): Promise<Pick<LogLeft, 'blocks' | 'finalNumber'>> {
  const blocks: { number: number; hash: string | null; transactions: readonly ChainTransaction[] }[] = []
  let pending: ChainTransaction[] = []
  let sequence = 0
  let finalNumber = -1
  for await (const value of valuesOf(log, transactionsTopic(prefix, chainId), 0)) {
    const record = transactionsCodec.decode(value)
    if (record.type === 'transaction') pending.push(record)
    else if (record.type === 'sealed') {
      const { number, hash, parentHash } = record.block
      const parent = blocks.at(-1)
      assert.equal(record.sequence, sequence++, 'log: the sequence of a sealed block has a gap')
      if (parent !== undefined) assert.equal(parentHash, parent.hash, `log: block ${number} is not on its parent`)
      assert.equal(record.transactions, pending.length, `log: block ${number} is not whole`)
      blocks.push({ number, hash, transactions: pending })
      pending = []
    } else if (record.type === 'reverted') {
      assert.equal(record.sequence, sequence++, 'log: the sequence of a reverted block has a gap')
      assert.deepEqual(pending, [], 'log: a block was reverted in the middle of another')
      assert.equal(blocks.pop()?.hash, record.block.hash, 'log: what was reverted was not the newest block')
      assert.ok(record.block.number > finalNumber, `log: the final block ${record.block.number} was reverted`)
    } else if (record.type === 'finalized') {
      const { number, hash } = record.block
      assert.ok(number > finalNumber, `log: block ${number} is final after ${finalNumber}`)
      assert.equal(blocks.find((block) => block.number === number)?.hash, hash, `log: no block ${number} to be final`)
      finalNumber = number
    }
  }
  assert.deepEqual(pending, [], 'log: the newest block is half there')
  return { blocks, finalNumber }
}

async function foldAlerts(log: EventLog): Promise<ReadonlyMap<string, readonly Alert[]>> {
  const alerts = new Map<string, Alert[]>()
  const topic = alertsTopic(prefix)
  for (let partition = 0; partition < (await log.partitions(topic)); partition++) {
    for await (const value of valuesOf(log, topic, partition)) {
      const alert = alertCodec.decode(value)
      const before = alerts.get(alert.id) ?? []
      alerts.set(alert.id, [...before, alert])
    }
  }
  for (const [id, transitions] of alerts) verifyLifecycle(id, transitions)
  return alerts
}

/** @throws unless the revisions are 1, 2, 3 …, found before lost before found again, and confirmed once, as the end. */
export function verifyLifecycle(
  id: string,
  transitions: readonly { readonly revision: number; readonly status: string }[],
): void {
  const history = transitions.map(({ revision, status }) => `${revision} ${status}`)
  const expected = transitions.map(({ status }, index) => {
    const isLast = index === transitions.length - 1
    return `${index + 1} ${index % 2 === 0 ? 'provisional' : isLast && status === 'confirmed' ? 'confirmed' : 'retracted'}`
  })
  assert.deepEqual(history, expected, `the transitions of alert ${id}`)
}

/** @throws unless the log holds the node's chain, whole and nothing else. */
export async function verifyCanonical(left: LogLeft, chain: TestChain): Promise<void> {
  const head = await chain.chain.head()
  assert.equal(left.blocks.length, head.number + 1, 'log: as many blocks as the chain')
  for (const [number, { hash, transactions }] of left.blocks.entries()) {
    const block = (await chain.chain.rpc('eth_getBlockByNumber', `0x${number.toString(16)}`, false)) as {
      readonly hash: string
      readonly transactions: readonly string[]
    }
    assert.equal(hash, block.hash, `log: the hash of block ${number}`)
    assert.deepEqual(
      transactions.map((one) => one.hash),
      block.transactions,
      `log: the transactions of block ${number}`,
    )
  }
}
