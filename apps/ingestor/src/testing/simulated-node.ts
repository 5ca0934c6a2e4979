import type { Hash, Hex } from '@tocsin/chain-model'
import type { SeededRandom } from '@tocsin/stream-core/testing'
import type { Clock } from '../rpc/clock.ts'
import type { RpcRequest } from '../rpc/json-rpc.ts'
import { TransportError, type RpcReply, type RpcTransport } from '../rpc/rpc-transport.ts'
import type { Json } from '../sources/parse-block.ts'
import type { SimulatedBlock, SimulatedChain } from './simulated-chain.ts'

/** The chain as all honest nodes have it, or had it at some moment. */
export interface ChainView {
  /** From the first block on. */
  readonly canonical: readonly Hash[]
  /** The number of the newest final block. */
  readonly finalized: number
}

/** What a node does wrong, each with its chance of it per answer, in [0, 1]. */
export interface Manners {
  /** It knows an older state of the chain: a stale tip, or the branch before the last reorg. */
  readonly stale: number
  readonly nothing: number
  readonly lie: number
  readonly error: number
  readonly garbage: number
  readonly truncated: number
  readonly limited: number
  readonly down: number
  readonly hang: number
  readonly drop: number
  readonly slow: number
}

export const honest: Manners = {
  stale: 0,
  nothing: 0,
  lie: 0,
  error: 0,
  garbage: 0,
  truncated: 0,
  limited: 0,
  down: 0,
  hang: 0,
  drop: 0,
  slow: 0,
}

/** What a node of its kind can. */
export interface Abilities {
  readonly receipts: 'block' | 'each' | 'logs'
  readonly traces: 'trace_block' | 'debug' | 'none'
  readonly finalizedTag: boolean
  /** `pruned`: the state of every block is dropped; `broken`: there is no word of it but null. */
  readonly state: 'all' | 'pruned' | 'broken' | 'none'
  /** More calls in one batch are refused with HTTP status 413; 1: batches are no JSON-RPC to it. */
  readonly maxBatch: number
  readonly headsPushed: boolean
}

export interface SimulatedNodeOptions {
  readonly chain: SimulatedChain
  readonly abilities: Abilities
  readonly random: SeededRandom
  readonly clock: Clock
  /** Newest last; the last is the truth. */
  readonly views: () => readonly ChainView[]
}

/** What goes back over the wire; `text` is a body that is no JSON. */
export type Handled =
  | { readonly type: 'reply'; readonly status: number; readonly retryAfterS: number | null; readonly body: unknown }
  | { readonly type: 'text'; readonly status: number; readonly text: string }
  | { readonly type: 'hang' }
  | { readonly type: 'drop' }

/**
 * A node that tells the truth of a simulated chain, or misbehaves by its random: it answers late, not at all, from another
 * fork, from before, in parts, in another order, wrongly, or asks to be left alone. Served over HTTP and WebSocket by
 * `serveNode`, and within the process by {@link SimulatedNode.transport}.
 */
export class SimulatedNode {
  manners: Manners = honest
  /** How often each kind of misbehaviour was met. */
  readonly met = new Map<string, number>()
  readonly #options: SimulatedNodeOptions
  readonly #listeners = new Set<(result: unknown) => void>()

  constructor(options: SimulatedNodeOptions) {
    this.#options = options
  }

  get clock(): Clock {
    return this.#options.clock
  }

