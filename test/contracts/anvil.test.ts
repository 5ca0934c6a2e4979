import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  parseAddress,
  transactionsCodec,
  transactionsTopic,
  type Address,
  type ChainTransaction,
  type Hex,
} from '@tocsin/chain-model'
import { openTestChain, type TestChain } from '@tocsin/demo'
import type { EventLog } from '@tocsin/event-log'
import { afterEach, expect, test } from 'vitest'
import { until } from '../bad-input/expectations.ts'
import { followTestChain, recordsOf } from '../followed-chain.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** As the demo finds them, which has the package. */
const fromDemo = createRequire(new URL('../../demo/src/contracts.ts', import.meta.url))

/** Creation code of OpenZeppelin's contracts as published on npm. */
async function codeOf(name: string): Promise<Hex> {
  const path = fromDemo.resolve(`@openzeppelin/contracts/build/contracts/${name}.json`)
  return (JSON.parse(await readFile(path, 'utf8')) as { readonly bytecode: Hex }).bytecode
}

const word = (value: Address | bigint): string =>
  (typeof value === 'bigint' ? value.toString(16) : value.slice(2)).padStart(64, '0')

/** A minimal proxy's creation code, byte for byte what OpenZeppelin's Clones has. Source: EIP-1167. */
const cloning = (of: Address): Hex =>
  `0x3d602d80600a3d3981f3363d3d373d3d3d363d73${of.slice(2)}5af43d82803e903d91602b57fd5bf3`

/** Keccak-256 of `Noted(uint256)` and `Booked(uint256)`. */
const topics = {
  Noted: '2a4c0836f0899d4ca8a13ae15d769f0d0d3bdf2401c0afde8a60c80070b912fb',
  Booked: '14ff8756fe8fd210f0770ea0ee3d1280d24ff2d70afa3f23464c87194dd2767b',
} as const

/** Creation code of a contract that logs the first word of its call data as this event. */
function logging(event: keyof typeof topics): Hex {
  const code = `6000356000527f${topics[event]}60206000a100`
  return `0x60${(code.length / 2).toString(16)}8060093d393df3${code}`
}

async function openChain(): Promise<{ readonly chain: TestChain; readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-contracts-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
  const chain = await openTestChain({ folder: join(folder, 'chain'), wallets: ['ann'] })
  closing.push(() => chain.stop())
  return { chain, folder }
}

/** Deploys each by itself. @returns their addresses */
async function deploy(chain: TestChain, ...codes: readonly Hex[]): Promise<readonly Address[]> {
  const from = chain.account('ann')
  const calls = codes.map((data) => ({ from, to: null, data, value: 0n, gas: 3_000_000n }))
  const { transactions } = await chain.mine({ calls })
  return Promise.all(
    transactions.map(async (hash) => {
      const receipt = (await chain.chain.rpc('eth_getTransactionReceipt', hash)) as Record<string, unknown>
      expect(receipt['status']).toBe('0x1')
      return parseAddress(receipt['contractAddress'])
    }),
  )
}

const transactionsOf = async (log: EventLog, chain: TestChain): Promise<readonly ChainTransaction[]> =>
  (await recordsOf(log, transactionsTopic('tocsin', chain.chainId), transactionsCodec)).filter(
    (record) => record.type === 'transaction',
  )

