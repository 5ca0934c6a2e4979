import { join } from 'node:path'
import {
  tracedLiquidationsOf,
  tracedSwapsOf,
  undoneBy,
  type ChainCall,
  type ChainEvent,
  type ChainTransaction,
} from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { decodeRecording } from '../ingest.ts'
import { openRecording } from '../sources/recording-source.ts'
import { chainData, noChainData } from '../testing/chain-data.ts'
import { callsOf } from './decode-calls.ts'

const whole = ['eth-mainnet-blocks', 'other-evm-blocks']

async function recorded(...paths: readonly string[]): Promise<readonly ChainTransaction[]> {
  const transactions: ChainTransaction[] = []
  for await (const record of decodeRecording(await openRecording(paths.map((path) => join(chainData, path)))))
    if (record.type === 'transaction') transactions.push(record)
  return transactions
}

/** Decoded once for all tests of this file. */
const wholeBlocks = noChainData ? [] : await recorded(...whole)

/** What the call must have emitted, if the contract is what it is taken for; null for calls that nothing is known of. */
function emittedBy(call: ChainCall): ((event: ChainEvent) => boolean) | null {
  const { type, caller, address } = call
  if (type === 'transfer')
    return (event) =>
      event.type === 'erc20-transfer' &&
      event.address === address &&
      event.from === caller &&
      event.to === call.to &&
      event.value === call.amount
  if (type === 'transfer-from')
    return (event) =>
      event.address === address &&
      ((event.type === 'erc20-transfer' && event.value === call.amount) ||
        (event.type === 'erc721-transfer' && event.tokenId === call.amount)) &&
      event.from === call.from &&
      event.to === call.to
  if (type === 'approve')
    return (event) =>
      event.address === address &&
      ((event.type === 'erc20-approval' && event.value === call.amount) ||
        (event.type === 'erc721-approval' && event.tokenId === call.amount)) &&
      event.owner === caller &&
      event.spender === call.spender
  if (type === 'permit')
    return (event) =>
      event.type === 'erc20-approval' &&
      event.address === address &&
      event.owner === call.owner &&
      event.spender === call.spender &&
      event.value === call.amount
  if (type === 'set-approval-for-all')
    return (event) =>
      event.type === 'approval-for-all' &&
      event.address === address &&
      event.owner === caller &&
      event.operator === call.operator &&
      event.approved === call.approved
  if (type === 'permit2-permit')
    return (event) =>
      event.type === 'permit2-approval' &&
      event.signed &&
      event.owner === call.owner &&
      event.spender === call.spender &&
      call.allowances.some(
        ({ token, amount, expiration }) =>
          token === event.token && amount === event.amount && expiration === event.expiration,
      )
  if (type === 'pair-swap')
    return (event) =>
      event.type === 'uniswap-v2-swap' &&
      event.address === address &&
      event.sender === caller &&
      event.to === call.to &&
      event.amount0Out === call.amount0Out &&
      event.amount1Out === call.amount1Out
  if (type === 'router-swap')
    return (event) => {
      if (event.type === 'uniswap-v3-swap' && call.protocol === 'uniswap-v3')
        return [event.amount0, event.amount1].includes(call.exact === 'in' ? call.amountIn : -call.amountOut)
      if (event.type !== 'uniswap-v2-swap' || call.protocol !== 'uniswap-v2') return false
      return call.exact === 'in'
        ? [event.amount0In, event.amount1In].includes(call.amountIn)
        : [event.amount0Out, event.amount1Out].includes(call.amountOut)
    }
  if (type === 'pool-swap')
    return (event) =>
      event.type === 'uniswap-v3-swap' &&
      event.address === address &&
      event.sender === caller &&
      event.recipient === call.recipient
  if (type === 'curve-exchange')
    return (event) =>
      event.type === 'curve-exchange' &&
      event.address === address &&
      event.buyer === caller &&
      event.soldId === call.soldId &&
      event.boughtId === call.boughtId &&
      event.amountSold === call.amountSold
  if (type === 'balancer-pool-swap')
    return (event) =>
      event.type === 'balancer-v1-swap' &&
      event.address === address &&
      event.caller === caller &&
      event.tokenIn === call.tokenIn &&
      event.tokenOut === call.tokenOut &&
      (call.exact === 'in' ? event.amountIn === call.amountIn : event.amountOut === call.amountOut)
  if (type === 'liquidation-call')
    return (event) =>
      event.type === 'aave-liquidation' &&
      event.address === address &&
      event.liquidator === caller &&
      event.borrower === call.borrower &&
      event.collateralAsset === call.collateralAsset &&
      event.debtAsset === call.debtAsset
  if (type === 'liquidate-borrow')
    return (event) =>
      event.type === 'compound-liquidation' &&
      event.address === address &&
      event.liquidator === caller &&
      event.borrower === call.borrower &&
      event.collateralMarket === call.collateralMarket
  return type === 'safe-transaction' ? (event) => event.type === 'safe-execution' && event.address === address : null
}

