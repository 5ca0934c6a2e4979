import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  tracedLiquidationsOf,
  tracedSwapsOf,
  tracedTransfersOf,
  type Address,
  type Asset,
  type ChainTransaction,
} from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { decodeRecording } from '../ingest.ts'
import { openRecording } from '../sources/recording-source.ts'
import { chainData, noChainData } from '../testing/chain-data.ts'

/**
 * What the tests of flashbots/mev-inspect-py (commit ce8179f) assert of 27 blocks of flat traces without logs, compared
 * with what our decoded calls and frames tell of them.
 */
type Fact = { readonly test: string; readonly block: number } & (
  | { readonly kind: 'liquidation'; readonly expected: Expected<LiquidationFields> & At }
  | { readonly kind: 'swap'; readonly expected: Expected<SwapFields> & At & { readonly error: null } }
  | { readonly kind: 'no_liquidation'; readonly expected: Expected<'transaction_hash'> }
  | { readonly kind: 'counts'; readonly expected: { readonly swaps: number } }
  | { readonly kind: 'arbitrage'; readonly expected: Expected<'transaction_hash' | 'error'> | Arbitrage }
  | { readonly kind: 'tokenflow'; readonly expected: Flow }
  | { readonly kind: 'miner'; readonly expected: Expected<'miner_from_reward_trace'> }
)
type Expected<Field extends string> = Readonly<Record<Field, string>>
type At = { readonly transaction_hash: string; readonly trace_address: readonly number[] }
type LiquidationFields = `${'liquidated' | 'liquidator'}_user` | TokenFields<'debt_token' | 'received_token'> | Amounts
type Amounts = 'debt_purchase_amount' | 'received_amount' | 'protocol'
type TokenFields<Token extends string> = `${Token}_address`
type SwapFields =
  TokenFields<'contract' | 'from' | 'to' | 'token_in' | 'token_out'> | `token_${'in' | 'out'}_amount` | 'protocol'
type Arbitrage = Expected<
  'transaction_hash' | 'profit_token_address' | 'profit_amount' | 'swap_1_token_in' | 'swap_1_token_out'
> & { readonly swap_count: number }
type TracedSwapFact = Expected<SwapFields | 'abi_name'> & At
interface Sandwich {
  readonly frontrun_swap: TracedSwapFact
  readonly backrun_swap: TracedSwapFact
  readonly sandwiched_swaps: readonly TracedSwapFact[]
  readonly profit_amount: string
}
type Flow = Readonly<Record<`${'ether' | 'dollar'}_flows_in_out`, readonly string[]>> & Expected<'transaction_hash'>

const folder = join(chainData, 'mev-inspect-py')
const facts: readonly Fact[] = noChainData
  ? []
  : (JSON.parse(readFileSync(join(folder, 'expected-from-tests.json'), 'utf8')) as { cases: readonly Fact[] }).cases
const factsOf = <Kind extends Fact['kind']>(kind: Kind) =>
  facts.filter((fact): fact is Extract<Fact, { kind: Kind }> => fact.kind === kind)

/**
 * What is not compared here, by fact: that is for others to tell than decoding. Of single arbitrages, and of the one
 * sandwich, the swaps and what they come to are compared.
 */
const notDecoded = {
  'counts.arbitrages': 'a detector tells which swaps are one arbitrage',
  'counts.sandwiches': 'a detector tells which swaps are a sandwich',
  'miner.miner_from_reward_trace': 'no record carries who made the block: rewards belong to no transaction',
}

const transactions: ChainTransaction[] = []
let blocks = 0
if (!noChainData)
  for await (const record of decodeRecording(await openRecording([join(folder, 'blocks')])))
    if (record.type === 'transaction') transactions.push(record)
    else if (record.type === 'sealed') blocks++

function transactionOf(hash: string): ChainTransaction {
  const found = transactions.find((transaction) => transaction.hash === hash)
  if (found === undefined) throw new Error(`${hash} is in none of the blocks`)
  return found
}

const nativeAddress = '0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee'
const tokenOf = (asset: Asset) => (asset === 'native' ? nativeAddress : asset)
const swapsOf = (fact: { readonly block: number }) =>
  transactions.filter(({ block }) => block.number === fact.block).flatMap((transaction) => tracedSwapsOf(transaction))