test('whose code proxies run is read from their storage, their code and their beacon, once, and is kept, through a reorg and restarts', async () => {
  const { chain, folder } = await openChain()
  const ann = chain.account('ann')
  const [noting, booking] = await deploy(chain, logging('Noted'), logging('Booked'))
  if (noting === undefined || booking === undefined) throw new TypeError('Nothing was deployed.')
  const abis = join(folder, 'abis')
  await mkdir(abis)
  const fragment = (event: string) => `["event ${event}(uint256 amount)"]`
  await writeFile(join(abis, `${noting}.json`), fragment('Noted'))
  await writeFile(join(abis, `${booking}.json`), fragment('Booked'))

  const [beacon] = await deploy(chain, `${await codeOf('UpgradeableBeacon')}${word(noting)}`)
  if (beacon === undefined) throw new TypeError('Nothing was deployed.')
  const empty = `${word(0x40n)}${word(0n)}`
  const [direct, byBeacon, clone, itself] = await deploy(
    chain,
    `${await codeOf('ERC1967Proxy')}${word(noting)}${empty}`,
    `${await codeOf('BeaconProxy')}${word(beacon)}${empty}`,
    cloning(noting),
    logging('Noted'),
  )
  if (direct === undefined || byBeacon === undefined || clone === undefined || itself === undefined)
    throw new TypeError('Nothing was deployed.')
  const say = (to: Address, amount: bigint) => ({
    ...{ from: ann, to, value: 0n, gas: 200_000n },
    data: `0x${word(amount)}` as const,
  })
  const first = await chain.mine({ calls: [direct, byBeacon, clone, itself].map((to) => say(to, 7n)) })

  const follow = async () => {
    // It begins after the proxies told of themselves by events, at a node that gives no traces.
    const followed = await followTestChain(chain, join(folder, 'log'), {
      ...{ abi: [abis], from: String(first.number), traces: 'none', labels: [], tokens: [] },
    })
    closing.push(followed.stop)
    return followed
  }
  /** Of the transactions of a block: what their first event is, and whose code they are known to run. */
  const toldAt = async (log: EventLog, number: number) => {
    const told = async () => (await transactionsOf(log, chain)).filter(({ block }) => block.number === number)
    await until(`block ${number} is in the log`, async () => (await told()).length > 0)
    return (await told()).map(({ to, events: [event], proxies = [] }) => [
      to,
      event?.type === 'contract-event' ? event.signature : event?.type,
      proxies.map(({ implementations, beacon: asked }) => [implementations, asked]),
    ])
  }
  let followed = await follow()
  expect(await toldAt(followed.log, first.number)).toEqual([
    [direct, 'Noted(uint256)', [[[noting], null]]],
    [byBeacon, 'Noted(uint256)', [[[noting], beacon]]],
    [clone, 'Noted(uint256)', [[[noting], null]]],
    [itself, 'log', []],
  ])

  expect(await followed.metrics.exposition()).toMatch(/method="eth_getStorageAt"/)

  // The beacon's own event tells of its upgrade, and another process knows the rest from the log.
  await followed.stop()
  const upgrade: Hex = `0x3659cfe6${word(booking)}`
  await chain.mine({ calls: [{ from: ann, to: beacon, data: upgrade, value: 0n, gas: 200_000n }] })
  const second = await chain.mine({ calls: [direct, byBeacon, clone].map((to) => say(to, 8n)) })
  followed = await follow()
  expect(await toldAt(followed.log, second.number)).toEqual([
    [direct, 'Noted(uint256)', [[[noting], null]]],
    [byBeacon, 'Booked(uint256)', [[[booking], beacon]]],
    [clone, 'Noted(uint256)', [[[noting], null]]],
  ])
  // Nothing but heads and blocks was asked for since: what is known is asked once.
  expect(await followed.metrics.exposition()).not.toMatch(/method="eth_getStorageAt"/)

  // On another branch another clone stands at the same address: what the lost one told is taken back, for a restart too.
  const [again] = await deploy(chain, cloning(noting))
  if (again === undefined) throw new TypeError('Nothing was deployed.')
  const lost = await chain.mine({ calls: [say(again, 9n)] })
  expect(await toldAt(followed.log, lost.number)).toEqual([[again, 'Noted(uint256)', [[[noting], null]]]])
  const anew = { from: ann, to: null, data: cloning(booking), value: 0n, gas: 3_000_000n }
  const [, onBranch] = await chain.reorg(2, [{ calls: [anew] }, { calls: [say(again, 9n)] }, {}])
  if (onBranch === undefined) throw new TypeError('No block was mined.')
  const branch = async () =>
    (await transactionsOf(followed.log, chain))
      .filter(({ block }) => block.hash === onBranch.hash)
      .map(({ to, proxies = [] }) => [to, proxies.map(({ implementations }) => implementations)])
  await until('the other branch is in the log', async () => (await branch()).length > 0)
  expect(await branch()).toEqual([[again, [[booking]]]])
  await followed.stop()
  const third = await chain.mine({ calls: [say(again, 10n)] })
  followed = await follow()
  expect(await toldAt(followed.log, third.number)).toEqual([[again, 'Booked(uint256)', [[[booking], null]]]])
  expect(await followed.metrics.exposition()).not.toMatch(/method="eth_getStorageAt"/)
}, 60_000)
