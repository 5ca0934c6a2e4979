import { createHash } from 'node:crypto'
import { parseAddress, parseHash, type Hash, type Hex } from '@tocsin/chain-model'
import type { SeededRandom } from '@tocsin/stream-core/testing'
import { proxySlots } from '../knowledge/read-proxy.ts'
import { assembleBlock } from '../sources/assemble-block.ts'
import {
  asArray,
  asObject,
  parseHeader,
  parseReceipt,
  parseTraces,
  parseTransaction,
  type Json,
  parseList,
} from '../sources/parse-block.ts'
import type { TimedBlock } from '../sources/recording-source.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import { headerHash, logsBloom } from '../verify/hashing.ts'
import { receiptsRoot, transactionHash, transactionsRoot } from '../verify/roots.ts'

/** A block as a node holds it, in JSON-RPC's shapes. */
export interface SimulatedBlock {
  readonly header: BlockHeader
  /** As `eth_getBlockByNumber(n, true)`. */
  readonly block: Json
  /** As `eth_getBlockReceipts`. */
  readonly receipts: readonly Json[]
  /** As `trace_block`. */
  readonly traces: readonly Json[]
}

const quantity = (value: number | bigint): Hex => `0x${value.toString(16)}`
const zeros = (bytes: number): Hex => `0x${'00'.repeat(bytes)}`
const transfer: Hex = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

const pairCreated: Hex = '0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9'
const swap: Hex = '0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822'

/**
 * A tree of blocks that grows by a random: every block stays known by its hash, as to a node that has seen all forks. With
 * `realHashes` all of a header's hashes and roots are Ethereum's and recompute; without, hashes are made up, as far as we
 * can tell of a chain with formats of its own, and cheap. Both have blooms that hold.
 */
export class SimulatedChain {
  readonly chainId: number
  readonly realHashes: boolean
  readonly blocks = new Map<Hash, SimulatedBlock>()
  readonly first: SimulatedBlock
  readonly #random: SeededRandom
  readonly #isTelling: boolean
  #made = 0

  /** `first` is a recorded block to build on; without it there is a first block without transactions, numbered 0. */
  constructor(options: {
    readonly chainId: number
    readonly realHashes: boolean
    readonly random: SeededRandom
    readonly first?: SimulatedBlock
    /** Whether its blocks tell of later ones: pools are created and trade, and contracts answer calls by the block. */
    readonly telling?: boolean
  }) {
    this.chainId = options.chainId
    this.realHashes = options.realHashes
    this.#random = options.random
    this.#isTelling = options.telling ?? false
    this.first = options.first ?? this.#make(zeros(32) as Hash, 0, 1_700_000_000_000, 0)
    this.blocks.set(this.first.header.hash, this.first)
  }

  /** A new child of the block, so many ms later, in whole seconds as blocks tell them. */
  mine(parent: BlockHeader, afterMs: number): SimulatedBlock {
    const timestamp = Math.floor((parent.timestamp + afterMs) / 1000) * 1000
    const made = this.#make(parent.hash, parent.number + 1, timestamp, this.#random.integer(0, 3))
    this.blocks.set(made.header.hash, made)
    return made
  }

