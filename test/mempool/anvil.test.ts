import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  mempoolCodec,
  mempoolTopic,
  parseHash,
  transactionsCodec,
  transactionsTopic,
  type ChainCall,
  type Hash,
  type MempoolRecord,
  type TransactionsRecord,
} from '@tocsin/chain-model'
import { openTestChain, type TestChain } from '@tocsin/demo'
import type { EventLog } from '@tocsin/event-log'
import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../bad-input/expectations.ts'
import { followTestChain, recordsOf } from '../followed-chain.ts'
import { sampleOf } from '../prometheus-text.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** The states that each transaction went through, by hash. */
function storiesOf(records: readonly MempoolRecord[]): ReadonlyMap<Hash, readonly string[]> {
  const stories = new Map<Hash, string[]>()
  for (const record of records)
    if ('firstSeen' in record) stories.set(record.hash, [...(stories.get(record.hash) ?? []), record.type])
  return stories
}

/** The blocks that the ledger's records leave, each built on the one before, without a gap in their sequence. */
function ledgerOf(records: readonly TransactionsRecord[]) {
  const chain: { readonly number: number; readonly hash: string | null }[] = []
  let sequence = 0
  let reverts = 0
  for (const record of records) {
    if (record.type !== 'sealed' && record.type !== 'reverted') continue
    expect(record.sequence).toBe(sequence++)
    const { number, hash } = record.block
    if (record.type === 'sealed') {
      expect(record.block.parentHash).toBe(chain.at(-1)?.hash ?? record.block.parentHash)
      chain.push({ number, hash })
    } else {
      expect(chain.pop()?.hash).toBe(hash)
      reverts++
    }
  }
  return { chain, reverts }
}

interface Watched {
  readonly log: EventLog
  readonly stop: () => Promise<void>
  readonly states: (state: string) => Promise<number>
  /** Those that it is told to make while it is pending. */
  readonly callsOf: (hash: Hash) => Promise<readonly ChainCall[]>
  readonly stories: () => Promise<ReadonlyMap<Hash, readonly string[]>>
  readonly ledger: () => Promise<ReturnType<typeof ledgerOf>>
}

async function watch(chain: TestChain, folder: string, how: 'subscribe' | 'poll'): Promise<Watched> {
  const { log, metrics, stop } = await followTestChain(chain, folder, {
    'finality-depth': '32',
    mempool: how,
    'mempool-rpc': how === 'poll' ? chain.rpcUrl : chain.rpcUrl.replace('http', 'ws'),
    'mempool-poll-interval': '100ms',
    'mempool-drop-after': '600ms',
  })
  await log.createTopics([{ topic: mempoolTopic('tocsin', chain.chainId), partitions: 1 }])
  closing.push(stop)
  return {
    log,
    stop,
    states: async (state) => sampleOf(await metrics.exposition(), 'tocsin_ingestor_mempool_states_total', state) ?? 0,
    callsOf: async (hash) =>
      (await recordsOf(log, mempoolTopic('tocsin', chain.chainId), mempoolCodec)).flatMap((record) =>
        record.type === 'pending' && record.hash === hash ? (record.calls ?? []) : [],
      ),
    stories: async () => storiesOf(await recordsOf(log, mempoolTopic('tocsin', chain.chainId), mempoolCodec)),
    ledger: async () => ledgerOf(await recordsOf(log, transactionsTopic('tocsin', chain.chainId), transactionsCodec)),
  }
}

