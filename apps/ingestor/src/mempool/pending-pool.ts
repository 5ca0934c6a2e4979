import type { Address, Hash, Hex } from '@tocsin/chain-model'

/** A transaction as its sender signed it, read from a node's pool. Amounts in wei. */
export interface PooledTransaction {
  readonly hash: Hash
  readonly from: Address
  readonly nonce: number
  readonly to: Address | null
  readonly value: bigint
  readonly input: Hex
  readonly gas: bigint
  /** The gas price where it is older than EIP-1559. */
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

export interface PoolBlock {
  readonly number: number
  readonly hash: Hash
}

/** Of a block in the ledger, what tells the end of pending transactions. */
export interface MinedTransaction extends Pick<
  PooledTransaction,
  'hash' | 'from' | 'nonce' | 'to' | 'value' | 'input'
> {
  readonly status: 'success' | 'failed' | 'unknown'
}

export type PendingState =
  | { readonly type: 'pending' }
  | { readonly type: 'replaced'; readonly by: Hash }
  | { readonly type: 'dropped' }
  | { readonly type: 'evicted' }
  | MinedState

interface MinedState {
  readonly type: 'mined-same' | 'mined-different'
  readonly minedAs: Hash
  readonly block: PoolBlock
  readonly status: MinedTransaction['status']
}

/** The transaction is in this state from now on. `firstSeen` in ms. */
export interface Transition {
  readonly transaction: PooledTransaction
  readonly firstSeen: number
  readonly state: PendingState
}

export interface PendingPoolLimits {
  /** Transactions that are remembered, at most. */
  readonly maxTransactions: number
  /** And their bytes in memory, about. */
  readonly maxBytes: number
  /** Blocks that a reorg can take back, at most; those that are final are forgotten before. */
  readonly maxBlocks: number
  /** A pending transaction that the node said nothing of for so long is to be asked for, in ms. */
  readonly recheckAfterMs: number
  /** It is dropped once the node has had it no more for so long, in ms: a block that mined it may be on its way. */
  readonly dropAfterMs: number
  /** A replaced or dropped transaction is remembered for so long, in ms, in case that it is mined all the same. */
  readonly forgetAfterMs: number
}

interface Tracked {
  readonly transaction: PooledTransaction
  readonly firstSeen: number
  state: PendingState
  /** What it was before the block that mined it; null while it is not mined. */
  before: PendingState | null
  /** When the state began. */
  since: number
  heardAt: number
  missingSince: number | null
}

interface RememberedBlock extends PoolBlock {
  /** By slot, so that who comes late learns of its end. */
  readonly mined: ReadonlyMap<string, MinedTransaction>
}

/**
 * What becomes of pending transactions, by sender and nonce: of all that are seen with one nonce at most one is pending,
 * the one that pays most; one ends in a block, and a reorg gives each the state back that it had before that block. Each
 * method is told the time (ms, never backwards) and answers the transitions that follow, in order; their fold by hash is
 * what the pool itself knows. Pure: no clock, no I/O.
 *
 * Memory is bounded. At a limit those seen first are evicted, of these that pay least first; one that was pending, or in a
 * block that is not final, says so.
 */
export class PendingPool {
  readonly #limits: PendingPoolLimits
  readonly #byHash = new Map<Hash, Tracked>()
  readonly #slots = new Map<string, Tracked[]>()
  /** Oldest first: the chain's newest blocks that may still be reverted. */
  #blocks: RememberedBlock[] = []
  #queue: Tracked[] = []
  #bytes = 0
  #pending = 0

  constructor(limits: PendingPoolLimits) {
    this.#limits = limits
  }

  /** How many are pending now. */
  get pending(): number {
    return this.#pending
  }

  /** How many are remembered, ended ones too. */
  get size(): number {
    return this.#byHash.size
  }

  /** The node has these in its pool. One that is in a block already is no news. */
  seen(transactions: readonly PooledTransaction[], now: number): readonly Transition[] {
    const told: Transition[] = []
    for (const transaction of transactions) {
      const known = this.#byHash.get(transaction.hash)
      if (known !== undefined) this.#present(known, now, told)
      else this.#track(transaction, now, told)
    }
    this.#evict(told)
    return told
  }

