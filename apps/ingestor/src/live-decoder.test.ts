import { parseAddress, parseHash, type Address, type Hash, type Hex, type ProxyInfo } from '@tocsin/chain-model'
import { seededRandom } from '@tocsin/stream-core/testing'
import { id } from 'ethers'
import { describe, expect, test } from 'vitest'
import { parseAbiEntry } from './decode/abi.ts'
import type { FactHistory } from './decode/contract-fact.ts'
import { proxySlots } from './knowledge/read-proxy.ts'
import { RpcEndpoint } from './rpc/rpc-endpoint.ts'
import { jsonRpcSource } from './sources/json-rpc-source.ts'
import { pooledSource } from './sources/pooled-source.ts'
import { scriptedSource } from './sources/scripted-source.ts'
import type { TimedBlock } from './sources/recording-source.ts'
import type { BlockHeader } from './sources/source-block.ts'
import { SimulatedChain } from './testing/simulated-chain.ts'
import { honest, SimulatedNode, type Abilities } from './testing/simulated-node.ts'
import { inVirtualTime, virtualClock } from './testing/virtual-clock.ts'
import { EndpointAnswerError, WrongChainError } from './verify/endpoint-answer-error.ts'
import { liveDecoder } from './live-decoder.ts'

const chainId = 31337
const token = parseAddress(`0x${'1'.repeat(40)}`)
const word = (value: number): Hex => `0x${value.toString(16).padStart(64, '0')}`
const transfer = parseHash('0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef')
const { signal } = new AbortController()

/** A block of one transaction, which has only these logs. */
const blockOf = (header: BlockHeader, ...logs: TimedBlock['transactions'][number]['logs'] & object): TimedBlock => ({
  ...header,
  chainId,
  transactions: [{ hash: header.hash, index: 0, envelope: null, outcome: null, frames: null, logs }],
})
const transfers = { logIndex: 0, address: token, topics: [transfer, parseHash(word(1)), parseHash(word(2))] }
const withTransfer = (header: BlockHeader) => blockOf(header, { ...transfers, data: word(5) })
const noKnowledge = { tokens: [], labels: [], abis: [] }

const vault = parseAddress(`0x${'c0de'.repeat(10)}`)
const proxy = parseAddress(`0x${'d0'.repeat(20)}`)
const noted = 'event Noted(uint256 amount)'
const entries = [noted, 'function note(uint256 amount)'].map(parseAbiEntry)
const events = entries.filter((entry) => entry?.type === 'event')
const functions = entries.filter((entry) => entry?.type === 'function')
/** Only the vault has an ABI. */
const ofVault = { ...noKnowledge, abis: [{ name: 'Vault', address: vault, chainId: null, events, functions }] }
const notes = (header: BlockHeader, ...of: readonly Address[]) =>
  blockOf(
    header,
    ...of.map((address, logIndex) => ({
      ...{ logIndex, address, topics: [parseHash(id('Noted(uint256)'))], data: word(5) },
    })),
  )

