import type { Address, ChainEvent, ChainEventOf } from '@tocsin/chain-model'
import type { FactKey } from './contract-fact.ts'
import { poolIdOf } from './uniswap-v4.ts'

/** The two tokens of a pool in its own order; null where not known. */
export interface PoolTokens {
  readonly token0: Address | null
  readonly token1: Address | null
}

/**
 * A pool as it is known beyond the transaction at hand. `proven`: by a call to the pool, the event of a listed factory, or
 * its id, which is the hash of its tokens; else by a factory that anyone may have deployed, and it only fills what transfers leave open.
 */
export type KnownPool = PoolTokens & {
  readonly proven: boolean
  /** The listed factory that made it, by its event or its own word. */
  readonly factory?: Address
}

export interface PoolTable {
  /** By its address; of Uniswap v4 by its id. */
  get(pool: FactKey): KnownPool | undefined
}

type Creation = ChainEventOf<'uniswap-v2-pair-created' | 'uniswap-v3-pool-created'>
/** Pools of v4 have no address of their own, and settle net of each other: transfers do not tell their tokens. */
type Unaddressed = ChainEventOf<'uniswap-v4-initialize' | 'uniswap-v4-swap' | 'uniswap-v4-modify-liquidity'>
type Exchange = ChainEventOf<'curve-exchange'>
type PoolEvent = Exclude<Extract<ChainEvent, { token0: Address | null }>, Creation | Unaddressed>

const isCreation = (event: ChainEvent): event is Creation =>
  event.type === 'uniswap-v2-pair-created' || event.type === 'uniswap-v3-pool-created'

/** Whether the event is a pool's own, and its tokens are to be filled in. */
export const isPoolEvent = (event: ChainEvent): event is PoolEvent =>
  'token0' in event && !('poolId' in event) && !isCreation(event)

type Pair = readonly [bigint, bigint]
const none: Pair = [0n, 0n]
const positive = (amount: bigint) => (amount > 0n ? amount : 0n)

/** The amounts that came into the pool and left it with this event, by side; 0 where nothing moved on that side. */
function moved(event: PoolEvent): { readonly into: Pair; readonly outOf: Pair } {
  switch (event.type) {
    case 'uniswap-v2-swap':
      return { into: [event.amount0In, event.amount1In], outOf: [event.amount0Out, event.amount1Out] }
    case 'uniswap-v3-swap':
      return {
        into: [positive(event.amount0), positive(event.amount1)],
        outOf: [positive(-event.amount0), positive(-event.amount1)],
      }
    case 'uniswap-v2-mint':
    case 'uniswap-v3-mint':
      return { into: [event.amount0, event.amount1], outOf: none }
    case 'uniswap-v2-burn':
    case 'uniswap-v3-collect':
      return { into: none, outOf: [event.amount0, event.amount1] }
    case 'uniswap-v3-flash':
      return { into: [event.amount0 + event.paid0, event.amount1 + event.paid1], outOf: [event.amount0, event.amount1] }
    case 'uniswap-v3-burn':
      return { into: none, outOf: none } // only credits the owner; Collect pays out
    default:
      return event satisfies never
  }
}

/**
 * The pool's tokens from the ERC-20 transfers of the same transaction.
 *
 * 1. A token is a candidate for a side if, for each of the pool's events, it moved to (or from) the pool by exactly the
 *    amount that the event tells for that side, in one transfer or all of them together. A side is known if one
 *    candidate is left over all pairs with token0 < token1 (Uniswap sorts them by address), neither being the pool
 *    itself (its liquidity token).
 * 2. Fee-on-transfer tokens log other amounts than arrive. If one side is known and exactly one other token moved between
 *    the pool and anyone, it is the other side, if the event moved that side at all and the order of addresses allows.
 *
 * Else null. Nothing is remembered: what a hostile token pretends here cannot spread to the next transaction.
 */
