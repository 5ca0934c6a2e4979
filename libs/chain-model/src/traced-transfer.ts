import type { Address } from './address.ts'
import type { ChainCall } from './call.ts'
import { isWithin, undoneBy, type TraceAddress } from './frame.ts'
import type { Asset } from './price.ts'
import type { ChainTransaction } from './transaction.ts'

/** What of a transaction its frames tell. */
export type Traced = Pick<ChainTransaction, 'frames' | 'calls'>

/** Value that a call moved, or would have: then it is `undone`, because its frame or one above it failed. */
export interface TracedTransfer {
  readonly traceAddress: TraceAddress
  readonly asset: Asset
  readonly from: Address
  readonly to: Address
  readonly amount: bigint
  readonly undone: boolean
}

/**
 * The transfers of a transaction as its call frames tell them, in order of execution: for sources that hold traces and
 * no logs. A frame's own coins, and the EIP-20 transfers that were called for. None of 0 and none to oneself.
 *
 * Weaker than logs, which tell what a token says it did: a token with a fee moves less than it was asked for, one that
 * answers `false` nothing, and `transferFrom` of an EIP-721 token tells the token's id as the amount. A token that hands
 * its transfer on by a call (a proxy of its own kind) is told once.
 */
export function tracedTransfersOf({ frames, calls }: Traced): readonly TracedTransfer[] {
  if (frames === null) return []
  const isUndone = undoneBy(frames)
  const callAt = new Map<string, ChainCall>()
  for (const call of calls ?? []) if (call.traceAddress !== null) callAt.set(call.traceAddress.join('.'), call)
  const transfers: TracedTransfer[] = []
  /** The last transfer that was called for, and not handed on to. */
  let outer: TracedTransfer | null = null
  for (const { traceAddress, type, from, to, value } of frames) {
    const undone = isUndone(traceAddress)
    const borrows = type === 'delegatecall' || type === 'callcode'
    if (!borrows && to !== null && from !== to && value > 0n)
      transfers.push({ traceAddress, asset: 'native', from, to, amount: value, undone })
    const call = callAt.get(traceAddress.join('.'))
    const moved = call === undefined ? null : movedBy(call)
    if (moved === null || moved.from === moved.to || moved.amount === 0n) continue
    const isHandedOn =
      outer !== null &&
      moved.to === outer.to &&
      moved.amount === outer.amount &&
      isWithin(traceAddress, outer.traceAddress)
    if (isHandedOn) continue
    outer = { traceAddress, ...moved, undone }
    transfers.push(outer)
  }
  return transfers
}

function movedBy(call: ChainCall): Pick<TracedTransfer, 'asset' | 'from' | 'to' | 'amount'> | null {
  const { address: asset, caller } = call
  if (call.type === 'transfer') return { asset, from: caller, to: call.to, amount: call.amount }
  if (call.type !== 'transfer-from' && call.type !== 'transfer-on-liquidation') return null
  return { asset, from: call.from, to: call.to, amount: call.amount }
}
