/* oxlint-disable vitest/expect-expect -- what a wrong node must lead to is asserted in one place, expectTold */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AlertJson } from '@tocsin/alerts-api'
import { emptyDatabase } from '@tocsin/alerts-api/testing'
import {
  alertsTopic,
  deadLetterCodec,
  deadLettersTopic,
  pricesTopic,
  transactionsCodec,
  transactionsTopic,
  type TransactionsRecord,
} from '@tocsin/chain-model'
import { openTestChain, type TestChain } from '@tocsin/demo'
import { openEmbeddedLog, type EventLog } from '@tocsin/event-log'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTocsin, type Running } from '../tocsin-process.ts'
import { sampleOf } from '../prometheus-text.ts'
import { expectNoStack, expectOneLine, linesSaying, until } from './expectations.ts'
import { result, startLyingNode, type Lie, type LyingNode } from './lying-node.ts'
import { startRelay, type Relay } from './relay.ts'

const wallets = Array.from({ length: 24 }, (_, n) => `wallet ${n}`)
const finalityDepth = 4

/** The whole program over one log, started as a user would. */
interface Program {
  readonly running: Running
  readonly url: string
  metrics(): Promise<string>
  stop(): Promise<void>
}

async function startProgram(chain: TestChain, at: { folder: string; rpc: string; database: string }): Promise<Program> {
  const file = (name: string) => join(at.folder, name)
  const dollars = (price8: bigint) => `${price8 / 100_000_000n}.${(price8 % 100_000_000n).toString().padStart(8, '0')}`
  const prices = chain.prices.map(({ asset, price8 }) =>
    JSON.stringify({ asset, price: dollars(price8), source: 'constant', chainId: chain.chainId }),
  )
  await writeFile(file('prices.ndjson'), prices.join('\n'))
  await writeFile(
    file('tokens.json'),
    JSON.stringify(chain.tokens.map((token) => ({ ...token, chainId: chain.chainId }))),
  )
  await writeFile(file('labels.ndjson'), chain.labels.map((label) => JSON.stringify(label)).join('\n'))
  const running = startTocsin([
    'start',
    ...['--rpc', at.rpc, '--data', file('data'), '--port', '0', '--database-url', at.database],
    ...[
      '--checkpoint-interval',
      '200ms',
      '--from',
      '0',
      '--finality-depth',
      String(finalityDepth),
      '--poll-interval',
      '50ms',
    ],
    ...['--prices', file('prices.ndjson'), '--tokens', file('tokens.json'), '--labels', file('labels.ndjson')],
    ...['--param', 'transfer-volume.exclude=[]', '--param', 'transfer-volume.window=sliding'],
  ])
  const [, url = ''] = await running.printed(/Tocsin is ready: (\S+)/, 60_000)
  return {
    running,
    url,
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    stop: async () => {
      running.child.kill('SIGINT')
      const { code } = await running.finished
      expect(code, running.output()).toBe(0)
    },
  }
}

interface PipelineView {
  readonly detector: {
    readonly watermark: number | null
    readonly inputs: readonly { readonly position: number; readonly committed: number }[]
  } | null
  readonly alerts: { readonly lagRecords: number | null }
}

/** Until the newest block is sealed, detected with all that comes of it committed, and that is stored. */
const caughtUp = async (program: Program, chain: TestChain) => {
  const { url, running } = program
  const { number, timestamp } = await chain.chain.head()
  let seen = ''
  const view = async () => {
    seen = await (await fetch(`${url}/api/pipeline`)).text()
    return JSON.parse(seen) as PipelineView
  }
  await until(
    `block ${number} is detected`,
    async () => {
      const { detector } = await view()
      // Until its block is sealed, nothing says that nothing earlier follows.
      return (
        sampleOf(await program.metrics(), 'tocsin_ingestor_head_block') === number &&
        (detector?.watermark ?? 0) >= timestamp * 1000 - 1 &&
        detector?.inputs.every(({ position, committed }) => position === committed) === true
      )
    },
    () => `${running.output()}\n${seen}`,
  )
  await until(
    'what comes of it is stored',
    async () => (await view()).alerts.lagRecords === 0,
    () => seen,
  )
}