describe.skipIf(noChainData)('callsOf recorded blocks', () => {
  test('default: what calls say is what the contracts then emitted, in 18 mainnet blocks and 6 of other chains with frames', () => {
    const found: Record<string, { calls: number; told: number }> = {}
    for (const { status, frames, calls, events } of wholeBlocks) {
      if (status !== 'success' || frames === null) continue
      const isUndone = undoneBy(frames)
      for (const call of calls ?? []) {
        const matches = emittedBy(call)
        if (matches === null || call.traceAddress === null || isUndone(call.traceAddress)) continue
        const count = (found[call.type] ??= { calls: 0, told: 0 })
        count.calls++
        if (events.some(matches)) count.told++
      }
    }
    // The rest, looked at one by one by cause: tokens that take a fee emit another amount (92 transfers, 30 swaps of
    // them), a few contracts emit nothing (16 transfers, 5 approvals) or in a form of their own.
    expect(found).toEqual({
      transfer: { calls: 1949, told: 1882 },
      'transfer-from': { calls: 1223, told: 1180 },
      approve: { calls: 214, told: 205 },
      permit: { calls: 14, told: 14 },
      'permit2-permit': { calls: 9, told: 9 },
      'set-approval-for-all': { calls: 44, told: 44 },
      'pair-swap': { calls: 371, told: 371 },
      'pool-swap': { calls: 134, told: 134 },
      'curve-exchange': { calls: 1, told: 1 },
      'balancer-pool-swap': { calls: 13, told: 13 },
      'liquidation-call': { calls: 4, told: 4 },
      'liquidate-borrow': { calls: 1, told: 1 },
      'router-swap': { calls: 286, told: 256 },
      'safe-transaction': { calls: 4, told: 4 },
    })
  }, 120_000)

  test('default: the calls that call data carry, as a source without frames tells them, are those that frames made', async () => {
    const count = { transactions: 0, own: 0, carried: 0, unmade: 0 }
    const recording = await openRecording(whole.map((path) => join(chainData, path)))
    for (const { chainId } of recording.chains)
      for await (const { transactions } of recording.blocks(chainId))
        for (const tx of transactions) {
          if (tx.frames === null || tx.outcome?.status !== 'success') continue
          const likeness = ({ traceAddress: _, ...call }: ChainCall) => textOf(call)
          const traced = callsOf(tx) ?? []
          const made = new Set(traced.map(likeness))
          count.transactions++
          for (const call of callsOf({ ...tx, frames: null }) ?? []) {
            const isOwn = call.traceAddress !== null
            count[isOwn ? 'own' : 'carried']++
            if (!made.has(likeness(call))) count.unmade++
          }
        }
    // Three of the carried ones were made and taken back: that only frames tell.
    expect(count).toEqual({ transactions: 3427, own: 1391, carried: 53, unmade: 0 })
  }, 120_000)
})

/** What went into the pool and came out of it; null for an event that is no swap of two assets. */
function amountsOf(event: ChainEvent): readonly [amountIn: bigint, amountOut: bigint] | null {
  if (event.type === 'uniswap-v2-swap')
    return event.amount0Out === 0n ? [event.amount0In, event.amount1Out] : [event.amount1In, event.amount0Out]
  if (event.type === 'uniswap-v3-swap')
    return event.amount0 > 0n ? [event.amount0, -event.amount1] : [event.amount1, -event.amount0]
  if (event.type === 'curve-exchange') return [event.amountSold, event.amountBought]
  return event.type === 'balancer-v1-swap' ? [event.amountIn, event.amountOut] : null
}

