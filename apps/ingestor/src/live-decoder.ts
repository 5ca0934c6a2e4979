import type { ChainCall, Hash } from '@tocsin/chain-model'
import { maxCallsInFlight, maxLearnedFacts } from './config.ts'
import type { TaughtFact } from './decode/contract-fact.ts'
import { callsOfEnvelope } from './decode/decode-calls.ts'
import { decodeBlock, listedContext, type DecodedBlock, type Knowledge } from './decode/decode-block.ts'
import { codesKnown } from './decode/proxy-code.ts'
import { LearnedFacts } from './decode/learned-facts.ts'
import { chainFacts } from './knowledge/chains.ts'
import { contractsOf, readContracts, type Contracts, type ToldFacts } from './knowledge/contract-facts.ts'
import type { ChainSource } from './sources/chain-source.ts'
import type { TimedBlock } from './sources/recording-source.ts'
import { WrongChainError } from './verify/endpoint-answer-error.ts'

/** What decoding a block came to, in this thread or in another: what must be known of it to go on. */
export interface Decoding {
  /** What it tells of contracts itself. */
  readonly taught: readonly TaughtFact[]
  /** The contracts of which their state could tell more: see {@link contractsOf}. */
  readonly named: Contracts
}

/** Decodes the blocks of a live chain, in its order, and asks contracts that it does not know at the block that names them. */
export interface LiveDecoder {
  readonly learned: LearnedFacts
  /** The calls that a pending transaction wants to make, by what is known of contracts now. */
  readonly callsOf: (pending: Parameters<typeof callsOfEnvelope>[0]) => readonly ChainCall[]
  readonly decode: (block: TimedBlock, signal: AbortSignal) => Promise<DecodedBlock>
  /**
   * The same for a block that is decoded elsewhere: `decode` is called again when more is known. What it answers must
   * be what {@link decodeBlock} gives with all that is learned at that moment.
   */
  readonly settle: <D extends Decoding>(
    at: { readonly number: number; readonly hash: Hash | null },
    decode: () => D | Promise<D>,
    signal: AbortSignal,
  ) => Promise<D>
}

/**
 * When asking contracts has failed so many times in a row, what could not be had stays unknown: rather that than no block.
 * It is asked again at the next block that names them.
 */
const maxTries = 5

/** `onNotice` is told when what contracts would tell is left unknown, until they answer again. */
export function liveDecoder(
  source: Pick<ChainSource, 'chainId' | 'call' | 'storage' | 'code'>,
  knowledge: Knowledge,
  onNotice: (message: string) => void = () => {},
): LiveDecoder {
  const learned = new LearnedFacts(maxLearnedFacts)
  const chain = chainFacts(source.chainId)
  const context = listedContext(chain, knowledge, learned)
  /** In a row, and of the last of them whether it is told. */
  let failures = 0
  let isTold = false

  function tried(number: number, failure: Error | undefined): void {
    if (failure === undefined) {
      failures = 0
      isTold = false
    } else if (failures + 1 < maxTries) failures++
    else if (!isTold) {
      isTold = true
      onNotice(`some contracts that block ${number} names cannot be asked, and stay unknown: ${failure.message}`)
    }
  }

  /** @throws what asking throws, until that has happened so often that each answer which cannot be had is left unknown. */
  async function ask(wanted: Contracts, at: { number: number; hash: Hash }, signal: AbortSignal): Promise<ToldFacts> {
    let failure: Error | undefined
    const orUnknown = <Answer>(asked: Promise<Answer>): Promise<Answer | undefined> =>
      asked.catch((error: Error) => {
        failure ??= error
        if (signal.aborted || failures + 1 < maxTries || !mayBeUnknown(error)) throw error
        return undefined
      })
    try {
      return await readContracts(
        wanted,
        {
          source: {
            call: (...asked) => orUnknown(source.call(...asked)),
            storage: (...asked) => orUnknown(source.storage(...asked)),
            code: (...asked) => orUnknown(source.code(...asked)),
          },
          ...{ blockHash: at.hash, factories: chain.factories, maxCallsInFlight },
        },
        signal,
      )
    } finally {
      if (!signal.aborted) tried(at.number, failure)
    }
  }

  async function settle<D extends Decoding>(
    { number, hash }: { readonly number: number; readonly hash: Hash | null },
    decode: () => D | Promise<D>,
    signal: AbortSignal,
  ): Promise<D> {
    learned.rewind(number)
    let decoding = await decode()
    learned.adopt(number, decoding.taught)
    if (hash === null) return decoding
    // Twice at most: the first round may name tokens of pools that only then are known.
    for (let round = 0; round < 2; round++) {
      const { tokens, pools, proxies } = decoding.named
      const wanted = {
        tokens: tokens.filter((each) => context.token(each) === undefined && !learned.get('no-token', each)),
        pools: pools.filter(
          (each) => context.facts.get('pool', each)?.proven !== true && !learned.get('no-pool', each),
        ),
        proxies: proxies.filter((each) => codesKnown(each, context.facts) === undefined),
      }
      if (Object.values(wanted).every((contracts) => contracts.length === 0)) break
      const told = await ask(wanted, { number, hash }, signal)
      for (const each of told.mute.tokens) learned.learn(number, 'no-token', each, true)
      for (const each of told.mute.pools) learned.learn(number, 'no-pool', each, true)
      for (const info of told.tokens) learned.learn(number, 'token', info.address, info)
      for (const [pool, sides] of told.pools) learned.learn(number, 'pool', pool, { ...sides, proven: true })
      for (const [contract, code] of told.proxies) learned.learn(number, 'proxy', contract, code)
      if (told.tokens.length === 0 && told.pools.size === 0 && told.proxies.size === 0) break
      decoding = await decode()
      learned.adopt(number, decoding.taught)
    }
    return decoding
  }

  const abis = context.abis?.running((contract) => codesKnown(contract, learned) ?? []) ?? null
  return {
    learned,
    callsOf: (pending) => callsOfEnvelope(pending, abis),
    settle,
    async decode(block, signal) {
      const { decoded } = await settle(
        block,
        () => {
          const { decoded: result, taught } = decodeBlock(block, context)
          return { decoded: result, taught, named: contractsOf(result) }
        },
        signal,
      )
      return decoded
    },
  }
}

/** Of a node of another chain nothing is taken, and a fault of ours stays one. */
const mayBeUnknown = (error: Error): boolean =>
  'handling' in error && error.handling === 'retry' && !(error instanceof WrongChainError)