  /** All that the node has pending, at once: what is not in it is missing. */
  snapshot(transactions: readonly PooledTransaction[], now: number): readonly Transition[] {
    const told = [...this.seen(transactions, now)]
    const there = new Set(transactions.map(({ hash }) => hash))
    for (const tracked of this.#byHash.values())
      if (tracked.state.type === 'pending' && !there.has(tracked.transaction.hash)) this.#missing(tracked, now, told)
    return told
  }

  /** Pending ones that the node is to be asked for, those unheard of longest first. */
  due(now: number, limit: number): readonly Hash[] {
    const { recheckAfterMs } = this.#limits
    return [...this.#byHash.values()]
      .filter(({ state, heardAt }) => state.type === 'pending' && now - heardAt >= recheckAfterMs)
      .sort((a, b) => a.heardAt - b.heardAt)
      .slice(0, limit)
      .map(({ transaction }) => transaction.hash)
  }

  /** The node was asked for this one, and has it waiting or has it no more. */
  checked(hash: Hash, isThere: boolean, now: number): readonly Transition[] {
    const told: Transition[] = []
    const tracked = this.#byHash.get(hash)
    if (tracked === undefined) return told
    if (isThere) this.#present(tracked, now, told)
    else if (tracked.state.type === 'pending') this.#missing(tracked, now, told)
    return told
  }

  /** The block is the chain's newest. */
  sealed(block: PoolBlock, transactions: readonly MinedTransaction[], now: number): readonly Transition[] {
    const told: Transition[] = []
    const mined = new Map(transactions.map((transaction) => [slotOf(transaction), transaction]))
    this.#remember({ number: block.number, hash: block.hash, mined })
    for (const [slot, by] of mined)
      for (const tracked of this.#slots.get(slot) ?? []) this.#mine(tracked, by, block, now, told)
    return told
  }

  /** The node says that it is in this block, which the pool was told nothing of. */
  minedLate(hash: Hash, block: PoolBlock, now: number): readonly Transition[] {
    const tracked = this.#byHash.get(hash)
    if (tracked === undefined || isEnded(tracked.state)) return []
    return this.sealed(block, [{ ...tracked.transaction, status: 'unknown' }], now)
  }

  /** The block is no longer of the chain: what it ended is as it was before. */
  reverted(hash: Hash, now: number): readonly Transition[] {
    const told: Transition[] = []
    const block = this.#blocks.find((one) => one.hash === hash)
    if (block === undefined) return told
    this.#blocks = this.#blocks.filter((one) => one !== block)
    for (const slot of block.mined.keys()) {
      const tracked = this.#slots.get(slot) ?? []
      for (const one of tracked) {
        if (one.before === null || !isMinedIn(one.state, hash)) continue
        const { before } = one
        one.before = null
        one.heardAt = now
        one.missingSince = null
        this.#become(one, before, now, told)
      }
      this.#contest(tracked, now, told)
    }
    return told
  }

  /** Blocks up to this one stay: what ended in them is forgotten. */
  finalized(number: number): void {
    for (const block of this.#blocks) if (block.number <= number) this.#forgetBlock(block)
    this.#blocks = this.#blocks.filter((block) => block.number > number)
  }

  /** Forgets what was replaced or dropped long ago. */
  forgetOld(now: number): void {
    for (const tracked of this.#byHash.values())
      if (
        (tracked.state.type === 'replaced' || tracked.state.type === 'dropped') &&
        now - tracked.since >= this.#limits.forgetAfterMs
      )
        this.#forget(tracked)
  }

  /** Takes up a transition that an earlier pool told, as it stands in the log. Tells nothing: it was told. */
  restore({ transaction, firstSeen, state }: Transition, time: number): void {
    const known = this.#byHash.get(transaction.hash)
    if (state.type === 'evicted') {
      if (known !== undefined) this.#forget(known)
      return
    }
    const tracked = known ?? this.#add(transaction, firstSeen, time)
    const isMined = isEnded(state)
    const { state: earlier } = tracked
    if (isMined && tracked.before === null) tracked.before = earlier
    if (!isMined) tracked.before = null
    // It went back, so its block did too.
    if (!isMined && isEnded(earlier)) this.#blocks = this.#blocks.filter(({ hash }) => hash !== earlier.block.hash)
    this.#become(tracked, state, time, [])
    tracked.heardAt = time
    tracked.missingSince = null
    if (isMined) this.#restoreBlock(tracked, state)
    this.#evict([])
  }

  #restoreBlock({ transaction }: Tracked, { block, minedAs, status }: MinedState): void {
    if (minedAs !== transaction.hash && this.#minedIn(slotOf(transaction)) !== undefined) return
    const known = this.#blocks.find(({ hash }) => hash === block.hash)
    const mined = new Map(known?.mined).set(slotOf(transaction), { ...transaction, hash: minedAs, status })
    if (known !== undefined) this.#blocks = this.#blocks.map((one) => (one === known ? { ...known, mined } : one))
    else this.#remember({ ...block, mined })
  }

  #track(transaction: PooledTransaction, now: number, told: Transition[]): void {
    const slot = slotOf(transaction)
    const mined = this.#minedIn(slot)
    if (mined?.by.hash === transaction.hash) return
    const tracked = this.#add(transaction, now, now)
    told.push(transitionOf(tracked))
    if (mined !== undefined) this.#mine(tracked, mined.by, mined.block, now, told)
    else this.#contest(this.#slots.get(slot) ?? [], now, told)
  }

  #add(transaction: PooledTransaction, firstSeen: number, now: number): Tracked {
    const tracked: Tracked = {
      transaction,
      firstSeen,
      state: { type: 'pending' },
      before: null,
      since: now,
      heardAt: now,
      missingSince: null,
    }
    const slot = slotOf(transaction)
    this.#byHash.set(transaction.hash, tracked)
    this.#slots.set(slot, [...(this.#slots.get(slot) ?? []), tracked])
    this.#bytes += bytesOf(transaction)
    this.#pending++
    enqueue(this.#queue, tracked)
    return tracked
  }

  #present(tracked: Tracked, now: number, told: Transition[]): void {
    tracked.heardAt = now
    tracked.missingSince = null
    if (tracked.state.type !== 'dropped') return
    this.#become(tracked, { type: 'pending' }, now, told)
    this.#contest(this.#slots.get(slotOf(tracked.transaction)) ?? [], now, told)
  }

  #missing(tracked: Tracked, now: number, told: Transition[]): void {
    tracked.heardAt = now
    tracked.missingSince ??= now
    if (now - tracked.missingSince >= this.#limits.dropAfterMs) this.#become(tracked, { type: 'dropped' }, now, told)
  }

  /** Of those pending with one nonce only the dearest stays so; of equals the one seen first. */
  #contest(slot: readonly Tracked[], now: number, told: Transition[]): void {
    const [best, ...others] = slot.filter(({ state }) => state.type === 'pending').sort(dearestFirst)
    if (best === undefined) return
    for (const other of others) this.#become(other, { type: 'replaced', by: best.transaction.hash }, now, told)
  }

  #mine(tracked: Tracked, by: MinedTransaction, block: PoolBlock, now: number, told: Transition[]): void {
    if (isEnded(tracked.state)) return
    const { transaction, state } = tracked
    const isIt = by.hash === transaction.hash
    // One that was replaced or dropped has its end already, unless it is the very one that was mined.
    if (state.type !== 'pending' && !isIt) return
    const type = isIt || isSameCall(by, transaction) ? 'mined-same' : 'mined-different'
    tracked.before = state
    const { number, hash } = block
    this.#become(tracked, { type, minedAs: by.hash, block: { number, hash }, status: by.status }, now, told)
  }

  #become(tracked: Tracked, state: PendingState, now: number, told: Transition[]): void {
    this.#pending += (state.type === 'pending' ? 1 : 0) - (tracked.state.type === 'pending' ? 1 : 0)
    tracked.state = state
    tracked.since = now
    told.push(transitionOf(tracked))
  }

