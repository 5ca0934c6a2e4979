import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  parseAddress,
  transactionsCodec,
  transactionsTopic,
  type Address,
  type Hex,
  type PriceTick,
  type TransactionsRecord,
} from '@tocsin/chain-model'
import { openTestChain, type TestChain } from '@tocsin/demo'
import { afterEach, expect, test } from 'vitest'
import { until } from '../bad-input/expectations.ts'
import { followTestChain, recordsOf } from '../followed-chain.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/**
 * The code of a contract that answers `latestRoundData` and `decimals` (8) like a Chainlink feed; a call with any other
 * data makes a round of its first word and logs AnswerUpdated, as an aggregator does.
 */
function oracleCode(): Hex {
  const topic = '0559884fd3a460db3073b7fc896cc77986f16e378210ded43186175bf646fc5f'
  // Slots: 0 the round, 1 the answer, 2 its time.
  const update = '6000358060015560005460010180600055428060025560005290'
  const log = `7f${topic}60206000a300`
  const round = '5b600054806000526080526001546020526002548060405260605260a06000f3'
  const eight = '5b600860005260206000f3'
  const byte = (value: number) => value.toString(16).padStart(2, '0')
  const dispatch = (toRound: number, toEight: number) =>
    `60003560e01c8063feaf968c1460${byte(toRound)}5763313ce5671460${byte(toEight)}57${update}${log}`
  const at = dispatch(0, 0).length / 2
  return `0x${dispatch(at, at + round.length / 2)}${round}${eight}`
}

const oracle = parseAddress(`0x${'0c'.repeat(20)}`)

/** The prices of the blocks that stand, by number, and how many were reverted with their blocks. */
function pricesThatStand(records: readonly TransactionsRecord[]) {
  const standing = new Map<number, { readonly hash: string | null; readonly prices: readonly PriceTick[] }>()
  let prices: PriceTick[] = []
  let reverted = 0
  for (const record of records)
    if (record.type === 'price') prices.push(record)
    else if (record.type === 'sealed') {
      standing.set(record.block.number, { hash: record.block.hash, prices })
      prices = []
    } else if (record.type === 'reverted') {
      reverted += standing.get(record.block.number)?.prices.length ?? 0
      standing.delete(record.block.number)
    }
  return { standing, reverted }
}

async function follow(chain: TestChain, folder: string) {
  const { log, stop } = await followTestChain(chain, join(folder, 'log'), {
    'chain-prices': join(folder, 'feeds.ndjson'),
  })
  closing.push(stop)
  const told = async () =>
    pricesThatStand(await recordsOf(log, transactionsTopic('tocsin', chain.chainId), transactionsCodec))
  const isAtHead = async () => {
    const head = await chain.chain.head()
    const holds = async () => (await told()).standing.get(head.number)?.hash === head.hash
    await until('the head is in the log', holds)
  }
  return { stop, isAtHead, told }
}

