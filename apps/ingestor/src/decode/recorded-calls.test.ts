import { join } from 'node:path'
import { undoneBy, type ChainCall, type ChainEvent, type ChainTransaction } from '@tocsin/chain-model'
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
    expect(count).toEqual({ transactions: 3427, own: 1387, carried: 53, unmade: 0 })
  }, 120_000)
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
    expect(told).toEqual({ transactions: 4421, withCalls: 2227, withActors: 23, permits: 18, safes: 5 })
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
