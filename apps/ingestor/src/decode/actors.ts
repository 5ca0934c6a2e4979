import {
  isWithin,
  undoneBy,
  type Actor,
  type Address,
  type Authorization,
  type ChainCall,
  type ChainCallOf,
  type ChainEvent,
  type Frame,
  type TraceAddress,
} from '@tocsin/chain-model'
import type { Vouchers } from '../knowledge/chains.ts'

/** What of a decoded transaction tells who acted. */
interface Executed {
  readonly from: Address | null
  readonly to: Address | null
  readonly failed: boolean
  readonly events: readonly ChainEvent[]
  readonly frames: readonly Frame[] | null
  readonly calls: readonly ChainCall[] | null
  readonly authorizations: readonly Authorization[] | null
}

interface Witnesses {
  readonly vouchers: Vouchers
  /** Tokens of which it is known that they check the signature that they are shown. */
  readonly isRecognised: (token: Address) => boolean
}

/**
 * Who acted beside the sender, outer ones first. Nobody is believed who only says so: an event of an operation counts
 * where a listed entry point emitted it, a forwarder and Permit2 where they are listed, a token where it is recognised; a
 * Safe speaks for itself alone. A failed transaction did nothing, and neither did a call below a frame that failed.
 */
export function actorsOf(tx: Executed, witnesses: Witnesses): Actor[] {
  if (tx.failed) return []
  const isUndone = undoneBy(tx.frames ?? [])
  const executed = (tx.calls ?? []).filter((call) => call.traceAddress === null || !isUndone(call.traceAddress))
  return [
    ...delegatedAccount(tx),
    ...safes(tx.events, executed),
    ...forwarded(executed, tx.frames ?? [], witnesses.vouchers),
    ...userOperations(tx.events, executed, tx.frames ?? [], witnesses.vouchers),
    ...signers(tx.events, executed, witnesses),
  ].sort((a, b) => (a.frame?.length ?? Infinity) - (b.frame?.length ?? Infinity))
}

/**
 * The account that the transaction calls, where its key signed an authorisation in the same transaction and someone else
 * sends. Whether that took effect shows: without code at the address nothing would be emitted or called there. A
 * delegation of an earlier transaction does not show, and is the sender's act here.
 */
function delegatedAccount({ from, to, events, frames, authorizations }: Executed): Actor[] {
  if (to === null || from === to || authorizations?.some(({ authority }) => authority === to) !== true) return []
  const ran = events.length > 0 || frames?.some(({ traceAddress }) => traceAddress.length === 1) === true
  if (!ran) return []
  return [{ address: to, by: 'delegated-account', events: all(events), frame: frames === null ? null : [] }]
}

const all = (events: readonly ChainEvent[]) => ({ start: 0, end: events.length })

/**
 * Safes that executed what their owners signed, or what a module of theirs asked for, and say so. If it is the
 * transaction's own call, all events are in it; of another, which events are its the source does not tell.
 */
function safes(events: readonly ChainEvent[], executed: readonly ChainCall[]): Actor[] {
  const emitters = (...types: readonly ChainEvent['type'][]) =>
    new Set(events.filter(({ type }) => types.includes(type)).map(({ address }) => address))
  const byOwners = emitters('safe-execution', 'safe-execution-failed')
  const byModule = emitters('safe-module-execution')
  return executed.flatMap(({ type, address, traceAddress }): Actor[] => {
    const says = type === 'safe-transaction' ? byOwners : type === 'safe-module-transaction' ? byModule : undefined
    if (says?.has(address) !== true || traceAddress === null) return []
    const by = type === 'safe-transaction' ? 'safe-transaction' : 'safe-module'
    return [{ address, by, events: traceAddress.length === 0 ? all(events) : null, frame: [...traceAddress] }]
  })
}

/** Each request of a listed forwarder, which calls for them in their order. */
function forwarded(executed: readonly ChainCall[], frames: readonly Frame[], { forwarders }: Vouchers): Actor[] {
  return callsOfType(executed, 'forward').flatMap(({ address, traceAddress, requests }): Actor[] => {
    if (traceAddress === null || !forwarders.has(address)) return []
    const made = childrenOf(frames, traceAddress).filter(({ type, from }) => type === 'call' && from === address)
    return requests.flatMap(({ from, target, selector }): Actor[] => {
      const at = made.findIndex((frame) => frame.to === target && frame.selector === selector)
      const [frame] = at === -1 ? [] : made.splice(0, at + 1).slice(-1)
      return frame === undefined
        ? []
        : [{ address: from, by: 'forwarder', events: null, frame: [...frame.traceAddress] }]
    })
  })
}

/**
 * Operations of listed entry points. Its events stand between the one before of the same entry point, or the begin of
 * execution, and its UserOperationEvent; its frames below the call that the entry point makes to itself for each
 * operation of a bundle, in their order.
 */
