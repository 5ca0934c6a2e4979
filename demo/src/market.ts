import { type Address, type Hex, type Label, parseAddress, type TokenInfo, zeroAddress } from '@tocsin/chain-model'
import { parseUnits } from 'ethers'
import { account } from './cast.ts'
import type { Account, Call, Chain } from './chain.ts'
import {
  abi,
  type Contracts,
  contractsOf,
  deployments,
  positionsAbi,
  tokenFacts,
  tokenNames,
  type TokenName,
} from './contracts.ts'
import { type FedAsset, priceAt } from './price-feed.ts'

/** The fee of the v3 pool, in hundredths of a basis point: 0.3 %, as the v2 pool's. */
const v3Fee = 3_000
/** The widest range that a pool of this fee allows (tick spacing 60). */
const v3Range = { tickLower: -887_220, tickUpper: 887_220 } as const
/** What each pool is given on its USD side: small enough that 24,000 USD move it visibly. */
const poolUsd = 300_000n
const deadline = 10n ** 12n
const unlimited = 2n ** 256n - 1n

/** Everybody and everything on the demo chain that has a place: contracts, pools and the accounts that stay. */
export interface Market {
  readonly chain: Chain
  readonly seed: string
  readonly contracts: Contracts
  /** Pools of WETH and demo USDC. */
  readonly pools: Readonly<Record<PoolName, Address>>
  readonly accounts: Readonly<Record<'deployer' | 'exchange' | 'arbitrageur' | 'merchant', Account>>
}
export type PoolName = 'v2' | 'v3'

/** The first blocks, which {@link foundMarket} mines. */
export const foundingBlocks = 4

/** What the prices of the demo chain stand around. */
export function fedAssets({ tokens }: Contracts): readonly FedAsset[] {
  return [
    { asset: tokens.weth, around8: 177_300_000_000n, steady: false },
    { asset: tokens.usdc, around8: 100_000_000n, steady: true },
    { asset: tokens.dai, around8: 100_000_000n, steady: true },
    { asset: tokens.wbtc, around8: 3_393_000_000_000n, steady: false },
  ]
}

/** The market of a chain whose founding blocks are mined. */
export async function openMarket(chain: Chain, seed: string): Promise<Market> {
  const accounts = accountsOf(seed)
  const contracts = contractsOf(accounts.deployer.address)
  const { weth, usdc } = contracts.tokens
  const created = async (factory: Address, name: string, ...of: readonly unknown[]) => {
    const answer = await chain.call(factory, abi.encodeFunctionData(name, of))
    if (answer === '0x') throw new DemoChainError(seed) // no such contract
    return parseAddress(abi.decodeFunctionResult(name, answer)[0])
  }
  const v2 = await created(contracts.v2Factory, 'getPair', weth, usdc)
  const v3 = await created(contracts.v3Factory, 'getPool', weth, usdc, v3Fee)
  return { chain, seed, contracts, pools: { v2, v3 }, accounts }
}

/** The saved chain is not one that this seed founded. */
export class DemoChainError extends Error {
  readonly code = 'DEMO_FOREIGN_CHAIN'
  readonly handling = 'stop'
  readonly remedy = 'Start with the seed of before, or remove the data folder to begin a new chain.'
  constructor(seed: string) {
    super(`The saved demo chain has no pools of the seed "${seed}".`)
  }
}

const accountsOf = (seed: string): Market['accounts'] => ({
  deployer: account(seed, 'deployer'),
  exchange: account(seed, 'exchange'),
  arbitrageur: account(seed, 'arbitrageur'),
  merchant: account(seed, 'merchant'),
})

/**
 * Founds the market on an empty chain, one block for each of `timestamps` (seconds): contracts, money, pools, and the
 * approvals of those who trade.
 */
