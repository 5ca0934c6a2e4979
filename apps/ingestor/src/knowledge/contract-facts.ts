import type { Address, Hash, Hex, TokenInfo } from '@tocsin/chain-model'
import type { DecodedBlock } from '../decode/decode-block.ts'
import { isPoolEvent, type PoolTokens } from '../decode/pool-tokens.ts'
import type { ChainSource } from '../sources/chain-source.ts'
import { tamedText } from './tamed-text.ts'

/** The contracts of a block of which calls could tell more: tokens with their decimals, pools with their tokens. */
export function contractsOf(block: DecodedBlock): {
  readonly tokens: readonly Address[]
  readonly pools: readonly Address[]
} {
  const tokens = new Set<Address>()
  const pools = new Set<Address>()
  for (const event of block.transactions.flatMap(({ events }) => events)) {
    if (event.type === 'erc20-transfer' || event.type === 'erc20-approval') tokens.add(event.address)
    if (isPoolEvent(event)) pools.add(event.address)
  }
  return { tokens: [...tokens], pools: [...pools] }
}

/** Calls a contract at the block and answers what it returns; null where it reverts or is no contract. */
type Call = (to: Address, data: Hex) => Promise<Hex | null>

const selectors = { decimals: '0x313ce567', symbol: '0x95d89b41', token0: '0x0dfe1681', token1: '0xd21220a7' } as const

/** Decimals and symbol as the contract says them; null where it gives no decimals: those are never guessed. */
export async function readToken(address: Address, call: Call): Promise<TokenInfo | null> {
  const decimals = wordOf(await call(address, selectors.decimals))
  if (decimals === null || decimals > 255n) return null
  const symbol = symbolOf(await call(address, selectors.symbol))
  return { address, symbol, decimals: Number(decimals), kind: 'other', recognised: false }
}

/** Both tokens of a Uniswap-like pool; null where it does not answer like one. */
export async function readPool(address: Address, call: Call): Promise<PoolTokens | null> {
  const [token0, token1] = await Promise.all([call(address, selectors.token0), call(address, selectors.token1)])
  const [first, second] = [addressOf(token0), addressOf(token1)]
  return first === null || second === null ? null : { token0: first, token1: second }
}

const wordOf = (answer: Hex | null): bigint | null => (answer?.length === 66 ? BigInt(answer) : null)

const addressOf = (answer: Hex | null): Address | null =>
  answer?.length === 66 && answer.startsWith(`0x${'0'.repeat(24)}`) ? (`0x${answer.slice(26)}` as Address) : null // 20 bytes of parsed hex

/** As many UTF-16 units as the model lets a symbol have. */
const maxSymbol = 32

/**
 * A symbol from `string` or, as early tokens have it, from `bytes32`. Tamed and cut at 32 characters; null where nothing is
 * left of it. Whatever it claims, it stays a stranger's word.
 */
export function symbolOf(answer: Hex | null): string | null {
  if (answer === null) return null
  const bytes = Buffer.from(answer.slice(2), 'hex')
  let text: Buffer
  if (bytes.length === 32) {
    const end = bytes.indexOf(0)
    text = bytes.subarray(0, end === -1 ? 32 : end)
  } else {
    if (bytes.length < 64 || BigInt(answer.slice(0, 66)) !== 32n) return null
    const length = BigInt(`0x${answer.slice(66, 130)}`)
    if (length > BigInt(bytes.length - 64)) return null
    text = bytes.subarray(64, 64 + Number(length))
  }
  return tamedText(text, maxSymbol)
}

/** What was learned of contracts, bounded; the oldest is forgotten first, and asked for again when it is needed. */
export interface ContractFacts {
  /**
   * Asks for the unknown ones among these, at the block, and answers what it has learned. Another block that is not above
   * the last one is of another branch: what had nothing to say there is asked again.
   */
  read(
    wanted: { readonly tokens: readonly Address[]; readonly pools: readonly Address[] },
    at: { readonly number: number; readonly blockHash: Hash },
    signal: AbortSignal,
  ): Promise<{ readonly tokens: readonly TokenInfo[]; readonly pools: ReadonlyMap<Address, PoolTokens> }>
}

export function contractFacts(
  source: ChainSource,
  limits: { readonly maxCallsInFlight: number; readonly maxRemembered: number },
): ContractFacts {
  /** Contracts that answered nothing useful, with the block: not asked again at each one. */
  const mute = new Map<Address, number>()
  let last: { readonly number: number; readonly blockHash: Hash } | undefined
  return {
    async read(wanted, { number, blockHash }, signal) {
      if (last !== undefined && number <= last.number && blockHash !== last.blockHash)
        for (const [address, at] of mute) if (at >= number) mute.delete(address)
      last = { number, blockHash }
      const tokens: TokenInfo[] = []
      const pools = new Map<Address, PoolTokens>()
      const asking = <Found>(
        ask: (call: Call) => Promise<Found | null>,
        address: Address,
        found: (it: Found) => void,
      ) =>
        async function askOne() {
          let answered = true
          const it = await ask(async (to, data) => {
            const answer = await source.call({ blockHash, to, data }, signal)
            if (answer === undefined) answered = false
            return answer ?? null
          })
          if (it !== null) found(it)
          // A node that dropped the state of this block will know it at a newer one.
          else if (answered) mute.set(address, number)
        }
      const jobs = [
        ...wanted.tokens
          .filter((address) => !mute.has(address))
          .map((address) =>
            asking(
              (call) => readToken(address, call),
              address,
              (token) => tokens.push(token),
            ),
          ),
        ...wanted.pools
          .filter((address) => !mute.has(address))
          .map((address) =>
            asking(
              (call) => readPool(address, call),
              address,
              (pool) => pools.set(address, pool),
            ),
          ),
      ]
      for (let at = 0; at < jobs.length; at += limits.maxCallsInFlight)
        await Promise.all(jobs.slice(at, at + limits.maxCallsInFlight).map((job) => job()))
      for (const address of mute.keys()) {
        if (mute.size <= limits.maxRemembered) break
        mute.delete(address)
      }
      return { tokens, pools }
    },
  }
}
