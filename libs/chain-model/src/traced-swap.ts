import type { Address } from './address.ts'
import type { ChainCall } from './call.ts'
import { isWithin, undoneBy, type Frame, type TraceAddress } from './frame.ts'
import type { Asset } from './price.ts'
import { tracedTransfersOf, type Traced, type TracedTransfer } from './traced-transfer.ts'

/** One exchange with one pool, or with the maker of an order, in the direction of the trade. */
export interface TracedSwap {
  readonly traceAddress: TraceAddress
  readonly protocol: 'uniswap-v2' | 'uniswap-v3' | 'curve' | 'balancer-v1' | '0x'
  /** The contract called: a pool, or 0x's exchange. */
  readonly pool: Address
  readonly payer: Address
  readonly recipient: Address
  readonly tokenIn: Asset
  readonly amountIn: bigint
  readonly tokenOut: Asset
  readonly amountOut: bigint
  /** Its frame or one above it failed: it was tried, and nothing moved. */
  readonly undone: boolean
}

/** What a call that swaps says of the transfers it comes to. Null: any. */
interface Terms {
  readonly protocol: TracedSwap['protocol']
  readonly counterparty: Address
  readonly recipient: Address
  readonly payer: Address | null
  readonly tokenIn: Address | null
  readonly tokenOut: Address | null
}

/**
 * The swaps of a transaction as its call frames tell them, in order of execution, those undone too: for sources that
 * hold traces and no logs (see {@link tracedTransfersOf} for what that leaves uncertain). A swap is a call of a pool's
 * function with exactly one asset out to its recipient and exactly one other in: below its frame, and with Uniswap v2,
 * which is paid first, also since the pool's last swap. A call that comes to anything else (a flash loan repaid in kind,
 * two assets out) is none.
 */
export function tracedSwapsOf(transaction: Traced): readonly TracedSwap[] {
  const { frames, calls } = transaction
  const asked = (calls ?? []).flatMap((call) => {
    const terms = call.traceAddress === null ? null : termsOf(call)
    return terms === null || call.traceAddress === null ? [] : { call, terms, traceAddress: call.traceAddress }
  })
  if (frames === null || asked.length === 0) return []
  const isUndone = undoneBy(frames)
  const spanAt = spansOf(frames)
  const spanOf = (traceAddress: TraceAddress) => spanAt.get(traceAddress.join('.')) ?? { entered: -1, left: -1 }
  const transfers = tracedTransfersOf(transaction)
  // A token moves when its call ends: one with a fee may first sell, to the same pool, what it took in fees before.
  const movedAt = new Map(
    transfers.map((transfer) => {
      const { entered, left } = spanOf(transfer.traceAddress)
      return [transfer, transfer.asset === 'native' ? entered : left]
    }),
  )
  /** By counterparty: where its last swap ends, whose payment is spent; and where the last one undone. */
  const spent = new Map<Address, number>()
  const tried = new Map<Address, number>()

  return asked.flatMap(({ call, terms, traceAddress }): readonly TracedSwap[] => {
    const { protocol, counterparty, recipient, payer, tokenIn, tokenOut } = terms
    const undone = isUndone(traceAddress)
    const { entered, left } = spanOf(traceAddress)
    // What a swap undone was paid with is there again afterwards, but for the rest of what is undone with it.
    const since = Math.max(spent.get(counterparty) ?? -1, undone ? (tried.get(counterparty) ?? -1) : -1)
    const counts = transfers.filter((transfer) => undone || !transfer.undone)
    const below = counts.filter((transfer) => isWithin(transfer.traceAddress, traceAddress))
    const out = below.filter(
      ({ from, to, asset }) => from === counterparty && to === recipient && (tokenOut === null || asset === tokenOut),
    )
    const bought = ofOneAsset(out)
    if (bought === null) return []
    const prepaid = counts.filter((transfer) => {
      const at = movedAt.get(transfer) ?? -1
      return protocol === 'uniswap-v2' && at > since && at < entered
    })
    const sold = ofOneAsset(
      [...prepaid, ...below].filter(
        ({ from, to, asset }) =>
          to === counterparty &&
          asset !== bought.asset &&
          (payer === null || from === payer) &&
          (tokenIn === null || asset === tokenIn),
      ),
    )
    if (sold === null) return []
    const swapped = undone ? tried : spent
    swapped.set(counterparty, left)
    return [
      {
        traceAddress,
        protocol,
        pool: call.address,
        payer: sold.last.from,
        recipient,
        tokenIn: sold.asset,
        amountIn: sold.amount,
        tokenOut: bought.asset,
        amountOut: bought.amount,
        undone,
      },
    ]
  })
}

/** By trace address, when each frame was entered and left: of what stands above and what below, the order too. */
function spansOf(frames: readonly Frame[]): ReadonlyMap<string, { readonly entered: number; readonly left: number }> {
  const spans = new Map<string, { readonly entered: number; left: number }>()
  const open: { readonly depth: number; readonly span: { left: number } }[] = []
  let steps = 0
  const leaveTo = (depth: number) => {
    while ((open.at(-1)?.depth ?? -1) >= depth) {
      const last = open.pop()
      if (last !== undefined) last.span.left = steps++
    }
  }
  for (const { traceAddress } of frames) {
    leaveTo(traceAddress.length)
    const span = { entered: steps++, left: 0 }
    spans.set(traceAddress.join('.'), span)
    open.push({ depth: traceAddress.length, span })
  }
  leaveTo(0)
  return spans
}

function termsOf(call: ChainCall): Terms | null {
  const { address, caller } = call
  const anyTokens = { tokenIn: null, tokenOut: null }
  if (call.type === 'pair-swap')
    return { protocol: 'uniswap-v2', counterparty: address, recipient: call.to, payer: null, ...anyTokens }
  if (call.type === 'pool-swap')
    return { protocol: 'uniswap-v3', counterparty: address, recipient: call.recipient, payer: null, ...anyTokens }
  if (call.type === 'curve-exchange')
    return { protocol: 'curve', counterparty: address, recipient: caller, payer: caller, ...anyTokens }
  if (call.type === 'balancer-pool-swap') {
    const { tokenIn, tokenOut } = call
    return { protocol: 'balancer-v1', counterparty: address, recipient: caller, payer: caller, tokenIn, tokenOut }
  }
  if (call.type !== 'order-fill') return null
  const { maker, recipient, takerToken: tokenIn, makerToken: tokenOut } = call
  return { protocol: '0x', counterparty: maker, recipient, payer: null, tokenIn, tokenOut }
}

/** Null where there are none, or of several assets. */
function ofOneAsset(transfers: readonly TracedTransfer[]) {
  const last = transfers.at(-1)
  if (last === undefined || transfers.some(({ asset }) => asset !== last.asset)) return null
  return { last, asset: last.asset, amount: transfers.reduce((sum, { amount }) => sum + amount, 0n) }
}
