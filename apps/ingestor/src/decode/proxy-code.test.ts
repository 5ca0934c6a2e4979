import { parseAddress, parseHash, type Address, type Hex } from '@tocsin/chain-model'
import { Interface, id } from 'ethers'
import { describe, expect, test } from 'vitest'
import { chainFacts } from '../knowledge/chains.ts'
import type { SourceFrame, SourceLog } from '../sources/source-block.ts'
import { parseAbiEntry } from './abi.ts'
import { blockDecoder } from './decode-block.ts'
import { LearnedFacts } from './learned-facts.ts'

const [proxy, vault, other, beacon, strange] = ['01', '02', '03', '04', '05'].map((digits) =>
  parseAddress(`0x${digits.repeat(20)}`),
) as [Address, Address, Address, Address, Address]

/** A log as ethers encodes it. */
function logOf(address: Address, event: string, ...values: readonly unknown[]): Omit<SourceLog, 'logIndex'> {
  const { topics, data } = new Interface([event]).encodeEventLog(event.replace(/^event (\w+).*/, '$1'), values)
  return { address, topics: topics.map(parseHash), data: data as Hex } // ethers names hex `string`
}
const upgraded = (of: Address, to: Address) => logOf(of, 'event Upgraded(address indexed implementation)', to)
const upgradedOfOld = (of: Address, to: Address) => logOf(of, 'event Upgraded(address implementation)', to)
const asks = (of: Address, whom: Address) => logOf(of, 'event BeaconUpgraded(address indexed beacon)', whom)
const cut = (of: Address, facet: Address, action: number) =>
  logOf(
    of,
    'event DiamondCut((address facet, uint8 action, bytes4[] selectors)[] cuts, address init, bytes data)',
    ...[[{ facet, action, selectors: ['0x12345678'] }], strange, '0x'],
  )
const [deposit, withdraw] = ['event Deposit(uint256 amount)', 'event Withdraw(uint256 shares)'] as const
const deposits = logOf(proxy, deposit, 5n)
const withdraws = logOf(proxy, withdraw, 5n)

/** A chain of one transaction a block; only `vault` and `other` have ABIs. Tells which ABI explained each log. */
function chain(ofOther: readonly object[] = []) {
  const learned = new LearnedFacts()
  const abiOf = (name: string, address: Address, ...events: readonly (string | object)[]) => ({
    ...{ name, address, chainId: null, functions: [] },
    events: events.map(parseAbiEntry).filter((entry) => entry?.type === 'event'),
  })
  const abis = [abiOf('Vault', vault, deposit), abiOf('Other', other, withdraw, ...ofOther)]
  const decoder = blockDecoder(chainFacts(31337), { tokens: [], labels: [], abis }, learned)
  let number = 0
  const decoded = (logs: readonly Omit<SourceLog, 'logIndex'>[], frames: readonly SourceFrame[] | null = null) => {
    const hash = parseHash(id(`block ${++number}`))
    const { transactions } = decoder.decode({
      ...{ chainId: 31337, number, hash, parentHash: null, timestamp: number * 1000 },
      transactions: [
        {
          ...{ hash: parseHash(id(`transaction ${number}`)), index: 0, envelope: null, outcome: null, frames },
          logs: logs.map((log, logIndex) => ({ logIndex, ...log })),
        },
      ],
    })
    return transactions[0]
  }
  return {
    learned,
    rewind: (to: number) => {
      learned.rewind(to)
      number = to - 1
    },
    block: (...made: Parameters<typeof decoded>) =>
      decoded(...made)?.events.map((event) => (event.type === 'contract-event' ? event.abi : event.type)),
    proxies: (...made: Parameters<typeof decoded>) => decoded(...made)?.proxies,
  }
}

