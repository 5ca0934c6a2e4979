import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { AnvilError } from './anvil.ts'
import { account } from './cast.ts'
import { Chain } from './chain.ts'
import { pay } from './market.ts'

const genesisTime = 1_700_000_000
const emptyFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-chain-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
const open = async (folder: string) => {
  const chain = await Chain.open({ folder, finalityDepth: 12, genesisTime })
  onTestFinished(() => chain.stop())
  return chain
}
const mineTo = async (chain: Chain, number: number) => {
  for (let head = await chain.head(); head.number < number;)
    head = await chain.mine({ timestamp: head.timestamp + 2, transactions: [] })
}
const hashAt = async (chain: Chain, number: number | 'finalized') => {
  const tag = typeof number === 'number' ? `0x${number.toString(16)}` : number
  const block = await chain.rpc('eth_getBlockByNumber', tag, false)
  return block === null ? null : (block as { hash: string }).hash
}

describe('Chain', () => {
  test('default: a block when asked, with the transactions and the time that were asked for', async () => {
    const chain = await open(await emptyFolder())
    const [ann, bob] = [account('test', 'ann'), account('test', 'bob')]
    await chain.rpc('anvil_setBalance', ann.address, '0xde0b6b3a7640000')
    const transactions = await chain.sign([pay(ann, bob.address, 1n), pay(ann, bob.address, 2n)])
    const block = await chain.mine({ timestamp: genesisTime + 7, transactions })
    expect(block).toMatchObject({ number: 1, timestamp: genesisTime + 7 })
    expect(block.transactions).toHaveLength(2)
    expect(await chain.rpc('eth_getBalance', bob.address, 'latest')).toBe('0x3')
  })

  test('behavior: a saved chain is the same after a kill -9 of its node, up to where it was saved', async () => {
    const folder = await emptyFolder()
    const chain = await open(folder)
    await mineTo(chain, 20)
    await chain.save()
    const before = await Promise.all([0, 1, 8, 20, 'finalized' as const].map((number) => hashAt(chain, number)))
    await mineTo(chain, 23)
    process.kill(chain.pid, 'SIGKILL')
    await chain.stop()

    const again = await Chain.open({ folder, finalityDepth: 12, genesisTime: genesisTime + 99 })
    onTestFinished(() => again.stop())
    expect(await Promise.all([0, 1, 8, 20, 'finalized' as const].map((number) => hashAt(again, number)))).toEqual(
      before,
    )
    expect((await again.head()).number).toBe(20)
    await mineTo(again, 21)
    expect((await readdir(folder)).sort()).toEqual(['anvil', 'chain.json.gz'])
  })

  test('behavior: starting the node anew keeps the port, the head and the newest 256 blocks', async () => {
    const chain = await open(await emptyFolder())
    await mineTo(chain, 300)
    const [url, head, old] = [chain.rpcUrl, await chain.head(), await hashAt(chain, 45)]
    await chain.save()
    await chain.restart()
    expect([chain.rpcUrl, await chain.head(), await hashAt(chain, 45)]).toEqual([url, head, old])
    expect(await hashAt(chain, 44)).toBeNull()
  })

  test('error: a saved chain that is no chain says which file and what to do', async () => {
    const folder = await emptyFolder()
    await writeFile(join(folder, 'chain.json.gz'), 'not a chain')
    const error = await Chain.open({ folder, finalityDepth: 12, genesisTime }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(AnvilError)
    expect(error).toMatchObject({
      message: `The saved demo chain ${join(folder, 'chain.json.gz')} cannot be read.`,
      remedy: 'Remove the data folder to begin a new chain.',
    })
    expect(await readFile(join(folder, 'chain.json.gz'), 'utf8')).toBe('not a chain')
  })

  test('error: what the node answers is told in its own words', async () => {
    const chain = await open(await emptyFolder())
    await expect(chain.mine({ timestamp: genesisTime - 1, transactions: [] })).rejects.toThrow(
      /^evm_mine failed: Timestamp error: /,
    )
  })
})