function inferred(pool: Address, events: readonly PoolEvent[], transfers: Transfers): PoolTokens {
  const exact = (side: 0 | 1): readonly Address[] | null => {
    let left: readonly Address[] | null = null
    for (const event of events) {
      const { into, outOf } = moved(event)
      for (const [direction, amount] of [
        ['to', into[side]],
        ['from', outOf[side]],
      ] as const) {
        if (amount === 0n) continue
        const movers: readonly Address[] = transfers.movers(direction, pool, amount)
        left = left === null ? movers : left.filter((token) => movers.includes(token))
      }
    }
    return left?.filter((token) => token !== pool) ?? null
  }
  const [first, second] = [exact(0), exact(1)]
  if (first === null || second === null) return { token0: only(first ?? []), token1: only(second ?? []) }
  if (first.length > 0 && second.length > 0) {
    const pairs = first.flatMap((token0) =>
      second.filter((token1) => token0 < token1).map((token1) => ({ token0, token1 })),
    )
    return { token0: only(pairs.map(({ token0 }) => token0)), token1: only(pairs.map(({ token1 }) => token1)) }
  }
  const [token0, token1] = [only(first), only(second)]
  const others = [...transfers.movers('to', pool, null), ...transfers.movers('from', pool, null)].filter(
    (token) => token !== pool && token !== token0 && token !== token1,
  )
  const other = only(others)
  if (token0 !== null) return { token0, token1: other !== null && token0 < other ? other : null }
  if (token1 !== null) return { token0: other !== null && other < token1 ? other : null, token1 }
  return { token0, token1 }
}

/** The one value of the list, however often it stands there. */
function only(values: readonly Address[]): Address | null {
  const [value] = values
  return value !== undefined && values.every((other) => other === value) ? value : null
}

interface Transfers {
  /**
   * The tokens of which exactly `amount` moved to or from `address`, in one transfer or in all of them together; of
   * which anything moved, if it is null. Without repeats.
   */
  movers(direction: 'to' | 'from', address: Address, amount: bigint | null): readonly Address[]
}

function indexTransfers(events: readonly ChainEvent[]): Transfers {
  const amounts = new Map<string, Map<Address, bigint[]>>()
  const add = (key: string, token: Address, value: bigint) => {
    const tokens = amounts.get(key) ?? new Map<Address, bigint[]>()
    amounts.set(key, tokens)
    const known = tokens.get(token)
    if (known === undefined) tokens.set(token, [value])
    else known.push(value)
  }
  for (const event of events) {
    if (event.type !== 'erc20-transfer' || event.value === 0n) continue
    add(`to ${event.to}`, event.address, event.value)
    add(`from ${event.from}`, event.address, event.value)
  }
  return {
    movers: (direction, address, amount) =>
      [...(amounts.get(`${direction} ${address}`) ?? [])]
        .filter(([, moves]) => amount === null || moves.includes(amount) || sum(moves) === amount)
        .map(([token]) => token),
  }
}

const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n)

/** The transaction's events with the tokens of each pool filled in as far as they are known. */
export function withPoolTokens(events: readonly ChainEvent[], pools: PoolTable): ChainEvent[] {
  const byPool = new Map<Address, PoolEvent[]>()
  for (const event of events) {
    if (!isPoolEvent(event)) continue
    const known = byPool.get(event.address)
    if (known === undefined) byPool.set(event.address, [event])
    else known.push(event)
  }
  const exchanges = events.filter((event) => event.type === 'curve-exchange')
  const isNamed = byPool.size > 0 || exchanges.length > 0 || events.some(isUnaddressed)
  if (!isNamed) return [...events]
  const created = poolsCreatedBy(events)
  const transfers = indexTransfers(events)
  const coins = coinsOf(exchanges, transfers)
  const tokensOf = new Map<Address, PoolTokens>()
  for (const [pool, poolEvents] of byPool) {
    const listed = pools.get(pool)
    if (listed?.proven === true) {
      tokensOf.set(pool, { token0: listed.token0, token1: listed.token1 })
      continue
    }
    const told = inferred(pool, poolEvents, transfers)
    const table = listed ?? created.get(pool)
    tokensOf.set(pool, { token0: told.token0 ?? table?.token0 ?? null, token1: told.token1 ?? table?.token1 ?? null })
  }
  return events.map((event) => {
    if (isPoolEvent(event)) return { ...event, ...tokensOf.get(event.address) }
    if (event.type === 'curve-exchange')
      return { ...event, tokenIn: coins(event, event.soldId), tokenOut: coins(event, event.boughtId) }
    if (!isUnaddressed(event) || event.type === 'uniswap-v4-initialize') return event
    const known = created.get(event.poolId) ?? pools.get(event.poolId)
    return known === undefined ? event : { ...event, token0: known.token0, token1: known.token1 }
  })
}