describe('the code of a proxy', () => {
  test.each([
    ['ERC-1967', upgraded],
    ['ZeppelinOS', upgradedOfOld],
  ])(
    'default: an upgrade of %s tells whose ABI explains its logs from then on; a reorg takes it back',
    (_, upgrade) => {
      const { block, rewind, learned } = chain()
      expect(block([deposits])).toEqual(['log'])
      expect(block([upgrade(proxy, vault)])).toEqual(['proxy-upgraded'])
      expect(block([deposits, withdraws])).toEqual(['Vault', 'log'])
      block([upgrade(proxy, other)])
      expect(block([deposits, withdraws])).toEqual(['log', 'Other'])
      rewind(4)
      expect(block([deposits, withdraws])).toEqual(['Vault', 'log'])
      rewind(2)
      expect(block([deposits])).toEqual(['log'])
      expect(learned.size).toBe(0)
    },
  )

  test('behavior: what it emits in the transaction of its upgrade is of the code before or after', () => {
    const { block } = chain()
    expect(block([upgraded(proxy, vault), deposits])).toEqual(['proxy-upgraded', 'Vault'])
    expect(block([deposits, upgraded(proxy, other), withdraws])).toEqual(['Vault', 'proxy-upgraded', 'Other'])
  })

  test('behavior: a beacon upgrades all that ask it', () => {
    const { block } = chain()
    block([asks(proxy, beacon)])
    expect(block([deposits])).toEqual(['log'])
    block([upgraded(beacon, vault)])
    expect(block([deposits])).toEqual(['Vault'])
    block([upgraded(beacon, strange)])
    expect(block([deposits])).toEqual(['log'])
  })

  test('behavior: a diamond has the ABIs of all its facets', () => {
    const { block } = chain()
    block([cut(proxy, vault, 0)])
    block([cut(proxy, other, 0), cut(proxy, strange, 1)])
    expect(block([deposits, withdraws])).toEqual(['Vault', 'Other'])
  })

  test('behavior: of the proxies of a chain only those are learned that an ABI could explain', () => {
    const { block, learned } = chain()
    block([upgraded(strange, strange), cut(strange, strange, 0)])
    expect(learned.size).toBe(0)
    block([upgraded(proxy, vault)])
    block([upgraded(proxy, strange)])
    expect(block([deposits])).toEqual(['log'])
  })

  test('behavior: a transaction names whose code it depended on: what is known, and what to ask; not for an anonymous event that any log may be', () => {
    const { proxies } = chain([
      { type: 'event', name: 'Odd', inputs: [{ name: 'a', type: 'uint256' }], anonymous: true },
    ])
    const unknown = { implementations: null, beacon: null, admin: null }
    expect(proxies([deposits, withdraws])).toEqual([{ address: proxy, ...unknown }])
    expect(proxies([asks(proxy, beacon), deposits])).toEqual([{ address: proxy, ...unknown, beacon }])
    expect(proxies([upgraded(proxy, strange), deposits])).toEqual([
      { address: proxy, ...unknown, implementations: [strange] },
    ])
    expect(proxies([logOf(strange, 'event Unheard(uint256 of)', 5n)])).toBeUndefined()
    const calls: SourceFrame[] = [
      {
        ...{ traceAddress: [], type: 'call', from: strange, to: proxy, value: 0n },
        selector: '0x',
        error: null,
        input: '0x',
      },
    ]
    expect(proxies([deposits], calls), 'frames tell it themselves').toBeUndefined()
  })

  test('behavior: where frames tell what was run, that counts', () => {
    const { block } = chain()
    block([upgraded(proxy, vault)])
    const frame = (traceAddress: number[], type: 'call' | 'delegatecall', from: Address, to: Address): SourceFrame => ({
      ...{ traceAddress, type, from, to, value: 0n, selector: '0x', error: null, input: '0x' },
    })
    const frames = [frame([], 'call', strange, proxy), frame([0], 'delegatecall', proxy, other)]
    expect(block([deposits, withdraws], frames)).toEqual(['log', 'Other'])
  })
})