export async function foundMarket(chain: Chain, seed: string, timestamps: readonly number[]): Promise<Market> {
  const accounts = accountsOf(seed)
  const { deployer, exchange, arbitrageur } = accounts
  const contracts = contractsOf(deployer.address)
  const { weth, usdc, dai, wbtc } = contracts.tokens
  for (const { address } of Object.values(accounts))
    await chain.rpc('anvil_setBalance', address, `0x${(10n ** 24n).toString(16)}`)

  const price8 = priceOf({ contracts, seed }, 'weth', (timestamps[0] ?? 0) * 1_000)
  const usdcAmount = poolUsd * 1_000_000n
  const wethAmount = (usdcAmount * 10n ** 20n) / price8
  const [token0, token1, amount0, amount1] =
    weth < usdc ? [weth, usdc, wethAmount, usdcAmount] : [usdc, weth, usdcAmount, wethAmount]
  const run = (from: Account, to: Address, data: string, value = 0n): Call => ({
    from,
    to,
    data: data as Hex,
    value,
    gas: 6_000_000n,
  })
  const approvals = (from: Account, spenders: readonly Address[]) =>
    spenders.flatMap((spender) => [weth, usdc].map((token) => ({ ...approve(from, token, spender), gas: 100_000n })))
  const mint = (token: TokenName, display: string) =>
    run(deployer, contracts.tokens[token], abi.encodeFunctionData('mint', [exchange.address, amountOf(token, display)]))
  const v3Mint = {
    token0,
    token1,
    fee: v3Fee,
    ...v3Range,
    amount0Desired: amount0,
    amount1Desired: amount1,
    amount0Min: 0,
    amount1Min: 0,
    recipient: exchange.address,
    deadline,
  }

  const blocks: readonly (readonly Call[])[] = [
    deployments(deployer.address).map((data) => ({ from: deployer, to: null, data, value: 0n, gas: 6_500_000n })),
    [
      ...[mint('usdc', '1000000000'), mint('dai', '1000000000'), mint('wbtc', '100000')],
      run(exchange, weth, abi.encodeFunctionData('deposit'), 400_000n * 10n ** 18n),
      ...approvals(exchange, [contracts.v2Router, contracts.v3Positions]),
    ],
    [
      run(
        exchange,
        contracts.v2Router,
        abi.encodeFunctionData('addLiquidity', [weth, usdc, wethAmount, usdcAmount, 0, 0, exchange.address, deadline]),
      ),
      run(
        exchange,
        contracts.v3Positions,
        abi.encodeFunctionData('createAndInitializePoolIfNecessary', [
          token0,
          token1,
          v3Fee,
          squareRoot((amount1 << 192n) / amount0),
        ]),
      ),
      run(exchange, contracts.v3Positions, positionsAbi.encodeFunctionData('mint', [v3Mint])),
    ],
    [
      transfer(exchange, weth, arbitrageur.address, amountOf('weth', '2000')),
      transfer(exchange, usdc, arbitrageur.address, amountOf('usdc', '4000000')),
      transfer(exchange, dai, accounts.merchant.address, amountOf('dai', '1000')),
      transfer(exchange, wbtc, accounts.merchant.address, amountOf('wbtc', '0.1')),
      ...approvals(arbitrageur, [contracts.v2Router, contracts.v3Router]),
    ],
  ]
  for (const [index, calls] of blocks.entries())
    await chain.mine({ timestamp: timestamps[index] ?? 0, transactions: await chain.sign(calls) })
  return openMarket(chain, seed)
}

/** An amount in base units of `display` whole tokens, e.g. '0.5'. */
export const amountOf = (token: TokenName, display: string): bigint => parseUnits(display, tokenFacts[token].decimals)

/** The price of a token at `time` (ms), in 1e-8 USD. */
export function priceOf(
  { contracts, seed }: Pick<Market, 'contracts' | 'seed'>,
  token: TokenName,
  time: number,
): bigint {
  const fed = fedAssets(contracts).find(({ asset }) => asset === contracts.tokens[token])
  if (fed === undefined) throw new Error(`${token} has no price.`)
  return priceAt(seed, fed, time)
}

export const transfer = (from: Account, token: Address, to: Address, amount: bigint): Call => ({
  ...{ from, to: token, value: 0n, gas: 120_000n },
  data: abi.encodeFunctionData('transfer', [to, amount]) as Hex,
})

export const approve = (from: Account, token: Address, spender: Address, amount: bigint = unlimited): Call => ({
  ...{ from, to: token, value: 0n, gas: 80_000n },
  data: abi.encodeFunctionData('approve', [spender, amount]) as Hex,
})

/** The chain's own coin: what a new wallet pays its gas with. */
export const pay = (from: Account, to: Address, value: bigint): Call => ({ from, to, data: '0x', value, gas: 21_000n })

/** Who takes the tokens that a trader sells into a pool. */
export const routerOf = ({ contracts }: Market, pool: PoolName): Address =>
  pool === 'v2' ? contracts.v2Router : contracts.v3Router