const isUnaddressed = (event: ChainEvent): event is Unaddressed =>
  event.type === 'uniswap-v4-initialize' ||
  event.type === 'uniswap-v4-swap' ||
  event.type === 'uniswap-v4-modify-liquidity'

/**
 * The tokens behind the coins of Curve's pools, which their logs only number: of each the one that moved by exactly the
 * amount that every exchange of the transaction tells of it. The native coin leaves no transfer, and stays null.
 */
function coinsOf(exchanges: readonly Exchange[], transfers: Transfers): (of: Exchange, coin: number) => Address | null {
  const keyOf = ({ address, underlying }: Exchange, coin: number) => `${address} ${underlying} ${coin}`
  const candidates = new Map<string, readonly Address[]>()
  const narrow = (key: string, movers: readonly Address[]) =>
    candidates.set(key, candidates.get(key)?.filter((token) => movers.includes(token)) ?? movers)
  for (const exchange of exchanges) {
    const { address: pool, soldId, boughtId, amountSold, amountBought } = exchange
    narrow(keyOf(exchange, soldId), transfers.movers('to', pool, amountSold))
    narrow(keyOf(exchange, boughtId), transfers.movers('from', pool, amountBought))
  }
  return (exchange, coin) => only(candidates.get(keyOf(exchange, coin)) ?? [])
}

/**
 * The pools that these events say were created, with the factory that said so; null where what it says proves itself: the
 * id of a pool of Uniswap v4.
 */
export function poolsCreatedBy(
  events: readonly ChainEvent[],
): ReadonlyMap<FactKey, PoolTokens & { readonly factory: Address | null }> {
  const pools = new Map<FactKey, PoolTokens & { readonly factory: Address | null }>()
  for (const event of events) {
    if (isCreation(event)) {
      const { token0, token1, address: factory } = event
      pools.set(event.type === 'uniswap-v2-pair-created' ? event.pair : event.pool, { token0, token1, factory })
    } else if (event.type === 'uniswap-v4-initialize' && poolIdOf(event) === event.poolId)
      pools.set(event.poolId, { token0: event.token0, token1: event.token1, factory: null })
  }
  return pools
}

/** Of the pools whose events these are, those that a listed factory made, now or before; in order of address. */
export function vouchedPools(
  events: readonly ChainEvent[],
  pools: PoolTable,
  factories: ReadonlySet<Address>,
): { readonly address: Address; readonly factory: Address }[] {
  const vouched = new Map<Address, Address>()
  const created = poolsCreatedBy(events)
  for (const event of events) {
    if (event.type !== 'uniswap-v2-sync' && !isPoolEvent(event)) continue
    const creator = created.get(event.address)?.factory ?? null
    const factory = creator !== null && factories.has(creator) ? creator : pools.get(event.address)?.factory
    if (factory !== undefined) vouched.set(event.address, factory)
  }
  return [...vouched]
    .map(([address, factory]) => ({ address, factory }))
    .sort((a, b) => (a.address < b.address ? -1 : 1))
}
