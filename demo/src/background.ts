import { account } from './cast.ts'
import type { Account, Call } from './chain.ts'
import {
  amountOf,
  approve,
  arbitrage,
  foundingBlocks,
  type Market,
  pay,
  priceOf,
  routerOf,
  swap,
  transfer,
  type PoolName,
} from './market.ts'
import { fraction, integer } from './random.ts'

/**
 * People live on the chain for a while and are then replaced by others, so that nobody's lifetime total grows to what a
 * detector would call large, however long the demo runs: at 2 s a block about two hours and a quarter.
 */
const generationBlocks = 4_000
const residents = 24
/** Of them, the first so many trade. */
const traders = 16

/** A person of the generation that lives at `block`. */
export const resident = (seed: string, block: number, index: number): Account =>
  account(seed, `resident/${generationOf(block)}/${index}`)

const generationOf = (block: number) => Math.floor((block - foundingBlocks - 1) / generationBlocks)
const ageOf = (block: number) => (block - foundingBlocks - 1) % generationBlocks

/**
 * The ordinary life of a block: small transfers, trades near the feed's price, an approval now and then, and the
 * arbitrageur who keeps the pools at the feed's price. Given the seed, the block number, the time (ms) and the pools,
 * always the same. A generation's first block gives it its money, the second its approvals.
 */
export async function background(market: Market, block: number, time: number): Promise<readonly Call[]> {
  const age = ageOf(block)
  if (age === 0) return arrivals(market, block)
  if (age === 1) return approvals(market, block)
  const calls: Call[] = []
  // First in the block: a trade before it would move the pool away from what the arbitrageur reckoned with.
  for (const pool of ['v2', 'v3'] as const) {
    const call = await arbitrage(market, pool, priceOf(market, 'weth', time))
    if (call !== undefined) calls.push(call)
  }
  const count = integer(1, 4, market.seed, block, 'transfers')
  for (let index = 0; index < count; index++) calls.push(smallTransfer(market, block, index))
  if (fraction(market.seed, block, 'trade?') < 0.4) calls.push(smallTrade(market, block, time))
  if (fraction(market.seed, block, 'approval?') < 0.05) calls.push(smallApproval(market, block))
  return calls
}

function arrivals({ seed, contracts, accounts }: Market, block: number): readonly Call[] {
  const calls: Call[] = []
  for (let index = 0; index < residents; index++) {
    const { address } = resident(seed, block, index)
    calls.push(pay(accounts.exchange, address, 10n ** 18n))
    for (const [token, display] of index < traders ? wealth.trader : wealth.other)
      calls.push(transfer(accounts.exchange, contracts.tokens[token], address, amountOf(token, display)))
  }
  return calls
}

/** Each single sum stays below 10,000 USD, so that an arrival is no large transfer. */
const wealth = {
  trader: [
    ['usdc', '9000'],
    ['weth', '5'],
  ],
  other: [
    ['usdc', '4000'],
    ['dai', '4000'],
    ['wbtc', '0.1'],
  ],
} as const

function approvals(market: Market, block: number): readonly Call[] {
  const { weth, usdc } = market.contracts.tokens
  const calls: Call[] = []
  for (let index = 0; index < traders; index++)
    for (const pool of ['v2', 'v3'] as const)
      for (const token of [weth, usdc])
        calls.push(approve(resident(market.seed, block, index), token, routerOf(market, pool)))
  return calls
}

function smallTransfer({ seed, contracts, accounts }: Market, block: number, index: number): Call {
  const pick = (what: string, from: number, to: number) => integer(from, to, seed, block, 'transfer', index, what)
  const from = pick('from', 0, residents)
  const to = (from + pick('to', 1, residents)) % residents
  const token = from < traders ? 'usdc' : ((['usdc', 'dai', 'wbtc'] as const)[pick('token', 0, 3)] ?? 'usdc')
  const usd = pick('usd', 2, 60)
  const amount =
    token === 'wbtc' ? amountOf('wbtc', (usd / 34_000).toFixed(8)) : amountOf(token, `${usd}.${pick('cents', 10, 99)}`)
  const receiver = pick('shop', 0, 5) === 0 ? accounts.merchant : resident(seed, block, to)
  return transfer(resident(seed, block, from), contracts.tokens[token], receiver.address, amount)
}

function smallTrade(market: Market, block: number, time: number): Call {
  const pick = (what: string, from: number, to: number) => integer(from, to, market.seed, block, 'trade', what)
  const pool: PoolName = pick('pool', 0, 2) === 0 ? 'v2' : 'v3'
  const usd = BigInt(pick('usd', 100, 1_300))
  const trader = resident(market.seed, block, pick('trader', 0, traders))
  return pick('side', 0, 2) === 0
    ? swap(market, pool, trader, 'usdc', usd * 1_000_000n)
    : swap(market, pool, trader, 'weth', (usd * 10n ** 26n) / priceOf(market, 'weth', time))
}

function smallApproval(market: Market, block: number): Call {
  const owner = resident(market.seed, block, integer(0, residents, market.seed, block, 'approval', 'owner'))
  return approve(owner, market.contracts.tokens.dai, market.accounts.merchant.address, amountOf('dai', '100'))
}