function userOperations(
  events: readonly ChainEvent[],
  executed: readonly ChainCall[],
  frames: readonly Frame[],
  { entryPoints }: Vouchers,
): Actor[] {
  return [...entryPoints].flatMap((entryPoint) => {
    const operations: { readonly sender: Address; readonly events: NonNullable<Actor['events']> }[] = []
    let start: number | undefined
    for (const [position, event] of events.entries()) {
      if (event.address !== entryPoint) continue
      if (event.type === 'user-operations-begin') start = position + 1
      if (event.type !== 'user-operation' || start === undefined) continue
      operations.push({ sender: event.sender, events: { start, end: position + 1 } })
      start = position + 1
    }
    if (operations.length === 0) return []
    const bundles = callsOfType(executed, 'handle-operations').filter(({ address }) => address === entryPoint)
    const inner = bundles.flatMap(({ traceAddress }) =>
      traceAddress === null
        ? []
        : childrenOf(frames, traceAddress).filter(({ from, to }) => from === entryPoint && to === entryPoint),
    )
    const senders = bundles.flatMap((bundle) => bundle.operations.map(({ sender }) => sender))
    const isSame = inner.length === operations.length && operations.every(({ sender }, at) => sender === senders[at])
    return operations.map(({ sender, events: span }, at): Actor => {
      const frame = isSame ? inner[at] : undefined
      return { address: sender, by: 'user-operation', events: span, frame: frame ? [...frame.traceAddress] : null }
    })
  })
}

/** Owners whose signature someone else brought: to Permit2, or to a recognised token. Each with the event it must emit. */
function signers(events: readonly ChainEvent[], executed: readonly ChainCall[], witnesses: Witnesses): Actor[] {
  const brought = executed.flatMap((call) => signedBy(call, witnesses) ?? [])
  if (brought.length === 0) return []
  const positions = eventPositions(events)
  return brought.flatMap(({ owner, by, call, keys }) =>
    keys.flatMap((key): Actor[] => {
      const position = positions.get(key)?.shift()
      if (position === undefined) return []
      const frame = call.traceAddress === null ? null : [...call.traceAddress]
      return [{ address: owner, by, events: { start: position, end: position + 1 }, frame }]
    }),
  )
}

/** Whose signature the call brings, and the keys of the events that tell of it; null for any other call, and the owner's. */
function signedBy(call: ChainCall, { vouchers, isRecognised }: Witnesses) {
  const { address, caller } = call
  const signed = (owner: Address, by: Actor['by'], keys: readonly string[]) =>
    owner === caller ? null : { owner, by, call, keys }
  if (call.type === 'permit' && isRecognised(address))
    return signed(call.owner, 'permit', [approvalKey(address, call.owner, call.spender, call.amount)])
  if (call.type === 'transfer-with-authorization' && isRecognised(address))
    return signed(call.from, 'authorization', [transferKey(address, call.from, call.to, call.amount)])
  if (call.type === 'permit2-permit' && vouchers.permit2.has(address)) {
    const { owner, spender, allowances } = call
    const keys = allowances.map(({ token, amount }) => permit2Key(address, owner, token, spender, amount))
    return signed(owner, 'permit', keys)
  }
  if (call.type === 'permit2-signature-transfer' && vouchers.permit2.has(address)) {
    const keys = call.transfers.map(({ token, to, amount }) => transferKey(token, call.owner, to, amount))
    return signed(call.owner, 'signature-transfer', keys)
  }
  return null
}

const transferKey = (token: Address, from: Address, to: Address, amount: bigint) => `t ${token} ${from} ${to} ${amount}`
const approvalKey = (token: Address, owner: Address, spender: Address, amount: bigint) =>
  `a ${token} ${owner} ${spender} ${amount}`
const permit2Key = (permit2: Address, owner: Address, token: Address, spender: Address, amount: bigint) =>
  `p ${permit2} ${owner} ${token} ${spender} ${amount}`

/** Where each movement and approval stands among the events, oldest first: a call is matched with what it must emit. */
function eventPositions(events: readonly ChainEvent[]): ReadonlyMap<string, number[]> {
  const positions = new Map<string, number[]>()
  for (const [position, event] of events.entries()) {
    const key = keyOf(event)
    if (key === null) continue
    const known = positions.get(key)
    if (known === undefined) positions.set(key, [position])
    else known.push(position)
  }
  return positions
}

function keyOf(event: ChainEvent): string | null {
  if (event.type === 'erc20-transfer') return transferKey(event.address, event.from, event.to, event.value)
  if (event.type === 'erc20-approval') return approvalKey(event.address, event.owner, event.spender, event.value)
  if (event.type !== 'permit2-approval' || !event.signed) return null
  return permit2Key(event.address, event.owner, event.token, event.spender, event.amount)
}

const callsOfType = <Type extends ChainCall['type']>(
  calls: readonly ChainCall[],
  type: Type,
): readonly ChainCallOf<Type>[] => calls.filter((call): call is ChainCallOf<Type> => call.type === type)

const childrenOf = (frames: readonly Frame[], parent: TraceAddress): Frame[] =>
  frames.filter(({ traceAddress }) => traceAddress.length === parent.length + 1 && isWithin(traceAddress, parent))