test('prices of Chainlink and of Uniswap pools are those of the contracts at each block, through a reorg and a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-chain-prices-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
  const chain = await openTestChain({ folder: join(folder, 'chain'), wallets: ['ann'] })
  closing.push(() => chain.stop())
  const ann = chain.account('ann')
  const named = (symbol: string): Address => {
    const token = chain.tokens.find((one) => one.symbol === symbol)
    if (token === undefined) throw new TypeError(`There is no ${symbol}.`)
    return token.address
  }
  const [weth, usdc] = [named('WETH'), named('dUSDC')]
  const [v2, v3] = chain.labels.filter((label) => label.class === 'pool').map(({ address }) => address)
  const pools = { asset: weth, quote: usdc, minLiquidity: '284000' }
  const feeds = [
    { kind: 'chainlink', address: oracle, asset: usdc },
    { kind: 'uniswap-v2', address: v2, ...pools },
    { kind: 'uniswap-v3', address: v3, ...pools },
  ]
  await writeFile(
    join(folder, 'feeds.ndjson'),
    feeds.map((feed) => JSON.stringify({ ...feed, chainId: chain.chainId })).join('\n'),
  )
  await chain.chain.rpc('anvil_setCode', oracle, oracleCode())

  const answer = (price8: bigint) => ({
    ...{ from: ann, to: oracle, value: 0n, gas: 200_000n },
    data: `0x${price8.toString(16).padStart(64, '0')}` as const,
  })
  /** What the contracts say at a block: the ratio of reserves, or the square of the root, by the oracle's answer. */
  async function expected(number: number): Promise<Readonly<Record<string, bigint>>> {
    const words = async (to: Address | undefined, data: string) => {
      const told = String(await chain.chain.rpc('eth_call', { to, data }, `0x${number.toString(16)}`))
      return Array.from({ length: (told.length - 2) / 64 }, (_, at) =>
        BigInt(`0x${told.slice(2 + 64 * at, 66 + 64 * at)}`),
      )
    }
    const [, dollar = 0n] = await words(oracle, '0xfeaf968c')
    const [reserve0 = 0n, reserve1 = 0n] = await words(v2, '0x0902f1ac')
    const [root = 0n] = await words(v3, '0x3850c7bd')
    const [ether, dollars] = weth < usdc ? [reserve0, reserve1] : [reserve1, reserve0]
    const [of, by] = weth < usdc ? [root * root, 1n << 192n] : [1n << 192n, root * root]
    return {
      [`chainlink ${oracle}`]: dollar,
      [`uniswap-v2 ${v2}`]: (dollars * 10n ** 18n * dollar) / (ether * 10n ** 6n),
      [`uniswap-v3 ${v3}`]: (of * 10n ** 18n * dollar) / (by * 10n ** 6n),
    }
  }
  let follower = await follow(chain, folder)
  const expectBlock = async (number: number, sources: readonly string[]) => {
    const prices = (await follower.told()).standing.get(number)?.prices ?? []
    const want = await expected(number)
    expect(prices.map(({ source, price8 }) => [source.split(' in ')[0], price8])).toEqual(
      sources.map((source) => [source, want[source]]),
    )
  }
  const [link, two, three] = [`chainlink ${oracle}`, `uniswap-v2 ${v2}`, `uniswap-v3 ${v3}`] as const

  // No answer yet: the pools trade, and their quote has no price.
  await chain.mine({ calls: chain.swap('v2', ann, 'weth', '1') })
  const first = await chain.mine({ calls: [answer(99_900_000n)] })
  const second = await chain.mine({
    calls: [...chain.swap('v2', ann, 'usdc', '3000'), ...chain.swap('v3', ann, 'weth', '2')],
  })
  const both = await chain.mine({ calls: [...chain.swap('v3', ann, 'usdc', '500'), answer(100_100_000n)] })
  await follower.isAtHead()
  await expectBlock(first.number - 1, [])
  await expectBlock(first.number, [link])
  await expectBlock(second.number, [two, three])
  await expectBlock(both.number, [link, three])

  // Both blocks are reverted: other trades, another answer, and an answer of 0 that is none.
  await chain.reorg(2, [{ calls: chain.swap('v3', ann, 'weth', '5') }, { calls: [answer(0n)] }, {}])
  await follower.isAtHead()
  expect((await follower.told()).reverted).toBe(4)
  await expectBlock(first.number, [link])
  await expectBlock(second.number, [three])
  await expectBlock(both.number, [])

  // An answer of 0 is no price to quote by either, until there is another; the process ends and another goes on.
  await follower.stop()
  const unpriced = await chain.mine({ calls: chain.swap('v2', ann, 'weth', '1') })
  const again = await chain.mine({ calls: [answer(100_000_000n), ...chain.swap('v2', ann, 'weth', '1')] })
  follower = await follow(chain, folder)
  await follower.isAtHead()
  await expectBlock(unpriced.number, [])
  await expectBlock(again.number, [link, two])

  // Half of a pool is bought: the price leaps, and is marked.
  for (let count = 0; count < 5; count++) await chain.mine({ calls: chain.swap('v2', ann, 'weth', '0.1') })
  // Another process compares with what is in the log.
  await follower.isAtHead()
  await follower.stop()
  follower = await follow(chain, folder)
  const leap = await chain.mine({ calls: chain.swap('v2', ann, 'usdc', '200000') })
  await follower.isAtHead()
  const [leapt] = (await follower.told()).standing.get(leap.number)?.prices ?? []
  expect(leapt).toMatchObject({ asset: weth, outlier: true })

  // What is left of it is below the minimum: no price.
  const drained = await chain.mine({ calls: chain.swap('v2', ann, 'weth', '80') })
  await follower.isAtHead()
  await expectBlock(drained.number, [])
})