/** Every alert without what tells how often and when it was told. */
async function alertsOf({ url }: Program): Promise<readonly Omit<AlertJson, 'revision'>[]> {
  const alerts: AlertJson[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const response = await fetch(`${url}/api/alerts?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
    const page = (await response.json()) as { items: AlertJson[]; nextCursor: string | null }
    alerts.push(...page.items)
    cursor = page.nextCursor
  }
  return alerts.map(({ revision: _, ...alert }) => alert).toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

async function valuesOf(log: EventLog, topic: string): Promise<readonly Uint8Array[]> {
  const { beginning, end } = await log.offsets({ topic, partition: 0 })
  const reader = await log.openReader([{ topic, partition: 0, offset: beginning }])
  const values: Uint8Array[] = []
  for (let next = beginning; next < end;) {
    for (const { records, nextOffset } of await reader.poll(100)) {
      values.push(...records.map(({ value }) => value))
      next = nextOffset
    }
  }
  await reader.close()
  return values
}

describe('tocsin start --rpc', () => {
  let chain: TestChain
  let other: TestChain
  let node: LyingNode
  let relay: Relay
  let program: Program
  let database: string
  let folder: string
  let frauds = 0

  const open = () => startProgram(chain, { folder, rpc: node.url, database })
  /** A block with two transactions, one of them a transfer that raises an alarm. */
  const mineFraud = () => {
    const from = wallets[frauds++ % wallets.length] ?? ''
    return chain.mine({
      calls: [
        chain.transfer('usdc', chain.account(from), chain.account(`fresh ${frauds}`).address, '120000'),
        chain.transfer('native', chain.account(from), chain.account('somebody').address, '0.1'),
      ],
    })
  }
  const failures = async (code: string) =>
    sampleOf(await program.metrics(), 'tocsin_ingestor_failures_total', code) ?? 0

  /** A record that nobody can read, put into each topic while no program has the log open. */
  const strangerWrites = async (...topics: readonly string[]) => {
    const log = await openEmbeddedLog(join(folder, 'data', 'log'))
    for (const topic of topics) await log.partitions(topic).catch(() => log.createTopics([{ topic, partitions: 1 }]))
    const stranger = await log.openProducer('stranger')
    const value = (topic: string) => Buffer.from(`no record of ${topic}`)
    await stranger.append(topics.map((topic) => ({ topic, partition: 0, key: null, value: value(topic) })))
    await stranger.close()
    await log.close()
  }

  beforeAll(async () => {
    const chainFolder = (name: string) => mkdtemp(join(tmpdir(), `tocsin-${name}-`))
    chain = await openTestChain({ folder: await chainFolder('chain'), wallets })
    other = await openTestChain({ folder: await chainFolder('other'), wallets: ['zoe'], genesisTime: 1_600_000_000 })
    node = await startLyingNode(chain.rpcUrl)
    const address = new URL(await emptyDatabase())
    relay = await startRelay(address.hostname, Number(address.port))
    address.hostname = '127.0.0.1'
    address.port = String(relay.port)
    database = address.href
    folder = await chainFolder('bad-input')
  })

  afterAll(async () => {
    program.running.child.kill('SIGKILL')
    await program.running.finished
    await node.close()
    await relay.down()
    await chain.stop()
    await other.stop()
  })

  /** Something is wrong with the node while a block is mined; then it is not any more. */
  const expectTold = async (code: string, cause: RegExp, wrong: () => unknown, right: () => unknown) => {
    const before = await failures(code)
    const outputBefore = program.running.output().length
    const since = () => program.running.output().slice(outputBefore)
    await wrong()
    await mineFraud()
    await until(`${code} is counted three times`, async () => (await failures(code)) >= before + 3, since)
    const written = sampleOf(await program.metrics(), 'tocsin_ingestor_head_block')
    expect(written).toBeLessThan((await chain.chain.head()).number)
    await right()
    await caughtUp(program, chain)
    await until('it is over', () => since().includes('it is over; following the node goes on'), since)
    expectOneLine(since(), code, cause)
    expect(
      since()
        .split('\n')
        .filter((line) => / WARN | ERROR /.test(line)),
    ).toHaveLength(1)
    expect(since().match(/it is over; following the node goes on/g)).toHaveLength(1)
  }

  test('behavior: a node that is unreachable at the start is told once and waited for; the page is there meanwhile', async () => {
    await mkdir(join(folder, 'data'))
    await strangerWrites(pricesTopic('tocsin', chain.chainId))
    await node.down()
    program = await open()
    await until('it is counted', async () => (await failures('INGEST_ENDPOINT_UNAVAILABLE')) >= 3)
    expect((await fetch(`${program.url}/api/alerts`)).status).toBe(200)
    await node.up()
    await caughtUp(program, chain)
    expectOneLine(program.running.output(), 'INGEST_ENDPOINT_UNAVAILABLE', /127\.0\.0\.1.*eth_chainId: .*ECONNREFUSED/)
  })

  test('behavior: a malformed record in the topic of prices becomes a dead letter, and no price is left out for it', async () => {
    const line = /\[MODEL_MALFORMED_RECORD\] Not a record of the prices topic: .*origin="tocsin\.\d+\.prices\/0@0"/
    await program.running.printed(line, 10_000)
    expect(linesSaying(program.running.output(), 'MODEL_MALFORMED_RECORD')).toHaveLength(1)
    expect(sampleOf(await program.metrics(), 'tocsin_detector_put_aside_total', 'MODEL_MALFORMED_RECORD')).toBe(1)
  })

  test('behavior: a node that goes away and comes back', () =>
    expectTold(
      'INGEST_ENDPOINT_UNAVAILABLE',
      /does not answer eth_\w+: .*(ECONNREFUSED|other side closed|ECONNRESET)/,
      node.down,
      node.up,
    ))

  const receiptsLie =
    (answer: (receipts: readonly Record<string, unknown>[]) => unknown): Lie =>
    async (asked, honest) => {
      if (asked.method !== 'eth_getBlockReceipts') return undefined
      return result(asked, answer((await honest()) as readonly Record<string, unknown>[]))
    }
  const page = '<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>'
  const html =
    (status: number): Lie =>
    () => ({ status, type: 'text/html', body: page })
  const half: Lie = async (asked, honest) => {
    const { body } = result(asked, await honest())
    return { body: body.slice(0, body.length / 2) }
  }
  const another = `0x${'ab'.repeat(32)}`

  test.each<readonly [string, string, RegExp, Lie]>([
    ['a gateway’s page', 'INGEST_ENDPOINT_UNAVAILABLE', /HTTP status 502/, html(502)],
    ['a page that claims to be well', 'INGEST_ENDPOINT_UNAVAILABLE', /no JSON-RPC/, html(200)],
    ['half an answer', 'INGEST_ENDPOINT_UNAVAILABLE', /no JSON-RPC/, half],
    ['null receipts', 'INGEST_ENDPOINT_ANSWER', /block \d+, receipts: /, receiptsLie(() => null)],
    ['no receipts of a full block', 'INGEST_ENDPOINT_ANSWER', /0 receipts for 2 transactions/, receiptsLie(() => [])],
    [
      'receipts of another block',
      'INGEST_ENDPOINT_ANSWER',
      /receipts\.0\.blockHash: expected 0x\w+, found 0xabab/,
      receiptsLie((all) => all.map((receipt) => ({ ...receipt, blockHash: another }))),
    ],
    [
      'receipts without their logs',
      'INGEST_ENDPOINT_ANSWER',
      /logsBloom: the logs of the receipts do not make it/,
      receiptsLie((all) => all.map((receipt) => ({ ...receipt, logs: [] }))),
    ],
    [
      'a head that is null',
      'INGEST_ENDPOINT_ANSWER',
      /block latest, block: the node has none/,
      (asked) => (asked.params[0] === 'latest' ? result(asked, null) : undefined),
    ],
    [
      'a head whose parent it does not have',
      'INGEST_ENDPOINT_ANSWER',
      /it has no 0xabab\w+, the parent of its own block/,
      async (asked, honest) => {
        if (asked.method === 'eth_getBlockByHash') return result(asked, null)
        if (asked.method !== 'eth_getBlockByNumber') return undefined
        return result(asked, { ...((await honest()) as object), parentHash: another, hash: `0x${'cd'.repeat(32)}` })
      },
    ],
  ])('behavior: %s', (_, code, cause, lie) =>
    expectTold(
      code,
      cause,
      () => node.lie(lie),
      () => node.truth(),
    ),
  )

  // A limit on the size of files is a full disk that needs neither rights nor a mount, for the log and for the state.
  test.skipIf(process.platform !== 'linux')('behavior: a disk that is full and then is not', async () => {
    const limit = (size: string) =>
      execFileSync('prlimit', ['--pid', `${program.running.child.pid}`, `--fsize=${size}:unlimited`])
    const outputBefore = program.running.output().length
    const since = () => program.running.output().slice(outputBefore)
    limit('1')
    await mineFraud()
    await until('it is counted three times', async () => (await failures('LOG_FULL')) >= 3, since)
    const { number } = await chain.chain.head()
    expect(sampleOf(await program.metrics(), 'tocsin_ingestor_head_block')).toBeLessThan(number)
    limit('unlimited')
    await caughtUp(program, chain)
    expectOneLine(since(), 'LOG_FULL', /No space is left for a transaction of "tocsin\.31337\.ingestor"/)
    await until(
      'the detector needs to wait no more',
      async () => sampleOf(await program.metrics(), 'tocsin_detector_waiting_info') === 0,
      since,
    )
    expect(
      since()
        .split('\n')
        .filter((line) => / WARN | ERROR /.test(line)).length,
    ).toBeLessThanOrEqual(2)
  })

  const otherChainIsLonger = async () => {
    while ((await other.chain.head()).number <= (await chain.chain.head()).number + 2) await other.mine()
  }

  test('behavior: another chain behind the same address', async () => {
    await otherChainIsLonger()
    await expectTold(
      'INGEST_WRONG_CHAIN',
      /is a node of chain 1, not of chain \d+/,
      () => {
        node.lie((asked) => (asked.method === 'eth_chainId' ? result(asked, '0x1') : undefined))
        node.follow(other.rpcUrl)
      },
      () => {
        node.truth()
        node.follow(chain.rpcUrl)
      },
    )
  })

  test('behavior: blocks of another history under the same chain id are quarantined', async () => {
    await otherChainIsLonger()
    await expectTold(
      'INGEST_FINAL_BLOCK_CONFLICT',
      /Block \d+ is final as 0x\w+, but the node's branch has 0x/,
      () => node.follow(other.rpcUrl),
      async () => {
        await until('it is quarantined', async () =>
          (await program.metrics()).includes('tocsin_ingestor_quarantined_info{chain="31337"} 1'),
        )
        node.follow(chain.rpcUrl)
      },
    )
    expect(await program.metrics()).toContain('tocsin_ingestor_quarantined_info{chain="31337"} 0')
  })

  test('behavior: a database that goes away and comes back', async () => {
    const code = 'API_DATABASE_UNAVAILABLE'
    const outputBefore = program.running.output().length
    const since = () => program.running.output().slice(outputBefore)
    const before = await alertsOf(program)
    await relay.down()
    await mineFraud()
    const counted = async () => sampleOf(await program.metrics(), 'tocsin_alerts_failures_total', code) ?? 0
    await until('it is counted', async () => (await counted()) >= 3, since)
    await relay.up()
    await until('the new alert is stored', async () => (await alertsOf(program)).length > before.length, since)
    expectOneLine(since(), code, /PostgreSQL does not take statements: .*ECONNREFUSED|ECONNRESET|terminated|closed/)
    await until('it is over', () => since().includes('it is over; the work goes on'), since)
    expect(since().match(/it is over; the work goes on/g)).toHaveLength(1)
  })

  test('behavior: malformed records in the topics of transactions and alerts become dead letters, and all goes on', async () => {
    await program.stop()
    const garbage = [transactionsTopic('tocsin', chain.chainId), alertsTopic('tocsin')]
    await strangerWrites(...garbage)
    program = await open()
    await mineFraud()
    await caughtUp(program, chain)
    let seen = ''
    await until(
      'they are counted',
      async () => {
        seen = await program.metrics()
        return (
          sampleOf(seen, 'tocsin_detector_put_aside_total', 'MODEL_MALFORMED_RECORD') === 1 &&
          sampleOf(seen, 'tocsin_alerts_dead_letters_total', 'MODEL_MALFORMED_RECORD') === 1
        )
      },
      () => program.running.output() + seen,
    )
    const lines = linesSaying(program.running.output(), 'MODEL_MALFORMED_RECORD')
    expect(lines, program.running.output()).toHaveLength(2)
    for (const topic of garbage) expect(lines.filter((line) => line.includes(topic))).toHaveLength(1)
    expectNoStack(program.running.output())
  })

  test('nothing is lost: the log is the canonical chain, and the alerts are those of an undisturbed run', async () => {
    const head = await chain.chain.head()
    const calm = await startProgram(chain, {
      folder: await mkdtemp(join(tmpdir(), 'tocsin-calm-')),
      rpc: chain.rpcUrl,
      database: await emptyDatabase(),
    })
    try {
      await caughtUp(calm, chain)
      const both = async () => [await alertsOf(program), await alertsOf(calm)] as const
      await until('both runs have the same alerts', async () => {
        const [here, there] = await both()
        return here.length > frauds && JSON.stringify(here) === JSON.stringify(there)
      }).catch(() => {}) // the comparison below shows where they differ
      const [here, there] = await both()
      expect(here).toEqual(there)
      expect(here.length).toBeGreaterThan(frauds)
    } finally {
      calm.running.child.kill('SIGKILL')
    }
    await program.stop()

    const log = await openEmbeddedLog(join(folder, 'data', 'log'))
    const records: TransactionsRecord[] = []
    for (const value of await valuesOf(log, transactionsTopic('tocsin', chain.chainId))) {
      if (!Buffer.from(value).toString().startsWith('no record')) records.push(transactionsCodec.decode(value))
    }
    const letters = (await valuesOf(log, deadLettersTopic('tocsin'))).map((value) => deadLetterCodec.decode(value))
    await log.close()
    expect(letters.map(({ payload }) => Buffer.from(payload, 'base64').toString()).toSorted()).toEqual([
      `no record of ${pricesTopic('tocsin', chain.chainId)}`,
      `no record of ${transactionsTopic('tocsin', chain.chainId)}`,
    ])

    const canonical = await Promise.all(
      Array.from({ length: head.number + 1 }, async (_, number) => {
        const body = JSON.stringify({
          ...{ jsonrpc: '2.0', id: 1, method: 'eth_getBlockByNumber' },
          params: [`0x${number.toString(16)}`, false],
        })
        const headers = { 'content-type': 'application/json' }
        const answer = (await (await fetch(chain.rpcUrl, { method: 'POST', headers, body })).json()) as {
          result: { hash: string; transactions: string[] }
        }
        return answer.result
      }),
    )
    expect(records.filter(({ type }) => type === 'reverted')).toEqual([])
    const sealed = records.filter((record) => record.type === 'sealed')
    expect(sealed.map(({ sequence }) => sequence)).toEqual(canonical.map((_, sequence) => sequence))
    expect(sealed.map(({ block }) => block.hash)).toEqual(canonical.map(({ hash }) => hash))
    const transactions = records.filter((record) => record.type === 'transaction')
    expect(transactions.map(({ hash }) => hash)).toEqual(canonical.flatMap((block) => block.transactions))
  })
})
