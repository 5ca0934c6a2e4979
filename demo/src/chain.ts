import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { parseHash, type Address, type Hash, type Hex } from '@tocsin/chain-model'
import { SigningKey, Transaction } from 'ethers'
import { AnvilError, type Anvil, startAnvil } from './anvil.ts'

/** Chain id of anvil's own default: the demo and the tests stand on it. */
export const demoChainId = 31_337

/** An account of the local chain with its key. */
export interface Account {
  readonly address: Address
  readonly key: Hex
}

/** A transaction to be signed and mined. */
export interface Call {
  readonly from: Account
  /** Null creates a contract. */
  readonly to: Address | null
  readonly data: Hex
  readonly value: bigint
  /** Gas limit; the rest is given back. */
  readonly gas: bigint
}

/** A block that was mined. `timestamp` is in seconds, as the chain has it. */
export interface MinedBlock {
  readonly number: number
  readonly hash: Hash
  readonly timestamp: number
  readonly transactions: readonly Hash[]
}

/** What to mine as one block: transactions already signed, in their order. `timestamp` is in seconds. */
export interface BlockContents {
  readonly timestamp: number
  readonly transactions: readonly Hex[]
}

export interface ChainOptions {
  /** Holds the chain's state; created if missing. */
  readonly folder: string
  /** Blocks from the head to `finalized`; even. */
  readonly finalityDepth: number
  /** Of the genesis block, in seconds; a chain that is loaded keeps its own. */
  readonly genesisTime: number
}

/** A transaction pays at most this; the base fee of nearly empty blocks falls far below it. */
const maxFeePerGas = 2_000_000_000n

/**
 * The local chain. It is saved to `chain.json.gz` in its folder, each time whole (a new file renamed over the old one),
 * so that a `kill -9` at any moment leaves a chain that can be loaded.
 *
 * After a kill the saved chain may be older than what a follower saw: it then sees a reorg. That is a legitimate one as
 * long as fewer than `finalityDepth` blocks were mined since the last `save`, so whoever mines saves more often than
 * that. Only the newest blocks are kept, in memory and in the file: a chain that runs for days does not grow.
 */
export class Chain {
  readonly #options: ChainOptions
  #anvil: Anvil

  private constructor(options: ChainOptions, anvil: Anvil) {
    this.#options = options
    this.#anvil = anvil
  }

  /** Loads the chain saved in the folder, or begins a new one. @throws {AnvilError} */
  static async open(options: ChainOptions): Promise<Chain> {
    await mkdir(options.folder, { recursive: true })
    return new Chain(options, await startSaved(options, 0))
  }

  get rpcUrl(): string {
    return this.#anvil.url
  }

  /** The process id of anvil. */
  get pid(): number {
    return this.#anvil.pid
  }