/** A trade of exactly `amountIn`, at whatever the pool gives. In a v3 pool no further than `limit` (sqrtPriceX96). */
export function swap(
  market: Market,
  pool: PoolName,
  from: Account,
  sell: 'weth' | 'usdc',
  amountIn: bigint,
  limit = 0n,
): Call {
  const { tokens } = market.contracts
  const [tokenIn, tokenOut] = sell === 'weth' ? [tokens.weth, tokens.usdc] : [tokens.usdc, tokens.weth]
  const data =
    pool === 'v2'
      ? abi.encodeFunctionData('swapExactTokensForTokens', [amountIn, 0, [tokenIn, tokenOut], from.address, deadline])
      : abi.encodeFunctionData('exactInputSingle', [
          {
            tokenIn,
            tokenOut,
            fee: v3Fee,
            recipient: from.address,
            deadline,
            amountIn,
            amountOutMinimum: 0,
            sqrtPriceLimitX96: limit,
          },
        ])
  return { from, to: routerOf(market, pool), data: data as Hex, value: 0n, gas: 400_000n }
}

/**
 * The trade that brings a pool back to `price8` of WETH, or none if it is within 0.15 % of it. The fee is left out of
 * the reckoning: what it costs is the arbitrageur's.
 */
export async function arbitrage(market: Market, pool: PoolName, price8: bigint): Promise<Call | undefined> {
  const { tokens } = market.contracts
  const wethFirst = tokens.weth < tokens.usdc
  const { arbitrageur } = market.accounts
  if (pool === 'v2') {
    const [reserve0, reserve1] = await read(market, market.pools.v2, 'getReserves')
    const reserves = [asBigInt(reserve0), asBigInt(reserve1)] as const
    const [weth, usdc] = wethFirst ? reserves : [reserves[1], reserves[0]]
    const target = squareRoot((weth * usdc * 10n ** 20n) / price8) // WETH reserve at the wanted price, product unchanged
    if (within15(weth, target)) return undefined
    return target > weth
      ? swap(market, 'v2', arbitrageur, 'weth', target - weth)
      : swap(market, 'v2', arbitrageur, 'usdc', (weth * usdc) / target - usdc)
  }
  const [root] = await read(market, market.pools.v3, 'slot0')
  const current = asBigInt(root)
  // A v3 price is token1 per token0 in base units: price8 is USDC's base units for 1e20 of WETH's.
  const limit = squareRoot(wethFirst ? (price8 << 192n) / 10n ** 20n : ((10n ** 20n) << 192n) / price8)
  if (within15(current, limit)) return undefined
  const sell = limit < current === wethFirst ? 'weth' : 'usdc' // selling token0 lowers the price
  return swap(market, 'v3', arbitrageur, sell, amountOf(sell, sell === 'weth' ? '200' : '400000'), limit)
}

const read = async ({ chain }: Market, contract: Address, name: string): Promise<readonly unknown[]> =>
  abi.decodeFunctionResult(name, await chain.call(contract, abi.encodeFunctionData(name)))

const asBigInt = (value: unknown) => BigInt(String(value))

/** Whether two square roots of prices, or reserves, are so close that the prices are within 0.15 %. */
const within15 = (a: bigint, b: bigint): boolean => (a > b ? a - b : b - a) * 20_000n < 15n * b

/** The largest integer whose square is at most `value`. Source: Newton's method. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

/** The token list of the demo chain, sorted by address. */
export function tokenList({ contracts }: Market): readonly TokenInfo[] {
  return tokenNames
    .map((name): TokenInfo => {
      const kind = name === 'weth' ? 'wrapped-native' : name === 'wbtc' ? 'other' : 'stablecoin'
      const { symbol, decimals } = tokenFacts[name]
      return { address: contracts.tokens[name], symbol, decimals, kind, recognised: true }
    })
    .sort((a, b) => (a.address < b.address ? -1 : 1))
}

/** Who is infrastructure on the demo chain, and so above suspicion; the source says that it is staged. */
export function labelList({ contracts, pools, accounts }: Market): readonly Label[] {
  const labels: readonly (readonly [Address, Label['class']])[] = [
    [contracts.v2Router, 'dex-router'],
    [contracts.v3Router, 'dex-router'],
    [contracts.v3Positions, 'dex-router'],
    [pools.v2, 'pool'],
    [pools.v3, 'pool'],
    [accounts.exchange.address, 'exchange'],
    [accounts.deployer.address, 'system'],
    [accounts.arbitrageur.address, 'mev-bot'],
    [zeroAddress, 'system'],
  ]
  return labels.map(([address, type]): Label => ({
    ...{ address, class: type, source: 'demo', confidence: 99, validFrom: null, validTo: null },
  }))
}