  /**
   * What a contract returns at a block; null where it reverts. A token has the same decimals and symbol at each; on a
   * telling chain they are those of the block, so that it shows at which one they were read, and of every third there are
   * none before block 40.
   */
  call(block: SimulatedBlock, to: string, data: string): Hex | null {
    const which = Number.parseInt(to.slice(-2), 16)
    const number = this.#isTelling ? block.header.number : 1
    if (this.#isTelling && which % 3 === 0 && number < 40) return null
    if (data === '0x313ce567') return `0x${((number % 30) + 1).toString(16).padStart(64, '0')}`
    if (data === '0x95d89b41') return `0x${Buffer.from(`T${which}at${number}`).toString('hex').padEnd(64, '0')}`
    return null
  }

  /** A contract's code at any block: every fourth contract hands calls on by EIP-1167, see {@link codeRunBy}. */
  code(of: string): Hex {
    const runs = this.codeRunBy(of)
    return runs?.by === 'code' ? `0x363d3d373d3d3d363d73${runs.code.slice(2)}5af43d82803e903d91602b57fd5bf3` : '0x6001'
  }

  /** The word in a slot at any block: every fourth contract keeps by ERC-1967 whose code it runs. */
  storage(of: string, slot: string): Hex {
    const runs = this.codeRunBy(of)
    return runs?.by === 'slot' && slot === proxySlots.implementation
      ? `0x${runs.code.slice(2).padStart(64, '0')}`
      : zeros(32)
  }

  /** Whose code a contract runs and how that can be found out; null: its own. */
  codeRunBy(of: string): { readonly by: 'code' | 'slot'; readonly code: Hex } | null {
    const which = Number.parseInt(of.slice(-2), 16)
    return which % 2 === 0 ? { by: which % 4 === 0 ? 'slot' : 'code', code: `0x${'c0de'.repeat(10)}` } : null
  }

  at(hash: Hash): SimulatedBlock {
    const found = this.blocks.get(hash)
    if (found === undefined) throw new Error(`assertion: ${hash} was mined`)
    return found
  }

  /** The block as a source should give it, whole. */
  truth(hash: Hash): TimedBlock {
    const { header, block, receipts, traces } = this.at(hash)
    const parts = {
      ...header,
      chainId: this.chainId,
      transactions: parseList(block['transactions'], 'transactions', (tx) => parseTransaction(tx)),
      receipts: receipts.map((receipt) => parseReceipt(receipt)),
      traces: parseTraces(traces),
      logs: null,
      hashes: null,
    }
    return { ...assembleBlock(parts), timestamp: header.timestamp }
  }

  #hash(what: string): Hash {
    return parseHash(`0x${createHash('sha256').update(`${this.chainId} ${what}`).digest('hex')}`)
  }

