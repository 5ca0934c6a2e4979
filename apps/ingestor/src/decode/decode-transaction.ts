import {
  addressesOf,
  addressesOfCall,
  type Address,
  type BlockRef,
  type ChainCall,
  type ChainEvent,
  type ChainTransaction,
  type Frame,
  type Label,
  type TokenInfo,
} from '@tocsin/chain-model'
import type { Vouchers } from '../knowledge/chains.ts'
import type { SourceFrame, SourceTransaction } from '../sources/source-block.ts'
import type { AbiRegistry } from './abi-registry.ts'
import { actorsOf } from './actors.ts'
import { callsOf } from './decode-calls.ts'
import { decodeLog } from './decode-log.ts'
import { authorizationOf } from './eip7702.ts'
import { vouchedPools, withPoolTokens, type PoolTable } from './pool-tokens.ts'
import { selectorOf } from './selector.ts'

/** What the ingestor knows at a block, apart from the block. */
export interface DecodeContext {
  readonly chainId: number
  readonly token: (address: Address) => TokenInfo | undefined
  /** The labels that hold for the address at `timestamp` (ms). */
  readonly labels: (address: Address, timestamp: number) => readonly Label[]
  readonly pools: PoolTable
  /** Those that tell the truth about the pools they create. */
  readonly factories: ReadonlySet<Address>
  readonly vouchers: Vouchers
  /** Null: no user gave any. */
  readonly abis: AbiRegistry | null
}

/**
 * A source's transaction as the record of the transactions topic. Pure: the same block and context give the same record.
 * Status and logs always belong to this transaction, since both come from its own receipt. Where no receipt tells the
 * status, the top frame's error does, and else a log, since a failed transaction emits nothing.
 */
export function decodeTransaction(block: BlockRef, tx: SourceTransaction, context: DecodeContext): ChainTransaction {
  const { envelope, outcome, frames } = tx
  const events = withPoolTokens(
    (tx.logs ?? []).map((log) => decodeLog(log, context.abis)),
    context.pools,
  )
  const calls = callsOf(tx, context.abis)
  const status = outcome?.status ?? statusOf(frames, events)
  // geth names the address where the contract would have been.
  const created = status === 'failed' ? null : (outcome?.contractAddress ?? null)
  const authorizations = envelope?.authorizations?.map(authorizationOf) ?? null
  const executed = {
    from: envelope?.from ?? null,
    to: envelope?.to ?? null,
    failed: status === 'failed',
    ...{ events, frames, calls, authorizations },
  }
  const others = (authorizations ?? []).flatMap(({ authority, delegate }) => [authority, delegate])
  const labelled = labelledIn(
    (address) => context.labels(address, block.timestamp),
    events,
    frames ?? [],
    calls ?? [],
    [...[executed.from, executed.to, created], ...others],
  )
  return {
    type: 'transaction',
    chainId: context.chainId,
    block,
    index: tx.index,
    hash: tx.hash,
    from: envelope?.from ?? null,
    to: envelope?.to ?? null,
    value: envelope?.value ?? 0n,
    nonce: envelope?.nonce ?? null,
    selector: envelope === null || envelope.to === null ? '0x' : selectorOf(envelope.input),
    status,
    gasUsed: outcome?.gasUsed ?? null,
    effectiveGasPrice: outcome?.effectiveGasPrice ?? null,
    contractAddress: created,
    known: { envelope: envelope !== null, frames: frames !== null },
    events,
    frames: frames?.map(frameOf) ?? null,
    calls,
    actors: actorsOf(executed, {
      vouchers: context.vouchers,
      isRecognised: (address) => context.token(address)?.recognised === true,
    }),
    authorizations,
    tokens: tokensOf(events).flatMap((address) => context.token(address) ?? []),
    pools: vouchedPools(events, context.pools, context.factories),
    labels: labelled.flatMap(([address, labels]) =>
      labels
        .map((label) => ({ address, class: label.class, source: label.source }))
        .sort((a, b) => compare(a.class, b.class) || compare(a.source, b.source)),
    ),
  }
}

/** All of it but the call data, which the typed calls tell. */
const frameOf = ({ traceAddress, type, from, to, value, selector, error }: SourceFrame): Frame => ({
  traceAddress,
  type,
  from,
  to,
  value,
  selector,
  error,
})

function statusOf(frames: readonly Frame[] | null, events: readonly ChainEvent[]): ChainTransaction['status'] {
  const top = frames?.find(({ traceAddress }) => traceAddress.length === 0)
  if (top !== undefined) return top.error === null ? 'success' : 'failed'
  return events.length > 0 ? 'success' : 'unknown'
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

const isTokenEvent = ({ type }: ChainEvent) =>
  type === 'erc20-transfer' || type === 'erc20-approval' || type === 'weth-deposit' || type === 'weth-withdrawal'

/** The contracts that the events name as tokens, in order of address. */
function tokensOf(events: readonly ChainEvent[]): readonly Address[] {
  const tokens = new Set<Address>()
  for (const event of events) {
    if (isTokenEvent(event)) tokens.add(event.address)
    for (const token of tokensIn(event)) if (token !== null) tokens.add(token)
  }
  return [...tokens].sort(compare)
}

/** Beside the emitter, the tokens that an event names. */
function tokensIn(event: ChainEvent): readonly (Address | null)[] {
  if ('token0' in event) return [event.token0, event.token1]
  if ('tokenIn' in event) return [event.tokenIn, event.tokenOut]
  if ('token' in event) return [event.token]
  if (event.type === 'balancer-v2-liquidity') return event.changes.map(({ token }) => token)
  if (event.type === 'flash-loan') return [event.asset]
  return event.type === 'aave-liquidation' ? [event.collateralAsset, event.debtAsset] : []
}

/**
 * The addresses that the transaction names and that have labels, with these, in order of address. Raw logs name their
 * emitter only: their words have no type.
 */
function labelledIn(
  labelsOf: (address: Address) => readonly Label[],
  events: readonly ChainEvent[],
  frames: readonly Frame[],
  calls: readonly ChainCall[],
  more: readonly (Address | null)[],
): readonly (readonly [Address, readonly Label[]])[] {
  const labelled = new Map<Address, readonly Label[]>()
  const look = (address: Address | null) => {
    if (address === null) return
    const labels = labelsOf(address)
    if (labels.length > 0) labelled.set(address, labels)
  }
  for (const address of more) look(address)
  for (const { from, to } of frames) {
    look(from)
    look(to)
  }
  for (const event of events) for (const address of addressesOf(event)) look(address)
  for (const call of calls) for (const address of addressesOfCall(call)) look(address)
  return [...labelled].sort(([a], [b]) => compare(a, b))
}