describe('liveDecoder', () => {
  test('behavior: what a token said on a branch that was reverted is forgotten with it', async () => {
    const source = scriptedSource({ chainId })
    const [first, second] = [source.mine(), source.mine()]
    source.reorg(2, 2)
    const [other = first] = source.canonical.slice(1)
    const decimalsAt = new Map<Hash, number>([
      [first.hash, 6],
      [other.hash, 18],
    ])
    const asked: Hash[] = []
    const { decode } = liveDecoder(
      {
        ...source,
        call: async ({ blockHash, data }) => {
          if (data !== '0x313ce567') return null
          asked.push(blockHash)
          return word(decimalsAt.get(blockHash) ?? 0)
        },
      },
      noKnowledge,
    )
    const decimals = async (header: typeof first) =>
      (await decode(withTransfer(header), signal)).transactions[0]?.tokens.map((known) => known.decimals)
    expect(await decimals(first)).toEqual([6])
    expect(await decimals(second)).toEqual([6])
    expect(await decimals(other)).toEqual([18])
    expect(asked).toEqual([first.hash, other.hash])
  })

  test('behavior: whose code a proxy runs is asked once, taken back by a reorg, and brought back by a restart', async () => {
    const source = scriptedSource({ chainId })
    const [first, second] = [source.mine(), source.mine()]
    source.reorg(2, 2)
    const [other = first, after = second] = source.canonical.slice(1)
    const strange = parseAddress(`0x${'77'.repeat(20)}`)
    const runsAt = new Map<Hash, Address>([
      [first.hash, vault],
      [other.hash, strange],
    ])
    const asked: Hash[] = []
    const start = (kept: readonly FactHistory[]) => {
      const decoder = liveDecoder(
        {
          ...source,
          code: async () => '0x6001',
          storage: async ({ blockHash, slot }) => {
            if (slot !== proxySlots.implementation) return word(0)
            asked.push(blockHash)
            return `0x${(runsAt.get(blockHash) ?? token).slice(2).padStart(64, '0')}`
          },
        },
        ofVault,
      )
      decoder.learned.restore(kept)
      return decoder
    }
    const decoder = start([])
    const told = async (from: typeof decoder, header: BlockHeader) => {
      const [tx] = (await from.decode(notes(header, proxy), signal)).transactions
      return [tx?.events.map(({ type }) => type), tx?.proxies?.map(({ implementations }) => implementations)]
    }
    expect(await told(decoder, first)).toEqual([['contract-event'], [[vault]]])
    expect(await told(decoder, second)).toEqual([['contract-event'], [[vault]]])
    expect(asked).toEqual([first.hash])
    const kept = decoder.learned.histories()
    const pending = {
      ...{ from: token, to: proxy, value: 0n },
      input: `${id('note(uint256)').slice(0, 10)}${word(7).slice(2)}` as Hex, // of ethers' hash and our word
    }
    const wanted = (from: typeof decoder) => from.callsOf(pending).map(({ type }) => type)
    expect([wanted(start([])), wanted(decoder)]).toEqual([[], ['contract-call']])

    const restarted = start(kept)
    expect(await told(restarted, second)).toEqual([['contract-event'], [[vault]]])
    expect(asked, 'a restart asks nothing again').toEqual([first.hash])

    for (const each of [decoder, restarted]) {
      expect(await told(each, other)).toEqual([['log'], [[strange]]])
      expect(await told(each, after)).toEqual([['log'], [[strange]]])
    }
    expect(asked, 'the other branch is asked at its own block').toEqual([first.hash, other.hash, other.hash])
  })

  test('behavior: contracts that cannot be asked are tried five times, and then the block comes without; once they answer all is as before', async () => {
    const source = scriptedSource({ chainId })
    const wrong = new EndpointAnswerError({ endpoint: 'node', block: 'latest', field: 'eth_call', reason: 'told so' })
    let answer: Hex | Error = wrong
    const notices: string[] = []
    const { decode } = liveDecoder(
      {
        ...source,
        call: async () => {
          if (answer instanceof Error) throw answer
          return answer
        },
      },
      noKnowledge,
      (message) => notices.push(message),
    )
    const decimals = async (header: BlockHeader) =>
      (await decode(withTransfer(header), signal)).transactions[0]?.tokens.map((known) => known.decimals)
    const [first, second, third] = [source.mine(), source.mine(), source.mine()]
    for (let time = 1; time < 5; time++) await expect(decimals(first)).rejects.toBe(wrong)
    expect(await decimals(first)).toEqual([])
    expect(await decimals(second), 'the next blocks do not wait').toEqual([])
    expect(notices).toEqual([
      'some contracts that block 1 names cannot be asked, and stay unknown: node, block latest, eth_call: told so.',
    ])
    answer = word(6)
    expect(await decimals(third)).toEqual([6])
  })

  test('error: of a node of another chain nothing is left unknown: it is no answer at all', async () => {
    const source = scriptedSource({ chainId })
    const other = new WrongChainError({ endpoint: 'node', expected: chainId, found: 1 })
    const { decode } = liveDecoder({ ...source, call: () => Promise.reject(other) }, noKnowledge)
    const block = withTransfer(source.mine())
    for (let time = 0; time < 7; time++) await expect(decode(block, signal)).rejects.toBe(other)
  })

  /** Blocks that name proxies, decoded over such nodes, each asked for until it comes. @returns what was told of each proxy */
  async function runStorm(seed: number, states: readonly Abilities['state'][], chances: number) {
    const random = seededRandom(seed)
    const { clock, time } = virtualClock()
    const chain = new SimulatedChain({ chainId, realHashes: false, random })
    const headers = [chain.first.header]
    for (let left = 12; left > 0; left--) headers.push(chain.mine(headers.at(-1) ?? chain.first.header, 12_000).header)
    const canonical = headers.map(({ hash }) => hash)
    const met = new Map<string, number>()
    const sources = states.map((state, at) => {
      const abilities = {
        ...({
          receipts: 'block',
          traces: 'none',
          finalizedTag: false,
          maxBatch: 5,
          headsPushed: false,
          state,
        } as const),
      }
      const node = new SimulatedNode({ chain, abilities, random, clock, views: () => [{ canonical, finalized: 0 }] })
      const each = { lie: chances, error: chances, nothing: chances, hang: chances / 4, truncated: chances }
      node.manners = { ...honest, ...each, drop: chances, down: chances, limited: chances / 4 }
      const endpoint = new RpcEndpoint({
        ...{ name: `node ${at + 1}`, transport: node.transport(), requestTimeoutMs: 2_000, clock },
        observe: {
          called: () => {},
          scored: () => {},
          refuted: (_, field) => met.set(field, (met.get(field) ?? 0) + 1),
        },
      })
      return jsonRpcSource({ endpoint, chainId, finalizedTag: false, traces: 'none', verifyHashes: false })
    })
    const [first = sources[0], ...others] = sources
    if (first === undefined) throw new Error('assertion: there is a node')
    const pool = pooledSource({ chainId, sources: [first, ...others], clock })
    const notices: string[] = []
    const { decode } = liveDecoder(pool, ofVault, (message) => notices.push(message))
    const contracts = (number: number) =>
      [1, 2, 3].map((which) => parseAddress(`0x${(number * 2 + which).toString(16).padStart(40, 'a')}`))
    let mostTries = 0
    const work = async () => {
      const told: ProxyInfo[] = []
      for (const header of headers.slice(1)) {
        for (let tries = 1; ; tries++) {
          mostTries = Math.max(mostTries, tries)
          try {
            const { transactions } = await decode(notes(header, ...contracts(header.number)), signal)
            told.push(...transactions.flatMap(({ proxies = [] }) => proxies))
            break
          } catch (error) {
            expect(error).toMatchObject({ handling: 'retry' })
            await clock.wait(200 * tries, signal)
          }
        }
      }
      return told
    }
    const told = await inVirtualTime(time, work())
    const truth = new Map(
      headers
        .slice(1)
        .flatMap(({ number }) => contracts(number))
        .map((of) => [of, chain.codeRunBy(of)]),
    )
    return { told, truth, met, notices, mostTries }
  }

  test('property: whatever nodes do wrong, no block waits for what contracts would tell, and what is told of them is true or unknown', async () => {
    const met = new Map<string, number>()
    let [known, unknown] = [0, 0]
    for (let seed = 1; seed <= 24; seed++) {
      const storm = await runStorm(seed, seed % 2 === 0 ? ['all'] : ['broken', 'all'], [0.01, 0.03, 0.1][seed % 3] ?? 0)
      for (const { address, implementations } of storm.told) {
        if (implementations === null) unknown++
        else {
          known++
          expect([seed, address, implementations]).toEqual([seed, address, [storm.truth.get(address)?.code]])
        }
      }
      expect([seed, storm.mostTries <= 5]).toEqual([seed, true])
      for (const [field, times] of storm.met) met.set(field, (met.get(field) ?? 0) + times)
    }
    // Else the law was not put to the test.
    for (const field of ['eth_getStorageAt', 'eth_getCode'])
      expect([field, (met.get(field) ?? 0) > 20]).toEqual([field, true])
    expect([known, unknown].map((told) => told > 50)).toEqual([true, true])
  }, 120_000)

  test.each(['pruned', 'broken', 'none'] as const)(
    'behavior: on a node whose state is %s all of it is unknown, and every block comes',
    async (state) => {
      const { told, mostTries } = await runStorm(1, [state], 0)
      expect(new Set(told.map(({ implementations }) => implementations))).toEqual(new Set([null]))
      expect(told).toHaveLength(36)
      expect(mostTries).toBe(state === 'broken' ? 5 : 1)
    },
  )

  test('default: on a node that has all state whose code proxies run is known of each', async () => {
    const { told, truth, notices, mostTries } = await runStorm(1, ['none', 'all'], 0)
    const proxies = [...truth].filter(([, runs]) => runs !== null)
    const of = new Map(told.map(({ address, implementations }) => [address, implementations]))
    expect(of).toEqual(new Map(proxies.map(([address, runs]) => [address, [runs?.code]])))
    expect([notices, mostTries]).toEqual([[], 1])
  })
})