  /** Of forty; on a telling chain others come with time, so that there is always something to learn. */
  #address(): Hex {
    const era = this.#isTelling ? Math.floor(this.#made / 64) : 0
    return `0x${(era * 40 + this.#random.integer(1, 40)).toString(16).padStart(40, 'a')}`
  }

  /** A transfer; on a telling chain also a pool that is created, or one that trades, maybe before it was. */
  #log(what: string, amount: number): { readonly address: Hex; readonly topics: readonly Hex[]; readonly data: Hex } {
    const words = (...values: readonly (Hex | number)[]): Hex =>
      `0x${values.map((value) => (typeof value === 'number' ? value.toString(16) : value.slice(2)).padStart(64, '0')).join('')}`
    // A word of its own in each log, so that a bloom tells whether it is there.
    const own = words(`0x${this.#hash(`from ${what}`).slice(26)}`)
    const kind = this.#isTelling ? this.#random.integer(0, 7) : 7
    if (kind === 0)
      return {
        address: this.#address(),
        topics: [pairCreated, words(this.#address()), own],
        data: words(this.#address(), amount),
      }
    if (kind <= 2) return { address: this.#address(), topics: [swap, words(0), own], data: words(amount, 0, 0, 1) }
    return { address: this.#address(), topics: [transfer, own, words(0)], data: words(amount) }
  }

  #make(parentHash: Hash, number: number, timestamp: number, transactions: number): SimulatedBlock {
    const made = ++this.#made
    const drafts = Array.from({ length: transactions }, (_, index) => this.#transaction(made, index))
    let [logIndex, cumulativeGasUsed] = [0, 0]
    const receiptDrafts = drafts.map((tx, index) => {
      const logs = Array.from({ length: this.#random.integer(0, 3) }, (__, at) => ({
        ...this.#log(`${made} ${index} ${at}`, made * 100 + at),
        logIndex: quantity(logIndex++),
        transactionHash: tx['hash'],
        transactionIndex: quantity(index),
        removed: false,
      }))
      cumulativeGasUsed += 21_000
      return {
        type: '0x2',
        transactionHash: tx['hash'],
        transactionIndex: quantity(index),
        status: '0x1',
        cumulativeGasUsed: quantity(cumulativeGasUsed),
        gasUsed: quantity(21_000),
        effectiveGasPrice: '0x1',
        contractAddress: null,
        logsBloom: this.realHashes ? bloomOf(logs) : zeros(256),
        logs,
      }
    })
    const header: Json = {
      number: quantity(number),
      parentHash,
      timestamp: quantity(Math.floor(timestamp / 1000)),
      sha3Uncles: zeros(32),
      miner: this.#address(),
      stateRoot: this.#hash(`state ${made}`),
      transactionsRoot: this.realHashes ? transactionsRoot(drafts) : zeros(32),
      receiptsRoot: this.realHashes ? receiptsRoot(receiptDrafts) : zeros(32),
      logsBloom: bloomOf(receiptDrafts.flatMap(({ logs }) => logs)),
      difficulty: '0x0',
      gasLimit: quantity(30_000_000),
      gasUsed: quantity(cumulativeGasUsed),
      extraData: '0x',
      mixHash: zeros(32),
      nonce: zeros(8),
      baseFeePerGas: '0x1',
    }
    const hash = this.realHashes ? headerHash(header) : this.#hash(`block ${made} on ${parentHash}`)
    if (hash === null) throw new Error('assertion: the header has all its fields')
    const of = { blockHash: hash, blockNumber: quantity(number) }
    const block = { ...header, hash, transactions: drafts.map((tx): Json => ({ ...tx, ...of })) }
    return {
      header: parseHeader(block),
      block,
      receipts: receiptDrafts.map((receipt) => ({
        ...receipt,
        ...of,
        logs: receipt.logs.map((log) => ({ ...log, ...of })),
      })),
      traces: block.transactions.map((tx, index) => ({
        ...of,
        type: 'call',
        action: {
          callType: 'call',
          from: tx['from'],
          to: tx['to'],
          value: tx['value'],
          input: tx['input'],
          gas: '0x0',
        },
        result: { gasUsed: '0x0', output: '0x' },
        subtraces: 0,
        traceAddress: [],
        transactionHash: tx['hash'],
        transactionPosition: index,
      })),
    }
  }

  #transaction(made: number, index: number): Json {
    const tx: Json = {
      type: '0x2',
      chainId: quantity(this.chainId),
      nonce: quantity(made),
      maxPriorityFeePerGas: '0x1',
      maxFeePerGas: '0x2',
      gas: quantity(21_000),
      to: this.#address(),
      value: quantity(this.#random.integer(0, 1_000_000)),
      input: '0x',
      accessList: [],
      yParity: '0x0',
      v: '0x0',
      r: quantity(made + 1),
      s: quantity(index + 1),
      from: this.#address(),
      transactionIndex: quantity(index),
    }
    const hash = this.realHashes ? transactionHash(tx) : null
    return { ...tx, hash: hash ?? this.#hash(`transaction ${made} ${index}`) }
  }
}

const bloomOf = (logs: readonly { readonly address: Hex; readonly topics: readonly string[] }[]): Hex =>
  logsBloom(logs.map(({ address, topics }) => ({ address: parseAddress(address), topics: topics.map(parseHash) })))

/** A recorded block, in the shapes of `eth_getBlockByNumber`, `eth_getBlockReceipts` and `trace_block`, to build on. */
export function recordedBlock(recorded: Json): SimulatedBlock {
  const block = asObject(recorded['block'], 'block')
  const list = (name: string) => asArray(recorded[name] ?? [], name).map((entry) => asObject(entry, name))
  return { header: parseHeader(block), block, receipts: list('receipts'), traces: list('traces') }
}
