import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openTestChain } from './test-chain.ts'

const open = async (wallets: readonly string[]) => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-test-chain-'))
  const chain = await openTestChain({ folder, wallets })
  onTestFinished(async () => {
    await chain.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return chain
}
interface RpcBlock {
  readonly number: string
  readonly hash: string
  readonly parentHash: string
  readonly timestamp: string
  readonly transactions: readonly string[]
}

describe('openTestChain', () => {
  test('default: wallets with money, a block only when asked, and every transaction succeeds', async () => {
    const { mine, account, transfer, swap, chain, tokens } = await open(['ann', 'bob'])
    const head = await chain.head()
    expect(head.number).toBe(5)
    const [ann, bob, eve] = [account('ann'), account('bob'), account('eve')]
    const block = await mine({
      calls: [
        transfer('usdc', ann, eve.address, '2500.5'),
        transfer('native', ann, eve.address, '0.5'),
        ...swap('v2', bob, 'usdc', '1000'),
        ...swap('v3', bob, 'weth', '1'),
      ],
      timestamp: head.timestamp + 60,
    })
    expect(block).toMatchObject({ number: 6, timestamp: head.timestamp + 60 })
    const receipts = (await chain.rpc('eth_getBlockReceipts', '0x6')) as readonly { status: string; logs: unknown[] }[]
    expect(receipts.map(({ status }) => status)).toEqual(['0x1', '0x1', '0x1', '0x1', '0x1', '0x1'])
    const usdc = tokens.find(({ symbol }) => symbol === 'dUSDC')
    expect(usdc).toMatchObject({ decimals: 6, kind: 'stablecoin', recognised: true })
  })

  test.for([1, 2, 7, 40])('behavior: a reorg of depth %i gives a longer, linked branch', async (depth) => {
    const { mine, reorg, account, transfer, chain } = await open(['ann'])
    const send = transfer('dai', account('ann'), account('eve').address, '10')
    for (let count = 0; count < depth; count++) await mine({ calls: [send] })
    const fork = (await chain.head()).number - depth
    const old = await chain.head()
    const branch = await reorg(depth, [{ calls: [send] }, ...Array.from({ length: depth }, () => ({}))])
    expect(branch.map(({ number }) => number)).toEqual(Array.from({ length: depth + 1 }, (_, n) => fork + 1 + n))
    expect(branch.some(({ hash }) => hash === old.hash)).toBe(false)
    const blocks = await Promise.all(
      [...Array(depth + 2).keys()].map(
        async (n) => (await chain.rpc('eth_getBlockByNumber', `0x${(fork + n).toString(16)}`, false)) as RpcBlock,
      ),
    )
    for (const [index, block] of blocks.slice(1).entries()) {
      expect(block.parentHash).toBe(blocks[index]?.hash)
      expect(Number(block.timestamp)).toBeGreaterThan(Number(blocks[index]?.timestamp))
    }
    expect(blocks.slice(1).map(({ transactions }) => transactions.length)).toEqual([1, ...Array<number>(depth).fill(0)])
  })

  test('behavior: a call mined again in the branch is the same transaction', async () => {
    const { mine, reorg, account, transfer } = await open(['ann'])
    const call = transfer('usdc', account('ann'), account('eve').address, '1')
    const { transactions, hash } = await mine({ calls: [call] })
    const [again] = await reorg(1, [{ calls: [call] }, {}])
    expect(again?.transactions).toEqual(transactions)
    expect(again?.hash).not.toBe(hash)
  })
})