  /**
   * A JSON-RPC request to anvil, by plain `fetch`: ethers takes seconds over the megabytes of a saved chain.
   * @throws {AnvilError} with what it answered instead.
   */
  async rpc(method: string, ...params: readonly unknown[]): Promise<unknown> {
    const remedy = 'The demo starts its node anew by itself.'
    let answer: { readonly result?: unknown; readonly error?: { readonly message: string } }
    try {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(this.#anvil.url, { method: 'POST', headers, body })
      answer = (await response.json()) as typeof answer // anvil's own answers, and its version is pinned
    } catch (cause) {
      throw new AnvilError(`The local chain does not answer ${method}`, remedy, { cause })
    }
    if (answer.error !== undefined) throw new AnvilError(`${method} failed: ${answer.error.message}`, remedy)
    return answer.result
  }

  /** The newest block. */
  async head(): Promise<MinedBlock> {
    return minedBlock(await this.rpc('eth_getBlockByNumber', 'latest', false))
  }

  /** What a contract answers to a call, as of the newest block. */
  async call(to: Address, data: string): Promise<string> {
    return String(await this.rpc('eth_call', { to, data }, 'latest'))
  }

  /** Signs the calls, each with its sender's next nonces. The keys are the demo's own, so the signatures are real. */
  async sign(calls: readonly Call[]): Promise<readonly Hex[]> {
    const nonces = new Map<Address, number>()
    const signed: Hex[] = []
    for (const { from, to, data, value, gas } of calls) {
      const nonce =
        nonces.get(from.address) ?? Number(await this.rpc('eth_getTransactionCount', from.address, 'pending'))
      nonces.set(from.address, nonce + 1)
      const transaction = Transaction.from({
        type: 2,
        chainId: demoChainId,
        to,
        data,
        value,
        nonce,
        gasLimit: gas,
        maxFeePerGas,
        maxPriorityFeePerGas: 0n,
      })
      transaction.signature = new SigningKey(from.key).sign(transaction.unsignedHash)
      signed.push(transaction.serialized as Hex) // ethers types it as string; it is always 0x and hex digits
    }
    return signed
  }

  /** Puts signed transactions into the pool, for the next block. Answers their hashes. */
  async send(transactions: readonly Hex[]): Promise<readonly Hash[]> {
    const hashes: Hash[] = []
    for (const signed of transactions) hashes.push(parseHash(await this.rpc('eth_sendRawTransaction', signed)))
    return hashes
  }

  /** Mines one block with the pool's transactions and these. */
  async mine({ timestamp, transactions }: BlockContents): Promise<MinedBlock> {
    await this.send(transactions)
    await this.rpc('evm_mine', timestamp)
    return this.head()
  }

  /**
   * Takes the newest `depth` blocks back; what is mined next is the new branch. With `anvil_rollback` and not
   * `anvil_reorg`: that one (1.7.1) gives all new blocks their parent's timestamp, which no real chain does, and makes
   * the branch no longer than the old one. Until the branch is mined a follower sees a shorter chain, as with a node
   * that is reorganising. At most {@link blocksInMemory} blocks, and none from before the last start.
   */
  async rollback(depth: number): Promise<MinedBlock> {
    await this.rpc('anvil_rollback', depth)
    return this.head()
  }

  /** Writes the chain to its file, as anvil packs it. */
  async save(): Promise<void> {
    const packed = String(await this.rpc('anvil_dumpState'))
    await writeWhole(join(this.#options.folder, stateName), Buffer.from(packed.slice(2), 'hex'))
  }

  /**
   * Starts anvil again on the same port from what was last saved: with a `save` before it, this gives back the memory
   * of old blocks; without, it is the way out when anvil died. For a moment nobody answers on the port.
   */
  async restart(): Promise<void> {
    const { port } = this.#anvil
    await this.stop()
    this.#anvil = await startSaved(this.#options, port)
  }

  /** Ends anvil. What was not saved is gone. */
  async stop(): Promise<void> {
    await this.#anvil.stop()
  }
}

const stateName = 'chain.json.gz'

/** How many blocks a loaded chain has: far more than any reorg or a follower's delay. */
const blocksKept = 256

async function startSaved(options: ChainOptions, port: number): Promise<Anvil> {
  const { folder, finalityDepth, genesisTime } = options
  const cacheFolder = join(folder, 'anvil')
  await rm(cacheFolder, { recursive: true, force: true }) // what a killed anvil left behind
  const anvil = { port, chainId: demoChainId, slotsInEpoch: finalityDepth / 2, cacheFolder }
  const saved = await readSaved(join(folder, stateName))
  if (saved === undefined) return startAnvil({ ...anvil, genesisTime })
  const stateFile = join(folder, 'chain.loading.json')
  await writeFile(stateFile, JSON.stringify(saved.state))
  try {
    return await startAnvil({ ...anvil, genesisTime: saved.genesisTime, stateFile })
  } finally {
    await rm(stateFile, { force: true })
  }
}

/** The saved chain with only its newest blocks; undefined if none was saved. */
async function readSaved(path: string): Promise<{ state: SavedState; genesisTime: number } | undefined> {
  let packed: Buffer
  try {
    packed = await readFile(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    const state = JSON.parse((await promisify(gunzip)(packed)).toString()) as SavedState
    const oldest = Number(state.best_block_number) - blocksKept
    // The genesis block stays: its hash is the chain's identity, and anvil counts its time from it.
    const genesis = state.blocks.filter(({ header }) => Number(header.number) === 0)
    const newest = state.blocks.filter(({ header }) => Number(header.number) > Math.max(0, oldest))
    const transactions = state.transactions.filter((transaction) => transaction.block_number > oldest)
    return {
      state: { ...state, blocks: [...genesis, ...newest], transactions },
      genesisTime: Number(genesis[0]?.header.timestamp ?? 0),
    }
  } catch (cause) {
    throw new AnvilError(
      `The saved demo chain ${path} cannot be read.`,
      'Remove the data folder to begin a new chain.',
      { cause },
    )
  }
}

/** The parts of anvil's state file (1.7.1) that are looked at; the rest is passed through. */
interface SavedState {
  readonly best_block_number: number | string
  readonly blocks: readonly { readonly header: { readonly number: string; readonly timestamp: string } }[]
  readonly transactions: readonly { readonly block_number: number }[]
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(`${path}.new`, 'w')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}

/** anvil's answers are its own and pinned by version; the hash is still parsed, for its brand. */
function minedBlock(answer: unknown): MinedBlock {
  const { number, hash, timestamp, transactions } = answer as Readonly<Record<string, unknown>>
  if (!Array.isArray(transactions))
    throw new AnvilError('anvil gave no block.', 'Report this with the version of anvil.')
  return {
    number: Number(number),
    hash: parseHash(hash),
    timestamp: Number(timestamp),
    transactions: transactions.map(parseHash),
  }
}
