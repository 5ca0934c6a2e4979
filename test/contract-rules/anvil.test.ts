import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  parseAddress,
  transactionsCodec,
  transactionsTopic,
  type Address,
  type Alert,
  type Hex,
} from '@tocsin/chain-model'
import { openTestChain } from '@tocsin/demo'
import {
  createAlertsTopic,
  detectorSettings,
  readFinalAlerts,
  readRules,
  recordedTransactions,
  startDetector,
  verifyAlert,
} from '@tocsin/detector'
import { openEmbeddedLog, readRange } from '@tocsin/event-log'
import { chainsOf, ingestorSettings, readAbis, startIngestor } from '@tocsin/ingestor'
import { createMetrics, loadSettings, silentLogger } from '@tocsin/service-kit'
import { afterEach, expect, test } from 'vitest'
import { until } from '../bad-input/expectations.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** What solc 0.8.37 makes of Vault.sol (evmVersion paris, optimizer with 200 runs, no metadata hash). */
const vaultFile = fileURLToPath(new URL('Vault.json', import.meta.url))
const vault = parseAddress(`0x${'7a'.repeat(20)}`)

const word = (value: bigint | Address) => BigInt(value).toString(16).padStart(64, '0')
/** `withdraw((address,uint256),string)` */
const withdrawData = (receiver: Address, amount: bigint, note: string): Hex => {
  const text = Buffer.from(note).toString('hex')
  return `0x963a9dcc${word(receiver)}${word(amount)}${word(96n)}${word(BigInt(note.length))}${text.padEnd(64, '0')}`
}

const rules = [
  {
    ...{ name: 'large-withdrawal', event: 'Withdrawal', contract: vault, severity: 'high' },
    ...{ where: 'order.amount > 1000 and order.receiver != owner' },
  },
  {
    ...{ name: 'drained', event: 'Withdrawal', keyBy: 'order.receiver' },
    ...{ within: '1 min', sum: 'order.amount', over: 1500 },
  },
  { name: 'many-calls', call: 'withdraw', keyBy: '$caller', within: '1 min', count: 3 },
  { name: 'silent-vault', event: 'Heartbeat', absentFor: '30 s' },
]
const names = [...rules.map(({ name }) => name), 'bobs-own']

