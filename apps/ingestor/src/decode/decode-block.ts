import type { Address, ChainTransaction, Finalized, PriceTick, Sealed, TokenInfo } from '@tocsin/chain-model'
import { watermarkAfter, type ChainFacts } from '../knowledge/chains.ts'
import { labelsOfChain, type ListedLabel } from '../knowledge/label-list.ts'
import { tokensOfChain, type ListedToken } from '../knowledge/token-list.ts'
import type { SourceBlock, SourceTransaction } from '../sources/source-block.ts'
import { abiRegistry, type AbiRegistry, type ListedAbi } from './abi-registry.ts'
import { TaughtFacts, type FactKey, type FactLookup, type TaughtFact } from './contract-fact.ts'
import { undecodedAs } from './decode-log.ts'
import { codesRunIn } from './execution.ts'
import { decodeTransaction, type DecodeContext } from './decode-transaction.ts'
import { LearnedFacts, supersedes } from './learned-facts.ts'
import { poolsCreatedBy } from './pool-tokens.ts'
import { lookedUpCodes, proxiesAmong, teachProxies, type LookedUpCodes } from './proxy-code.ts'

/** A block decoded: its transactions and its seal, which lacks only its place in the ledger. */
export interface DecodedBlock {
  readonly transactions: readonly ChainTransaction[]
  /** What its events tell of prices, where that is asked for. */
  readonly prices?: readonly PriceTick[]
  readonly seal: Omit<Sealed, 'sequence'>
  /** Logs that claim to be an event and do not decode as it, by the event's name. They are there raw. */
  readonly undecoded: Readonly<Record<string, number>>
}

export const finalizedRecord = ({ chainId, block: { number, hash, timestamp } }: DecodedBlock['seal']): Finalized => ({
  type: 'finalized',
  chainId,
  block: { number, hash, timestamp },
})

/** The lists that users and the package bring, for all chains. */
export interface Knowledge {
  readonly tokens: readonly ListedToken[]
  readonly labels: readonly ListedLabel[]
  readonly abis: readonly ListedAbi[]
}

/** What a block is decoded with, apart from itself. */
export interface BlockContext {
  readonly chain: ChainFacts
  readonly token: (address: Address) => TokenInfo | undefined
  readonly labels: DecodeContext['labels']
  /** As it was before the block. */
  readonly facts: FactLookup
  readonly abis: AbiRegistry | null
}

/** The lists as a block's context has them. */
export function listedContext(chain: ChainFacts, knowledge: Knowledge, learned: FactLookup): BlockContext {
  const listed = tokensOfChain(knowledge.tokens, chain.chainId)
  return {
    chain,
    token: (address) => listed.get(address) ?? learned.get('token', address),
    labels: labelsOfChain(knowledge.labels, chain.chainId),
    facts: learned,
    abis: knowledge.abis.length === 0 ? null : abiRegistry(knowledge.abis, chain.chainId),
  }
}

/**
 * A block decoded, and what it tells of contracts itself, which counts from its next transaction on. Pure: the same block
 * and context give the same result, in whatever order blocks are decoded, and in whatever thread.
 */
export function decodeBlock(
  block: SourceBlock & { readonly timestamp: number },
  { chain, token, labels, facts: before, abis }: BlockContext,
): { readonly decoded: DecodedBlock; readonly taught: readonly TaughtFact[] } {
  const { chainId, number, hash, parentHash, timestamp } = block
  const at = { number, hash, timestamp }
  const facts = new TaughtFacts(before)
  const pools = { get: (pool: FactKey) => facts.get('pool', pool) }
  const { factories, vouchers } = chain
  const about = { chainId, token, labels, pools, factories, vouchers }
  const undecoded: Record<string, number> = {}
  const transactions = block.transactions.map((tx) => {
    let codes = codesIn(tx, facts)
    let running = abis?.running(codes.codesOf) ?? null
    let decoded = decodeTransaction(at, tx, { ...about, abis: running })
    const isTaught = teachProxies(decoded.events, facts, abis === null ? null : (code) => abis.explains(code))
    if (abis !== null && isTaught) {
      // What a proxy emits while it is upgraded is of the code before or after.
      codes = codesIn(tx, before, facts)
      running = abis.running(codes.codesOf)
      decoded = decodeTransaction(at, tx, { ...about, abis: running })
    }
    for (const event of decoded.events) {
      const name = undecodedAs(event, running)
      if (name !== null) undecoded[name] = (undecoded[name] ?? 0) + 1
    }
    for (const [address, { token0, token1, factory }] of poolsCreatedBy(decoded.events)) {
      const isListed = factory !== null && factories.has(factory)
      const fresh = { token0, token1, proven: factory === null || isListed, ...(isListed ? { factory } : {}) }
      if (supersedes(fresh, pools.get(address))) facts.teach('pool', address, fresh)
    }
    const proxies = proxiesAmong(codes.contracts, facts)
    return proxies.length === 0 ? decoded : { ...decoded, proxies }
  })
  const decoded: DecodedBlock = {
    transactions,
    seal: {
      type: 'sealed',
      chainId,
      block: { number, hash, timestamp, parentHash },
      transactions: transactions.length,
      events: transactions.reduce((sum, tx) => sum + tx.events.length, 0),
      watermark: watermarkAfter(chain, { number, timestamp }),
    },
    undecoded,
  }
  return { decoded, taught: facts.all }
}

/** The codes that contracts ran in the transaction, as its frames tell; those known, where it has none. */
const codesIn = ({ frames }: SourceTransaction, ...known: readonly FactLookup[]): LookedUpCodes =>
  frames === null ? lookedUpCodes(...known) : { codesOf: codesRunIn(frames), contracts: new Set() }

/** Decodes the blocks of one chain in order; what it learns of pools and proxies holds for the blocks after. */
export function blockDecoder(
  chain: ChainFacts,
  knowledge: Knowledge,
  learned: LearnedFacts = new LearnedFacts(),
): { decode(block: SourceBlock & { readonly timestamp: number }): DecodedBlock } {
  const context = listedContext(chain, knowledge, learned)
  return {
    decode(block) {
      const { decoded, taught } = decodeBlock(block, context)
      learned.adopt(block.number, taught)
      learned.written() // nobody keeps it: a recording is decoded from its beginning
      return decoded
    },
  }
}