describe.skipIf(noChainData)('tracedSwapsOf and tracedLiquidationsOf recorded blocks', () => {
  test('default: swaps and liquidations that frames tell are those that the contracts then emitted', () => {
    const found: Record<string, { traced: number; told: number; taxed?: number }> = {}
    const countOf = (name: string) => (found[name] ??= { traced: 0, told: 0 })
    for (const transaction of wholeBlocks) {
      if (transaction.status !== 'success') continue
      const { events } = transaction
      for (const { protocol, pool, amountIn, amountOut, undone } of tracedSwapsOf(transaction)) {
        if (undone) continue
        const count = countOf(protocol)
        count.traced++
        const emitted = events.flatMap((event) => (event.address === pool ? (amountsOf(event) ?? []) : []))
        const pairs = emitted.flatMap((amount, at) => (at % 2 === 0 ? [[amount, emitted[at + 1]] as const] : []))
        if (pairs.some(([into, out]) => into === amountIn && out === amountOut)) count.told++
        else if (pairs.some(([into, out]) => into < amountIn && out === amountOut)) count.taxed = (count.taxed ?? 0) + 1
      }
      for (const one of tracedLiquidationsOf(transaction)) {
        if (one.undone) continue
        const count = countOf(one.protocol)
        count.traced++
        const isTold = (event: ChainEvent) => {
          if (event.address !== one.address) return false
          if (event.type === 'aave-liquidation')
            return event.debtRepaid === one.debtRepaid && event.collateralSeized === one.collateralSeized
          if (event.type !== 'compound-liquidation') return false
          return event.debtRepaid === one.debtRepaid && event.seizeTokens === one.collateralSeized
        }
        if (events.some(isTold)) count.told++
      }
    }
    // Taxed: with a token that takes a fee as much came out, but less went in than was called for. 0x's own event is not
    // decoded. Of the 371 calls of pairs above one is no swap of two assets: it is paid in the pair's own token.
    expect(found).toEqual({
      'uniswap-v2': { traced: 370, told: 336, taxed: 34 },
      'uniswap-v3': { traced: 134, told: 134 },
      curve: { traced: 1, told: 1 },
      'balancer-v1': { traced: 13, told: 13 },
      '0x': { traced: 1, told: 0 },
      aave: { traced: 4, told: 4 },
      compound: { traced: 1, told: 1 },
    })
  })
})

describe.skipIf(noChainData)('actorsOf recorded blocks', () => {
  test('default: each Safe that says it executed is one whose execTransaction is decoded, and acted', () => {
    const executions = wholeBlocks.flatMap(({ events, calls, actors }) =>
      events
        .filter(({ type }) => type === 'safe-execution' || type === 'safe-execution-failed')
        .map(({ address }) => [
          calls?.filter((call) => call.type === 'safe-transaction' && call.address === address).length,
          actors?.filter((actor) => actor.by === 'safe-transaction' && actor.address === address).length,
        ]),
    )
    expect(executions).toEqual(Array.from({ length: 5 }, () => [1, 1]))
    const told = { transactions: wholeBlocks.length, withCalls: 0, withActors: 0, permits: 0, safes: 0 }
    for (const { calls, actors } of wholeBlocks) {
      if (calls !== null && calls.length > 0) told.withCalls++
      if (actors !== null && actors.length > 0) told.withActors++
      for (const { by } of actors ?? []) told[by === 'permit' ? 'permits' : 'safes']++
    }
    expect(told).toEqual({ transactions: 4421, withCalls: 2228, withActors: 23, permits: 18, safes: 5 })
  }, 120_000)

  test('behavior: the one user operation among 17,096 recorded logs is of an entry point that is not listed: nobody acts', async () => {
    const bundles = (await recorded('eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz')).flatMap((tx) =>
      tx.events
        .filter(({ type }) => type === 'user-operation')
        .map(({ address }) => ({ address, actors: tx.actors, calls: tx.calls })),
    )
    expect(bundles).toEqual([{ address: '0xdc5319815cdaac2d113f7f275bc893ed7d9ca469', actors: [], calls: null }])
  }, 120_000)
})

const textOf = (value: unknown) =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))