test('rules over a user’s contract: alerts on real bytecode that prove themselves, taken back and found again by reorgs and restarts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-contract-rules-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
  const chain = await openTestChain({ folder: join(folder, 'chain'), wallets: ['ann', 'bob'] })
  closing.push(() => chain.stop())
  const [ann, bob] = [chain.account('ann'), chain.account('bob')]
  const { deployedBytecode } = JSON.parse(await readFile(vaultFile, 'utf8')) as { readonly deployedBytecode: string }
  await chain.chain.rpc('anvil_setCode', vault, deployedBytecode)
  await writeFile(join(folder, 'rules.json'), JSON.stringify({ rules }))

  const log = await openEmbeddedLog(join(folder, 'log'))
  closing.push(() => log.close())
  await createAlertsTopic(log, 'tocsin', 4)
  const { ingestor, detector } = loadSettings(
    { ingestor: ingestorSettings, detector: detectorSettings },
    {
      env: {},
      flags: {
        ...{ rpc: [chain.rpcUrl], from: '0', 'poll-interval': '20ms', abi: [vaultFile] },
        ...{ rules: [join(folder, 'rules.json')], 'state-folder': join(folder, 'state') },
      },
    },
  )
  const start = async () => {
    const ending = new AbortController()
    const deps = { log, logger: silentLogger, metrics: createMetrics(), prefix: 'tocsin' }
    const ingesting = startIngestor(chainsOf(ingestor), deps, ending.signal)
    const detecting = startDetector(
      { ...detector, chainId: [chain.chainId], topicPrefix: 'tocsin' },
      {
        ...{ log, logger: silentLogger, metrics: createMetrics(), clock: () => performance.now(), random: () => 0.5 },
        rules: await readRules(detector.rules, await readAbis(vaultFile)),
      },
      ending.signal,
    )
    let stopped: Promise<unknown> | undefined
    const stop = () => {
      ending.abort()
      return (stopped ??= Promise.all([ingesting.done, detecting]))
    }
    closing.push(stop)
    return stop
  }
  const alerts = async (): Promise<readonly Alert[]> =>
    (await readFinalAlerts(log, 'tocsin', chain.chainId)).filter(({ detector: of }) => names.includes(of))
  const stand = async () => (await alerts()).map(({ detector: of, key, status }) => `${of} ${key} ${status}`).sort()
  const untilStand = async (...expected: readonly string[]) => {
    let seen: readonly string[] = []
    const holds = async () => JSON.stringify((seen = await stand())) === JSON.stringify([...expected].sort())
    await until(`alerts stand at ${expected.join(', ')}`, holds, () => seen.join('\n'))
  }
  const withdraws = (from: typeof ann, to: Address, amount: bigint) => ({
    ...{ from, to: vault, value: 0n, gas: 200_000n, data: withdrawData(to, amount, 'rent') },
  })
  const beat = { from: ann, to: vault, value: 0n, gas: 100_000n, data: '0x7a259dba' as Hex }

  const stop = await start()
  await untilStand()
  const first = await chain.mine({ calls: [withdraws(ann, bob.address, 1000n), beat] })
  await chain.mine({ calls: [withdraws(ann, bob.address, 1001n), withdraws(bob, bob.address, 5000n)] })
  const found = [`large-withdrawal ${vault} provisional`, `drained ${bob.address} provisional`]
  await untilStand(...found)
  await chain.mine({ calls: [withdraws(ann, ann.address, 1n)] })
  await untilStand(...found, `many-calls ${ann.address} provisional`)
  const ids = new Map((await alerts()).map(({ detector: of, id }) => [of, id]))

  // Another branch: the large one comes later, with less; nobody calls often; the vault stays silent.
  await chain.reorg(2, [{ calls: [withdraws(ann, bob.address, 2000n)] }, {}, { timestamp: first.timestamp + 40 }])
  await untilStand(
    `large-withdrawal ${vault} provisional`,
    `large-withdrawal ${vault} retracted`,
    `drained ${bob.address} provisional`,
    `drained ${bob.address} retracted`,
    `many-calls ${ann.address} retracted`,
    `silent-vault ${vault} provisional`,
  )
  expect(
    (await alerts())
      .filter(({ status }) => status === 'retracted')
      .map(({ id }) => id)
      .sort(),
  ).toEqual([...ids.values()].sort())
  const before = await alerts()

  // Started again with another rule, and without one: the others go on, and the new one speaks.
  await stop()
  await writeFile(
    join(folder, 'rules.json'),
    JSON.stringify([
      ...rules.slice(0, 3),
      { name: 'bobs-own', event: 'Withdrawal', within: '1 min', count: 1, keyBy: 'owner' },
    ]),
  )
  await start()
  await chain.mine({ calls: [withdraws(bob, ann.address, 1500n)] })
  await until('the alerts after the restart', async () => (await alerts()).length === before.length + 2)
  expect((await alerts()).filter(({ id }) => before.some((one) => one.id === id))).toEqual(before)

  const at = { topic: transactionsTopic('tocsin', chain.chainId), partition: 0 }
  const { beginning, end } = await log.offsets(at)
  const transactions = new Map<
    string,
    Parameters<typeof recordedTransactions>[0] extends Iterable<infer T> ? T : never
  >()
  for await (const { records } of readRange(log, { ...at, offset: beginning }, end))
    for (const { value } of records) {
      const record = transactionsCodec.decode(value)
      if (record.type === 'transaction') transactions.set(record.hash, record)
    }
  const recording = recordedTransactions(transactions.values())
  for (const alert of (await alerts()).filter(({ status }) => status !== 'retracted'))
    expect(verifyAlert(alert, recording), alert.sentence).toEqual({ holds: true, reasons: [] })
  const large = (await alerts()).find(({ detector: of, status }) => of === 'large-withdrawal' && status !== 'retracted')
  expect(large?.evidence[0]).toMatchObject({
    ...{
      type: 'contract-event',
      abi: 'Vault',
      signature: 'Withdrawal(address,(address,uint256),string)',
      address: vault,
    },
    arguments: [
      { name: 'owner', value: ann.address },
      {
        name: 'order',
        value: [
          { name: 'receiver', value: bob.address },
          { name: 'amount', value: '2000' },
        ],
      },
      { name: 'note', value: 'rent' },
    ],
  })
})