describe.each(['subscribe', 'poll'] as const)('the mempool of anvil, by %s', (how) => {
  test('behavior: every end of a pending transaction is told, and the log holds exactly the chain', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tocsin-mempool-'))
    closing.push(() => rm(folder, { recursive: true, force: true }))
    const chain = await openTestChain({ folder: join(folder, 'chain'), wallets: [] })
    closing.push(() => chain.stop())
    const rpc = chain.chain.rpc.bind(chain.chain)
    const [from] = (await rpc('eth_accounts')) as readonly [string] // anvil has one account of its own
    const to = chain.account('eve').address
    let nonce = Number(await rpc('eth_getTransactionCount', from, 'latest'))
    const gwei = (amount: number) => `0x${(BigInt(amount) * 10n ** 9n).toString(16)}`
    const call = (value: number, fee: number, at = nonce) => ({
      from,
      to,
      value: `0x${value.toString(16)}`,
      nonce: `0x${at.toString(16)}`,
      maxFeePerGas: gwei(fee),
      maxPriorityFeePerGas: gwei(fee),
      gas: '0x5208',
    })
    const send = async (what: ReturnType<typeof call> & { readonly input?: string }) =>
      parseHash(await rpc('eth_sendTransaction', what))

    let watched = await watch(chain, join(folder, 'log'), how)
    const tells = async (hash: Hash, ...story: readonly string[]) => {
      let told: readonly string[] = []
      const holds = async () => {
        told = (await watched.stories()).get(hash) ?? []
        return told.join() === story.join()
      }
      await until(`its states are ${story.join(', ')}`, holds, () => told.join(', '))
    }
    const isAtHead = async () => {
      const { hash } = await chain.chain.head()
      await until('the head is in the log', async () => (await watched.ledger()).chain.at(-1)?.hash === hash)
    }
    await isAtHead()
    await until('the mempool is followed', async () => {
      const topic = mempoolTopic('tocsin', chain.chainId)
      return (await recordsOf(watched.log, topic, mempoolCodec)).length > 0
    })

    // Replaced by another call, which is mined.
    const input = `0xa9059cbb${to.slice(2).padStart(64, '0')}${'7'.padStart(64, '0')}`
    const cheap = await send({ ...call(0, 3), gas: '0x186a0', input })
    await tells(cheap, 'pending')
    expect(await watched.callsOf(cheap)).toMatchObject([
      { type: 'transfer', caller: from, address: to, to, amount: 7n },
    ])
    const dear = await send(call(2, 6))
    await tells(cheap, 'pending', 'replaced')
    await chain.mine()
    await tells(dear, 'pending', 'mined-same')
    nonce++

    // Dropped by the node; sent again it is pending again.
    const dropped = await send(call(3, 3))
    await tells(dropped, 'pending')
    await rpc('anvil_dropTransaction', dropped)
    await tells(dropped, 'pending', 'dropped')
    expect(await send(call(3, 3))).toBe(dropped)
    await tells(dropped, 'pending', 'dropped', 'pending')

    // The time jumps by a day while it waits.
    await chain.mine({ timestamp: (await chain.chain.head()).timestamp + 86_400 })
    await tells(dropped, 'pending', 'dropped', 'pending', 'mined-same')
    nonce++

    // anvil_reorg reverts its block for an empty one of the parent's timestamp, and has it no more.
    const reverted = await send(call(4, 3))
    await tells(reverted, 'pending')
    await chain.mine()
    await tells(reverted, 'pending', 'mined-same')
    await rpc('anvil_reorg', 1, [])
    await chain.mine() // a branch as long as the old one is no news to a follower before it grows
    await tells(reverted, 'pending', 'mined-same', 'pending', 'dropped')
    expect(await send(call(4, 3))).toBe(reverted)
    await tells(reverted, 'pending', 'mined-same', 'pending', 'dropped', 'pending')

    // The process ends while it waits; a reorg then mines another call of its nonce.
    await isAtHead()
    await watched.stop()
    await rpc('anvil_reorg', 1, [[call(5, 9), 0]])
    await chain.mine()
    watched = await watch(chain, join(folder, 'log'), how)
    await tells(reverted, 'pending', 'mined-same', 'pending', 'dropped', 'pending', 'mined-different')
    nonce++

    // Two blocks with ends are reverted at once, for a branch that has them the other way round and then grows.
    const [first, second] = [await send(call(6, 3)), await send(call(7, 3, nonce + 1))]
    await tells(first, 'pending')
    await chain.mine()
    await chain.mine()
    await tells(second, 'pending', 'mined-same')
    await isAtHead()
    await rpc('anvil_reorg', 2, [
      [call(6, 3), 0],
      [call(8, 3, nonce + 1), 1],
    ])
    await chain.mine()
    await tells(first, 'pending', 'mined-same', 'pending', 'mined-same')
    await tells(second, 'pending', 'mined-same', 'pending', 'mined-different')

    expect([await watched.states('mined-same'), await watched.states('mined-different')]).toEqual([3, 2])
    await isAtHead()
    const { chain: blocks, reverts } = await watched.ledger()
    expect(reverts).toBe(4)
    for (const { number, hash } of blocks) {
      const there = (await rpc('eth_getBlockByNumber', `0x${number.toString(16)}`, false)) as { readonly hash: string }
      expect([number, hash]).toEqual([number, there.hash])
    }
    expect(blocks.map(({ number }) => number)).toEqual(blocks.map((_, at) => at))
  })
})