  #minedIn(slot: string): { readonly by: MinedTransaction; readonly block: PoolBlock } | undefined {
    for (const block of this.#blocks) {
      const by = block.mined.get(slot)
      if (by !== undefined) return { by, block }
    }
    return undefined
  }

  #remember(block: RememberedBlock): void {
    this.#blocks.push(block)
    while (this.#blocks.length > this.#limits.maxBlocks) {
      const [oldest] = this.#blocks.splice(0, 1)
      if (oldest !== undefined) this.#forgetBlock(oldest)
    }
  }

  #forgetBlock({ mined }: RememberedBlock): void {
    for (const slot of mined.keys()) for (const tracked of this.#slots.get(slot) ?? []) this.#forget(tracked)
  }

  #evict(told: Transition[]): void {
    const { maxTransactions, maxBytes } = this.#limits
    while (this.#byHash.size > maxTransactions || this.#bytes > maxBytes) {
      const first = dequeue(this.#queue)
      if (first === undefined) return
      if (this.#byHash.get(first.transaction.hash) !== first) continue // forgotten meanwhile
      const { transaction, firstSeen } = first
      // One in a block is watched too, as long as a reorg may take the block back.
      if (first.state.type === 'pending' || isEnded(first.state))
        told.push({ transaction, firstSeen, state: { type: 'evicted' } })
      this.#forget(first)
    }
    // Forgotten ones stay in the queue until they come up; they must not be more than those that are left.
    if (this.#queue.length <= 2 * this.#byHash.size + 64) return
    this.#queue = []
    for (const tracked of this.#byHash.values()) enqueue(this.#queue, tracked)
  }

  #forget(tracked: Tracked): void {
    const { transaction, state } = tracked
    if (!this.#byHash.delete(transaction.hash)) return
    const slot = slotOf(transaction)
    const others = (this.#slots.get(slot) ?? []).filter((one) => one !== tracked)
    if (others.length === 0) this.#slots.delete(slot)
    else this.#slots.set(slot, others)
    this.#bytes -= bytesOf(transaction)
    if (state.type === 'pending') this.#pending--
  }
}

const slotOf = ({ from, nonce }: { readonly from: Address; readonly nonce: number }): string => `${from}:${nonce}`

const transitionOf = ({ transaction, firstSeen, state }: Tracked): Transition => ({ transaction, firstSeen, state })

const isEnded = (state: PendingState): state is MinedState =>
  state.type === 'mined-same' || state.type === 'mined-different'

const isMinedIn = (state: PendingState, hash: Hash) => isEnded(state) && state.block.hash === hash

/** The same receiver, value and call data: only fee or gas differ. */
const isSameCall = (a: MinedTransaction, b: PooledTransaction) =>
  a.to === b.to && a.value === b.value && a.input === b.input

/** The fixed part is measured: 100,000 transactions without call data took 84 MB. */
const bytesOf = ({ input }: PooledTransaction) => 900 + input.length

const compare = (a: bigint | number, b: bigint | number) => (a < b ? -1 : a > b ? 1 : 0)

const byFee = (a: Tracked, b: Tracked) =>
  compare(a.transaction.maxFeePerGas, b.transaction.maxFeePerGas) ||
  compare(a.transaction.maxPriorityFeePerGas, b.transaction.maxPriorityFeePerGas)

const dearestFirst = (a: Tracked, b: Tracked) => byFee(b, a) || a.firstSeen - b.firstSeen

/** Who is evicted first: the one seen first, of these the one that pays least. */
const byEviction = (a: Tracked, b: Tracked) => a.firstSeen - b.firstSeen || byFee(a, b)

/** A binary heap, the first to be evicted on top. */
function enqueue(heap: Tracked[], tracked: Tracked): void {
  let at = heap.push(tracked) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent]
    if (above === undefined || byEviction(above, tracked) <= 0) break
    heap[at] = above
    at = parent
  }
  heap[at] = tracked
}

function dequeue(heap: Tracked[]): Tracked | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return top
  for (let at = 0; ;) {
    const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]]
    const isRight = left !== undefined && right !== undefined && byEviction(right, left) < 0
    const child = isRight ? right : left
    if (child === undefined || byEviction(last, child) <= 0) {
      heap[at] = last
      return top
    }
    heap[at] = child
    at = 2 * at + (isRight ? 2 : 1)
  }
}