describe.skipIf(noChainData)('what mev-inspect asserts of 27 blocks', () => {
  test('default: all 27 blocks are read, two of them the same, and each of the 29 facts is compared below or listed', () => {
    expect(readdirSync(join(folder, 'blocks')).length).toBe(27)
    expect(blocks).toBe(26)
    const kinds: Record<string, number> = {}
    for (const { kind } of facts) kinds[kind] = (kinds[kind] ?? 0) + 1
    expect(kinds).toEqual({
      swap: 4,
      liquidation: 14,
      no_liquidation: 1,
      counts: 3,
      arbitrage: 3,
      tokenflow: 3,
      miner: 1,
    })
    const told = factsOf('counts').flatMap(({ expected }) => Object.keys(expected).map((field) => `counts.${field}`))
    const miner = factsOf('miner').flatMap(({ expected }) => Object.keys(expected).map((field) => `miner.${field}`))
    expect(new Set([...told, ...miner])).toEqual(new Set(['counts.swaps', ...Object.keys(notDecoded)]))
  })

  test.for(factsOf('liquidation').map((fact) => [`${fact.test}, ${fact.expected.transaction_hash}`, fact] as const))(
    'default: the liquidation of %s',
    ([, { block, expected }]) => {
      const { hash, block: at, ...transaction } = transactionOf(expected.transaction_hash)
      const found = tracedLiquidationsOf(transaction).map((one) => ({
        liquidated_user: one.borrower,
        liquidator_user: one.liquidator,
        debt_token_address: tokenOf(one.debtAsset),
        debt_purchase_amount: String(one.debtRepaid),
        received_amount: String(one.collateralSeized),
        received_token_address: tokenOf(one.collateralAsset),
        // Cream is a fork of Compound: which one it is, the market's address tells.
        protocol: one.protocol === 'aave' ? 'aave' : forkOf(one.address),
        transaction_hash: hash,
        trace_address: one.traceAddress,
        block_number: at.number,
        undone: one.undone,
      }))
      expect(at.number).toBe(block)
      expect(found).toContainEqual({ ...expected, undone: false })
    },
  )

  test.for(factsOf('no_liquidation').map((fact) => [fact.test, fact] as const))(
    'default: no liquidation in %s, though one was asked for',
    ([, { expected }]) => {
      const transaction = transactionOf(expected.transaction_hash)
      expect(transaction.calls?.map(({ type }) => type)).toContain('liquidate-borrow')
      expect(tracedLiquidationsOf(transaction)).toEqual([])
    },
  )

  test.for(factsOf('swap').map((fact) => [fact.test, fact] as const))(
    'default: the swap of %s',
    ([, { block, expected }]) => {
      const transaction = transactionOf(expected.transaction_hash)
      const isAt = ({ traceAddress }: { readonly traceAddress: readonly number[] | null }) =>
        traceAddress?.join() === expected.trace_address.join()
      const call = transaction.calls?.find(isAt)
      const found = tracedSwapsOf(transaction)
        .filter(isAt)
        .map((swap) => ({
          abi_name: 'INativeOrdersFeature',
          transaction_hash: transaction.hash,
          transaction_position: transaction.index,
          block_number: transaction.block.number,
          trace_address: swap.traceAddress,
          contract_address: swap.pool,
          // Not who pays and gets: who calls whom.
          from_address: call?.caller,
          to_address: call?.address,
          token_out_address: tokenOf(swap.tokenOut),
          token_out_amount: String(swap.amountOut),
          token_in_address: tokenOf(swap.tokenIn),
          token_in_amount: String(swap.amountIn),
          protocol: swap.protocol === '0x' ? 'zero_ex' : swap.protocol,
          error: swap.undone ? 'Reverted' : null,
        }))
      expect(transaction.block.number).toBe(block)
      expect(found).toEqual([expected])
    },
  )

  test.for(factsOf('counts').map((fact) => [fact.block, fact] as const))(
    'default: the number of swaps in block %i, those undone among them',
    ([, fact]) => {
      expect(swapsOf(fact).length).toBe(fact.expected.swaps)
    },
  )

  test('behavior: of those swaps 15 were undone', () => {
    const undone = factsOf('counts').map((fact) => [fact.block, swapsOf(fact).filter((swap) => swap.undone).length])
    expect(undone).toEqual([
      [12914944, 9],
      [12483198, 6],
      [12775690, 0],
    ])
  })

  test.for(factsOf('arbitrage').map((fact) => [`${fact.test}, ${fact.expected.transaction_hash}`, fact] as const))(
    'default: the swaps of the arbitrage of %s, and what they come to',
    ([, { expected }]) => {
      const swaps = tracedSwapsOf(transactionOf(expected.transaction_hash))
      if ('error' in expected) {
        expect(swaps.map(({ undone }) => undone)).toEqual([true, true, true, true, true])
        return
      }
      expect(swaps.every(({ undone }) => !undone)).toBe(true)
      const net = new Map<Asset, bigint>()
      for (const { tokenIn, amountIn, tokenOut, amountOut } of swaps) {
        net.set(tokenIn, (net.get(tokenIn) ?? 0n) - amountIn)
        net.set(tokenOut, (net.get(tokenOut) ?? 0n) + amountOut)
      }
      const gained = [...net].filter(([, amount]) => amount !== 0n)
      expect({ swap_count: swaps.length, gained }).toEqual({
        swap_count: expected.swap_count,
        gained: [[expected.profit_token_address, BigInt(expected.profit_amount)]],
      })
      expect(swaps.map(({ tokenIn, tokenOut }) => [tokenIn, tokenOut])).toContainEqual([
        expected.swap_1_token_in,
        expected.swap_1_token_out,
      ])
    },
  )

  test('default: the swaps of the sandwich in block 12775690, and what they come to', () => {
    // Its amounts are written as numbers, which JSON.parse would round.
    const text = readFileSync(join(folder, 'sandwiches/12775690.json'), 'utf8')
    const [sandwich] = JSON.parse(text.replaceAll(/(_amount": )(\d+)/g, '$1"$2"')) as [Sandwich]
    const { frontrun_swap: front, backrun_swap: back, sandwiched_swaps: between } = sandwich
    expect(between.length).toBe(4)
    for (const { abi_name: _, ...expected } of [front, ...between, back]) {
      const transaction = transactionOf(expected.transaction_hash)
      const found = tracedSwapsOf(transaction).map((swap) => ({
        transaction_hash: transaction.hash,
        transaction_position: transaction.index,
        block_number: transaction.block.number,
        trace_address: swap.traceAddress,
        contract_address: swap.pool,
        from_address: swap.payer,
        to_address: swap.recipient,
        token_in_address: tokenOf(swap.tokenIn),
        token_in_amount: String(swap.amountIn),
        token_out_address: tokenOf(swap.tokenOut),
        token_out_amount: String(swap.amountOut),
        protocol: swap.protocol.replace('-', '_'),
        error: swap.undone ? 'Reverted' : null,
      }))
      expect(found).toContainEqual(expected)
    }
    expect(String(BigInt(back.token_out_amount) - BigInt(front.token_in_amount))).toBe(sandwich.profit_amount)
  })

  test.for(factsOf('tokenflow').map((fact) => [fact.test, fact] as const))(
    'default: what went into and out of the contract called, in %s',
    ([, { expected }]) => {
      const transaction = transactionOf(expected.transaction_hash)
      const weth: string = '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2'
      const dollars = [
        '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48', // USDC
        '0xdac17f958d2ee523a2206206994597c13d831ec7', // USDT
        '0x6b175474e89094c44da98b954eedeac495271d0f', // DAI
      ]
      // To wrap and to unwrap is no flow.
      const isEther = (asset: Asset, other: Address) => asset === weth || (asset === 'native' && other !== weth)
      const flows = { ether_flows_in_out: [0n, 0n], dollar_flows_in_out: [0n, 0n] }
      for (const { asset, from, to, amount } of tracedTransfersOf(transaction)) {
        const [way, other] = to === transaction.to ? [0, from] : from === transaction.to ? [1, to] : [null, from]
        if (way === null) continue
        const flow = isEther(asset, other) ? flows.ether_flows_in_out : flows.dollar_flows_in_out
        if (isEther(asset, other) || dollars.includes(asset)) flow[way] = (flow[way] ?? 0n) + amount
      }
      expect({
        transaction_hash: transaction.hash,
        ether_flows_in_out: flows.ether_flows_in_out.map(String),
        dollar_flows_in_out: flows.dollar_flows_in_out.map(String),
      }).toEqual(expected)
    },
  )
})

/** By the lists of their markets beside the facts; the native coin's market is in neither. */
function forkOf(market: Address): string {
  const has = (file: string) => market in (JSON.parse(readFileSync(join(folder, file), 'utf8')) as object)
  const nativeMarkets: Readonly<Record<string, string>> = {
    '0x4ddc2d193948926d02f9b1fe9e1daa0718270ed5': 'compound_v2',
    '0xd06527d5e56a3495252a528c4987003b712860ee': 'cream',
  }
  const listed = has('comp_markets.json') ? 'compound_v2' : has('cream_markets.json') ? 'cream' : 'neither'
  return nativeMarkets[market] ?? listed
}
