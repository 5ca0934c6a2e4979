import type { Address, ChainTransaction, Finalized, PriceTick, Sealed, TokenInfo } from '@tocsin/chain-model'
import { watermarkAfter, type ChainFacts } from '../knowledge/chains.ts'
import { labelsOfChain, type ListedLabel } from '../knowledge/label-list.ts'
import { tokensOfChain, type ListedToken } from '../knowledge/token-list.ts'
import type { SourceBlock } from '../sources/source-block.ts'
import { decodeTransaction } from './decode-transaction.ts'
import { poolsCreatedBy, type PoolTokens } from './pool-tokens.ts'

/** A block decoded: its transactions and its seal, which lacks only its place in the ledger. */
export interface DecodedBlock {
  readonly transactions: readonly ChainTransaction[]
  /** What its events tell of prices, where that is asked for. */
  readonly prices?: readonly PriceTick[]
  readonly seal: Omit<Sealed, 'sequence'>
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
}

/**
 * Decodes the blocks of one chain in order; what it learns of pools from factories holds for the blocks after. Where the
 * chain branches off, {@link BlockDecoder.rewind} takes back what the lost branch taught.
 */
export interface BlockDecoder {
  decode(block: SourceBlock & { readonly timestamp: number }): DecodedBlock
  /** Forgets what was learned at this block and above: it was told of another branch, or of this block before. */
  rewind(number: number): void
  /** Tokens and pools that calls at the block decoded last have told. A failed call is not remembered as an answer. */
  learn(told: { readonly tokens?: readonly TokenInfo[]; readonly pools?: ReadonlyMap<Address, PoolTokens> }): void
  knowsToken(address: Address): boolean
  knowsPool(address: Address): boolean
}

/** Further back nothing is forgotten any more: finality is nearer on every chain. */
const maxRewindBlocks = 4_096

export function blockDecoder(chain: ChainFacts, knowledge: Knowledge): BlockDecoder {
  const listed = tokensOfChain(knowledge.tokens, chain.chainId)
  const labels = labelsOfChain(knowledge.labels, chain.chainId)
  const called = new Map<Address, TokenInfo>()
  const pools = new Map<Address, PoolTokens & { readonly proven: boolean }>()
  const token = (address: Address) => listed.get(address) ?? called.get(address)
  /** Oldest first. */
  const learned: { readonly number: number; readonly forget: () => void }[] = []
  let current = 0
  const remember = <T>(map: Map<Address, T>, address: Address, value: T): void => {
    const before = map.get(address)
    map.set(address, value)
    learned.push({
      number: current,
      forget: () => (before === undefined ? map.delete(address) : map.set(address, before)),
    })
    while ((learned[0]?.number ?? current) < current - maxRewindBlocks) learned.shift()
  }
  return {
    rewind(number) {
      while ((learned.at(-1)?.number ?? -1) >= number) learned.pop()?.forget()
    },
    decode(block) {
      current = block.number
      const { chainId, number, hash, parentHash, timestamp } = block
      const at = { number, hash, timestamp }
      const transactions = block.transactions.map((tx) => {
        const decoded = decodeTransaction(at, tx, { chainId, token, labels, pools, vouchers: chain.vouchers })
        for (const [pool, { token0, token1, factory }] of poolsCreatedBy(decoded.events)) {
          const proven = chain.factories.has(factory)
          // The first word counts: a later event may come from anyone who wants to rename a known pool.
          const known = pools.get(pool)
          if (known === undefined || (proven && !known.proven)) remember(pools, pool, { token0, token1, proven })
        }
        return decoded
      })
      return {
        transactions,
        seal: {
          type: 'sealed',
          chainId,
          block: { number, hash, timestamp, parentHash },
          transactions: transactions.length,
          events: transactions.reduce((sum, tx) => sum + tx.events.length, 0),
          watermark: watermarkAfter(chain, { number, timestamp }),
        },
      }
    },
    learn({ tokens = [], pools: told = new Map<Address, PoolTokens>() }) {
      for (const info of tokens) remember(called, info.address, info)
      for (const [pool, tokensOfPool] of told) remember(pools, pool, { ...tokensOfPool, proven: true })
    },
    knowsToken: (address) => token(address) !== undefined,
    knowsPool: (address) => pools.get(address)?.proven === true,
  }
}
