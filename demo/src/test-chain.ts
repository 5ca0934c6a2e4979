import type { Address, Label, PriceTick, TokenInfo } from '@tocsin/chain-model'
import { account } from './cast.ts'
import { type Account, type Call, Chain, demoChainId, type MinedBlock } from './chain.ts'
import type { TokenName } from './contracts.ts'
import {
  amountOf,
  approve,
  fedAssets,
  foundingBlocks,
  foundMarket,
  labelList,
  type PoolName,
  pay,
  routerOf,
  swap,
  tokenList,
  transfer,
} from './market.ts'

/** What one block of a {@link TestChain} is to hold. */
export interface TestBlock {
  readonly calls?: readonly Call[]
  /** In seconds; default: two after the block before. */
  readonly timestamp?: number
}

export interface TestChainOptions {
  /** An empty folder. */
  readonly folder: string
  /** Wallets that exist from block 5 on, each with 10 ETH, 100 WETH, 1,000,000 dUSDC, 1,000,000 dDAI and 10 dWBTC. */
  readonly wallets: readonly string[]
  /** In seconds; default 1,700,000,000. */
  readonly genesisTime?: number
  /** Default 64. */
  readonly finalityDepth?: number
}

/**
 * A local chain on which nothing happens unless the test says so: real contracts, no clock, a block when `mine` is
 * called. The market of the demo is founded in blocks 1 to 4 and the wallets get their money in block 5.
 */
export interface TestChain {
  readonly rpcUrl: string
  readonly chainId: number
  readonly finalityDepth: number
  readonly tokens: readonly TokenInfo[]
  readonly labels: readonly Label[]
  /** Prices that hold throughout: WETH 1,773, dWBTC 33,930, the others 1. */
  readonly prices: readonly PriceTick[]
  /** The chain itself, for what is not below. */
  readonly chain: Chain
  /** The account of this name: one of the wallets, or somebody new without money. */
  readonly account: (name: string) => Account
  readonly mine: (block?: TestBlock) => Promise<MinedBlock>
  /**
   * Reverts the newest `depth` blocks and mines `branch` instead; default: one more, all empty. Calls that were mined
   * before and are in the branch with the same nonces are the same transactions, with the same hashes.
   */
  readonly reorg: (depth: number, branch?: readonly TestBlock[]) => Promise<readonly MinedBlock[]>
  /** A call to mine: `display` whole tokens, e.g. '2500.5'. */
  readonly transfer: (token: TokenName | 'native', from: Account, to: Address, display: string) => Call
  /** Calls to mine: an approval and a trade of `display` whole tokens at what the pool gives. */
  readonly swap: (pool: PoolName, from: Account, sell: 'weth' | 'usdc', display: string) => readonly Call[]
  readonly stop: () => Promise<void>
}

/** @throws {AnvilError} */
export async function openTestChain(options: TestChainOptions): Promise<TestChain> {
  const { folder, wallets, genesisTime = 1_700_000_000, finalityDepth = 64 } = options
  const seed = 'test'
  const chain = await Chain.open({ folder, finalityDepth, genesisTime })
  const market = await foundMarket(
    chain,
    seed,
    Array.from({ length: foundingBlocks }, (_, n) => genesisTime + 2 * (n + 1)),
  )
  const { tokens } = market.contracts
  const { exchange } = market.accounts
  const accountNamed = (name: string) => account(seed, `test/${name}`)

  const mine = async ({ calls = [], timestamp }: TestBlock = {}) => {
    const head = await chain.head()
    const transactions = await chain.sign(calls)
    return chain.mine({ timestamp: timestamp ?? head.timestamp + 2, transactions })
  }
  await mine({
    calls: wallets.flatMap((name) => {
      const { address } = accountNamed(name)
      return [
        pay(exchange, address, 10n ** 19n),
        transfer(exchange, tokens.weth, address, amountOf('weth', '100')),
        transfer(exchange, tokens.usdc, address, amountOf('usdc', '1000000')),
        transfer(exchange, tokens.dai, address, amountOf('dai', '1000000')),
        transfer(exchange, tokens.wbtc, address, amountOf('wbtc', '10')),
      ]
    }),
  })
  const constant = { type: 'price', chainId: demoChainId, source: 'test', time: 0, maxAge: null } as const
  return {
    rpcUrl: chain.rpcUrl,
    chainId: demoChainId,
    finalityDepth,
    tokens: tokenList(market),
    labels: labelList(market),
    prices: fedAssets(market.contracts).map(({ asset, around8 }) => ({ ...constant, asset, price8: around8 })),
    chain,
    account: accountNamed,
    mine,
    reorg: async (depth, branch = Array.from({ length: depth + 1 }, () => ({}))) => {
      await chain.rollback(depth)
      const mined: MinedBlock[] = []
      for (const block of branch) mined.push(await mine(block))
      return mined
    },
    transfer: (token, from, to, display) =>
      token === 'native'
        ? pay(from, to, amountOf('weth', display)) // both have 18 decimals
        : transfer(from, tokens[token], to, amountOf(token, display)),
    swap: (pool, from, sell, display) => [
      approve(from, tokens[sell], routerOf(market, pool)),
      swap(market, pool, from, sell, amountOf(sell, display)),
    ],
    stop: () => chain.stop(),
  }
}