  /** Tells subscribers of a head, or of something else that should only wake them: late, twice, out of order or never. */
  async announce(head: Json, signal: AbortSignal): Promise<void> {
    const { random, clock, abilities } = this.#options
    if (!abilities.headsPushed) return
    const times = random.oneOf([0, 1, 1, 2])
    for (let time = 0; time < times; time++) {
      await clock.wait(random.integer(0, 400), signal)
      const told = random.oneOf([head, head, { removed: true, logIndex: '0x0' }, null])
      for (const listener of this.#listeners) listener(told)
    }
  }

  onPush(listener: (result: unknown) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async handle(requests: readonly RpcRequest[], signal: AbortSignal): Promise<Handled> {
    const { random, clock, abilities } = this.#options
    const chance = (kind: keyof Manners) => this.#chance(kind)
    await clock.wait(chance('slow') ? random.integer(500, 4000) : random.integer(1, 40), signal)
    if (chance('hang')) return { type: 'hang' }
    if (chance('drop')) return { type: 'drop' }
    if (chance('down')) return { type: 'text', status: random.oneOf([500, 502, 503]), text: '<html>Bad Gateway</html>' }
    if (chance('garbage')) return { type: 'text', status: 200, text: '{"jsonrpc":"2.0","id":1,"resu' }
    if (chance('limited')) {
      const retryAfterS = random.oneOf([null, 1, 2])
      const body = { jsonrpc: '2.0', id: null, error: { code: -32005, message: 'rate limit exceeded' } }
      return { type: 'reply', status: random.oneOf([429, 200]), retryAfterS, body }
    }
    const reply = (body: unknown, status = 200): Handled => ({ type: 'reply', status, retryAfterS: null, body })
    const [only] = requests
    if (only !== undefined && requests.length === 1) return reply(this.#answer(only))
    if (abilities.maxBatch === 1)
      return reply({ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'invalid request' } }, 400)
    if (requests.length > abilities.maxBatch) return { type: 'text', status: 413, text: 'Payload Too Large' }
    const answers = requests.map((request) => this.#answer(request))
    if (chance('truncated')) answers.length = random.integer(0, answers.length - 1)
    return reply(random.integer(0, 3) === 0 ? answers.toReversed() : answers)
  }

  /** Within the process. */
  transport(): RpcTransport {
    return {
      exchange: async (requests, signal) => {
        const handled = await this.handle(requests, signal)
        if (handled.type === 'drop') throw new TransportError('socket hang up')
        if (handled.type === 'hang') return forever(signal)
        if (handled.type === 'text') return { ...nothingElse, status: handled.status, body: undefined }
        const { status, body, retryAfterS } = handled
        return { ...nothingElse, status, body, retryAfterMs: retryAfterS === null ? null : retryAfterS * 1000 }
      },
      subscribe: (_, listener) => this.onPush(listener),
      close: async () => {},
    }
  }

  #chance(kind: keyof Manners): boolean {
    if (this.manners[kind] === 0 || this.#options.random.fraction() >= this.manners[kind]) return false
    this.met.set(kind, (this.met.get(kind) ?? 0) + 1)
    return true
  }

  #view(): ChainView {
    const views = this.#options.views()
    const current = views.at(-1)
    if (current === undefined) throw new Error('assertion: there is a chain')
    if (views.length < 2 || !this.#chance('stale')) return current
    return views[Math.max(0, views.length - 1 - this.#options.random.integer(1, 12))] ?? current
  }

  #answer(request: RpcRequest): Json {
    const { id } = request
    const wrong = (code: number, message: string) => ({ jsonrpc: '2.0', id, error: { code, message } })
    if (this.#chance('error')) {
      const { random } = this.#options
      return wrong(
        -32000,
        random.oneOf(['header not found', 'Internal error', 'execution timeout', 'request timed out']),
      )
    }
    const isOfState = /^eth_(?:call|getStorageAt|getCode)$/.test(request.method)
    if (isOfState && this.#options.abilities.state === 'pruned') return wrong(-32000, 'missing trie node 7c1f (path )')
    const result = this.#result(request)
    if (result === null && request.method === 'eth_call') return wrong(3, 'execution reverted')
    if (result === undefined) return wrong(-32601, `the method ${request.method} does not exist/is not available`)
    if (request.method !== 'eth_chainId' && this.#chance('nothing')) return { jsonrpc: '2.0', id, result: null }
    return { jsonrpc: '2.0', id, result }
  }

  /** Undefined where there is no such method. */
  #result({ method, params }: RpcRequest): unknown {
    const { chain, abilities } = this.#options
    const [asked, full] = params
    switch (method) {
      case 'eth_chainId':
        return `0x${chain.chainId.toString(16)}`
      case 'eth_getBlockByNumber':
        return this.#told(this.#byNumber(asked), full === true)
      case 'eth_getBlockByHash':
        return this.#told(chain.blocks.get(asked as Hash), full === true)
      case 'eth_getBlockReceipts':
        return abilities.receipts === 'block' ? this.#receipts(chain.blocks.get(asked as Hash)) : undefined
      case 'eth_getTransactionReceipt':
        return abilities.receipts === 'each' ? this.#receiptOf(asked) : undefined
      case 'eth_getLogs': {
        const { blockHash } = asked as { readonly blockHash: Hash }
        const receipts = this.#receipts(chain.blocks.get(blockHash))
        return receipts?.flatMap((receipt) => receipt['logs'] as readonly Json[]) ?? null
      }
      case 'eth_call': {
        const [{ to, data }, { blockHash }] = params as readonly [
          Record<'to' | 'data', string>,
          Record<'blockHash', Hash>,
        ]
        return chain.call(chain.at(blockHash), to, data)
      }
      case 'eth_getStorageAt':
        return this.#state(chain.storage(String(asked), String(full)), ['0xc0de', '0x'])
      case 'eth_getCode':
        return this.#state(chain.code(String(asked)))
      case 'trace_block':
        return abilities.traces === 'trace_block' ? this.#traces(this.#byNumber(asked)) : undefined
      case 'debug_traceBlockByHash':
        return abilities.traces === 'debug' ? this.#traces(chain.blocks.get(asked as Hash), true) : undefined
      default:
        return undefined
    }
  }

  /** Of a lie only what it looks like can be seen: without proofs one word is as true as another. */
  #state(truth: Hex, shorter: readonly Hex[] = []): unknown {
    const { abilities, random } = this.#options
    if (abilities.state === 'none') return undefined
    if (abilities.state === 'broken') return null
    if (!this.#chance('lie')) return truth
    return random.oneOf<unknown>(['0xc0d', '0x00zz', 7, {}, truth.slice(2), null, ...shorter])
  }

  #byNumber(asked: unknown): SimulatedBlock | undefined {
    const { chain, abilities } = this.#options
    const { canonical, finalized } = this.#view()
    const offset = chain.first.header.number
    const number =
      asked === 'latest' ? canonical.length - 1 + offset : asked === 'finalized' ? finalized : Number(asked)
    if (asked === 'finalized' && !abilities.finalizedTag) return undefined
    const hash = canonical[number - offset]
    return hash === undefined ? undefined : chain.at(hash)
  }

  #told(found: SimulatedBlock | undefined, full: boolean): Json | null {
    if (found === undefined) return null
    const { block } = found
    const transactions = block['transactions'] as readonly Json[] // as they were made
    if (!full) {
      const header = { ...block, transactions: transactions.map((tx) => tx['hash']) }
      return this.#chance('lie') ? this.#lied(header, found) : header
    }
    if (!this.#chance('lie')) return block
    const { chain, random } = this.#options
    const lies: [() => Json, ...(() => Json)[]] = [
      () => this.#lied(block, found),
      () => (transactions.length > 1 ? { ...block, transactions: transactions.slice(1) } : this.#lied(block, found)),
    ]
    // What no check but the hashes can find is told only where these are recomputed.
    if (chain.realHashes)
      lies.push(
        () => ({ ...block, gasUsed: '0x7' }),
        () => ({ ...block, transactions: transactions.map((tx) => ({ ...tx, value: '0x539' })), extraData: '0x01' }),
        () => ({ ...block, transactions: transactions.slice(0, -1), extraData: '0x01' }),
      )
    return random.oneOf(lies)()
  }

  /** A header that claims another place for the same hash, or no known hash. */
  #lied(block: Json, { header }: SimulatedBlock): Json {
    const { random } = this.#options
    const another = `0x${random
      .integer(1, 2 ** 31)
      .toString(16)
      .padStart(64, 'f')}`
    return random.oneOf<() => Json>([
      () => ({ ...block, number: `0x${(header.number + random.integer(1, 3)).toString(16)}` }),
      () => ({ ...block, parentHash: another }),
      () => ({ ...block, hash: another }),
      () => ({ ...block, timestamp: undefined }),
    ])()
  }

  #receipts(found: SimulatedBlock | undefined): readonly Json[] | null {
    if (found === undefined) return null
    const { receipts } = found
    if (!this.#chance('lie')) return receipts
    const { chain, random } = this.#options
    const known = [...chain.blocks.values()]
    const other = known[random.integer(0, known.length - 1)]?.receipts ?? []
    const withoutLogs = receipts.map((receipt) => ({ ...receipt, logs: [] }))
    const lies: [() => readonly Json[], ...(() => readonly Json[])[]] = [
      () => [],
      () => other,
      () => receipts.slice(1),
      () => receipts.slice(0, -1),
      () => withoutLogs,
      () => receipts.map((receipt) => ({ ...receipt, logs: (receipt['logs'] as readonly Json[]).slice(0, -1) })),
      () => receipts.map((receipt) => ({ ...receipt, blockHash: chain.first.header.parentHash })),
      () => receipts.map((receipt, at) => (at === 1 ? (receipts[0] ?? receipt) : receipt)),
    ]
    if (chain.realHashes) lies.push(() => receipts.map((receipt) => ({ ...receipt, status: '0x0' })))
    return random.oneOf(lies)()
  }

  #receiptOf(hash: unknown): Json | null {
    const { canonical } = this.#view()
    for (let at = canonical.length - 1; at >= 0; at--) {
      const receipts = this.#options.chain.at(canonical[at] as Hash).receipts // `at` is one of its places
      const found = receipts.find((receipt) => receipt['transactionHash'] === hash)
      if (found === undefined) continue
      return this.#chance('lie')
        ? {
            ...found,
            ...this.#options.random.oneOf([{ logs: [] }, { status: undefined, transactionHash: found['blockHash'] }]),
          }
        : found
    }
    return null
  }

  #traces(found: SimulatedBlock | undefined, nested = false): readonly Json[] | null {
    if (found === undefined) return null
    const traces = this.#chance('lie') ? found.traces.slice(1) : found.traces
    if (!nested) return traces
    return traces.map(({ action, transactionHash }) => ({
      txHash: transactionHash,
      result: { ...(action as Json), type: 'CALL' },
    }))
  }
}

const nothingElse = { retryAfterMs: null, bytes: 0 }

function forever(signal: AbortSignal): Promise<RpcReply> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new TransportError('given up')), { once: true })
  })
}
