import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  deadLetterCodec,
  deadLettersTopic,
  maxWatermark,
  pricesCodec,
  pricesTopic,
  transactionsCodec,
  transactionsTopic,
  type Hash,
} from '@tocsin/chain-model'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import {
  askChecks,
  createLogger,
  createMetrics,
  loadSettings,
  silentLogger,
  type Flags,
  type Logger,
} from '@tocsin/service-kit'
import { seededRandom } from '@tocsin/stream-core/testing'
import { describe, expect, test, vi } from 'vitest'
import { chainsOf } from './chains-of.ts'
import { ingestorSettings } from './config.ts'
import type { IngestProgress } from './ingest.ts'
import { proveLedger } from './ledger/prove-ledger.ts'
import { startIngestor } from './start-ingestor.ts'
import { systemClock } from './rpc/clock.ts'
import { serveHistory } from './testing/serve-history.ts'
import { serveNode } from './testing/serve-node.ts'
import { SimulatedChain } from './testing/simulated-chain.ts'
import { SimulatedNode } from './testing/simulated-node.ts'

const chainsWith = (flags: Flags) =>
  chainsOf(loadSettings({ config: ingestorSettings }, { env: {}, flags: { 'poll-interval': '20ms', ...flags } }).config)

describe('startIngestor', () => {
  test('behavior: with a first and a last block it reads that range with its workers, tells how far it is, counts, and ends', async () => {
    const node = await serveHistory(31337, 120)
    const log = openSimulatedLog()
    const range = async (flags: Readonly<Record<string, string>>) => {
      const metrics = createMetrics()
      const told: (IngestProgress | null)[] = []
      const said: string[] = []
      const logger: Logger = { ...silentLogger, at: () => logger, info: (message) => void said.push(message) }
      const { config } = loadSettings(
        { config: ingestorSettings },
        { env: {}, flags: { rpc: [node.httpUrl], ...flags } },
      )
      const deps = {
        log,
        logger,
        metrics,
        prefix: 'test',
        onProgress: (at: IngestProgress | null) => told.push(at),
      }
      await startIngestor(chainsOf(config), deps, new AbortController().signal).done
      return { told, said, counted: await metrics.exposition() }
    }
    try {
      const first = await range({ from: '10', to: '100', workers: '2' })
      expect(first.told.at(0)).toEqual({ chainId: 31337, blocks: 0, ofBlocks: 91, blockNumber: 9, before: 0 })
      expect(first.told.slice(-2)).toMatchObject([{ blocks: 91, ofBlocks: 91, blockNumber: 100 }, null])
      expect(first.counted).toContain('tocsin_ingestor_blocks_total{chain="31337"} 91\n')
      // The threads ask for the receipts, and nobody else does.
      const { host } = new URL(node.httpUrl)
      const receipts = new RegExp(
        `calls_total\\{endpoint="http://${host}",method="eth_getBlockReceipts",outcome="ok",chain="31337"\\} (\\d+)`,
      )
      expect(Number(receipts.exec(first.counted)?.[1])).toBeGreaterThan(50)

      const second = await range({ from: '10', to: '110', workers: '1' })
      expect(second.told.at(0)).toEqual({ chainId: 31337, blocks: 91, ofBlocks: 101, blockNumber: 100, before: 91 })
      const goesOn = 'the log holds blocks up to 100: it goes on with block 101'
      expect([first.said.includes(goesOn), second.said.includes(goesOn)]).toEqual([false, true])
      const proof = await proveLedger(
        log,
        { prefix: 'test', chainId: 31337 },
        { range: { from: 10, to: 110 }, signal: new AbortController().signal },
      )
      expect([proof.faults, proof.blocks.length, proof.final]).toEqual([[], 101, 110])
      const at = { topic: transactionsTopic('test', 31337), partition: 0 }
      expect(transactionsCodec.decode(log.records(at).at(-1)?.value ?? new Uint8Array())).toMatchObject({
        type: 'finalized',
      })
    } finally {
      await node.close()
    }
  }, 120_000)

  test('behavior: of several chains a dead node and one of another chain stop and delay nobody else, and are named', async () => {
    const [first, second] = [await serveHistory(31337, 80), await serveHistory(8453, 80)]
    const log = openSimulatedLog()
    const metrics = createMetrics()
    const told: string[] = []
    const logger = createLogger({ place: 'ingest', write: (line) => told.push(line), now: () => 0 })
    const dead = 'http://127.0.0.1:1'
    const chains = chainsWith({
      rpc: [`31337=${first.httpUrl}`, `8453=${second.httpUrl}`, `10=${dead}`, `1=${second.httpUrl}`],
      from: ['31337=10', '8453=20', '10=0', '1=0'],
      to: ['31337=70', '8453=80'],
    })
    const ending = new AbortController()
    const running = startIngestor(chains, { log, logger, metrics, prefix: 'test' }, ending.signal)
    try {
      const [one, two] = running.chains
      await Promise.all([one?.done, two?.done])
      const proofs = await Promise.all(
        [
          { chainId: 31337, from: 10, to: 70 },
          { chainId: 8453, from: 20, to: 80 },
        ].map(({ chainId, from, to }) =>
          proveLedger(log, { prefix: 'test', chainId }, { range: { from, to }, signal: ending.signal }),
        ),
      )
      expect(proofs.map(({ faults, blocks }) => [faults, blocks.length])).toEqual([
        [[], 61],
        [[], 61],
      ])
      await vi.waitFor(async () => {
        const { status, checks } = await askChecks(running.checks)
        expect([status, checks]).toEqual([
          'not-ready',
          {
            'chain-31337': { status: 'up', detail: 'block 70, 10 behind the head' },
            'chain-8453': { status: 'up', detail: 'block 80, at the head' },
            'chain-10': { status: 'down', reason: expect.stringMatching(/127\.0\.0\.1:1 does not answer/) },
            'chain-1': {
              status: 'down',
              reason: expect.stringMatching(/is a node of chain 8453, not of chain 1\.$/),
            },
          },
        ])
      }, 20_000)
      const exposition = await metrics.exposition()
      expect(exposition).toContain('tocsin_ingestor_blocks_total{chain="31337"} 61\n')
      expect(exposition).toContain('tocsin_ingestor_blocks_total{chain="8453"} 61\n')
      expect(exposition).toContain('tocsin_ingestor_head_block{chain="8453"} 80\n')
      expect(exposition).toMatch(/failures_total\{code="INGEST_WRONG_CHAIN",chain="1"\} [1-9]/)
      expect(exposition).toMatch(/failures_total\{code="INGEST_ENDPOINT_UNAVAILABLE",chain="10"\} [1-9]/)
      // One line each, at a place that names the chain.
      expect(told.filter((line) => line.includes('INGEST_WRONG_CHAIN'))).toEqual([
        expect.stringMatching(/ingestor\/chain\/1: .*is a node of chain 8453, not of chain 1\. .*CHAIN=URL/),
      ])
      expect(told.filter((line) => line.includes('INGEST_ENDPOINT_UNAVAILABLE'))).toEqual([
        expect.stringContaining('ingestor/chain/10: '),
      ])
    } finally {
      ending.abort()
      await Promise.allSettled([running.done, first.close(), second.close()])
    }
    await expect(running.done).resolves.toBeUndefined()
  }, 120_000)

  test('behavior: a chain whose node flips between forks is quarantined alone; the other goes on with each new block', async () => {
    const random = seededRandom(11)
    const forked = new SimulatedChain({ chainId: 8453, realHashes: true, random })
    const calm = new SimulatedChain({ chainId: 31337, realHashes: true, random })
    const grow = (chain: SimulatedChain, from: readonly Hash[], blocks: number): readonly Hash[] =>
      Array.from({ length: blocks }).reduce<readonly Hash[]>(
        (hashes) => [
          ...hashes,
          chain.mine(chain.at(hashes.at(-1) ?? chain.first.header.hash).header, 12_000).header.hash,
        ],
        from,
      )
    const stem = grow(forked, [forked.first.header.hash], 5)
    const forks = [grow(forked, stem, 3), grow(forked, stem, 4)]
    let canonical = grow(calm, [calm.first.header.hash], 5)
    let asked = 0
    const served = await Promise.all(
      [
        // Its answers come from either fork in turn, each of them for a few questions: as a pool of two nodes that disagree.
        { chain: forked, views: () => [{ canonical: forks[Math.floor(asked++ / 12) % 2] ?? stem, finalized: 0 }] },
        { chain: calm, views: () => [{ canonical, finalized: 0 }] },
      ].map(({ chain, views }) => {
        const abilities = {
          receipts: 'block',
          traces: 'none',
          finalizedTag: true,
          state: 'all',
          maxBatch: 1000,
          headsPushed: false,
        } as const
        return serveNode(new SimulatedNode({ chain, abilities, random, clock: systemClock, views }))
      }),
    )
    const log = openSimulatedLog()
    const metrics = createMetrics()
    const ending = new AbortController()
    const chains = chainsWith({
      rpc: served.map(({ httpUrl }, at) => `${[8453, 31337][at]}=${httpUrl}`),
      from: ['31337=1', '8453=1'],
      'finality-depth': '50',
    })
    const running = startIngestor(chains, { log, logger: silentLogger, metrics, prefix: 'test' }, ending.signal)
    const shows = (line: string) =>
      vi.waitFor(async () => expect(await metrics.exposition()).toContain(`${line}\n`), { timeout: 60_000 })
    try {
      await shows('tocsin_ingestor_quarantined_info{chain="8453"} 1')
      canonical = grow(calm, canonical, 7)
      await shows('tocsin_ingestor_head_block{chain="31337"} 12')
      const exposition = await metrics.exposition()
      expect(exposition).toContain('tocsin_ingestor_quarantined_info{chain="31337"} 0\n')
      expect(exposition).toMatch(/reorg_depth_blocks_count\{chain="8453"\} [1-9]/)
      expect(exposition).toContain('tocsin_ingestor_reorg_depth_blocks_count{chain="31337"} 0\n')
      expect((await askChecks(running.checks)).checks['chain-31337']).toEqual({
        status: 'up',
        detail: 'block 12, at the head',
      })
    } finally {
      ending.abort()
      await Promise.allSettled([running.done, ...served.map((node) => node.close())])
    }
  }, 120_000)

  test('error: a chain whose ledger is broken ends alone, loudly; the others go on, and the end tells of it', async () => {
    const [first, second] = [await serveHistory(31337, 40), await serveHistory(8453, 40)]
    const log = openSimulatedLog()
    const stranger = transactionsTopic('test', 8453)
    await log.createTopics([{ topic: stranger, partitions: 1 }])
    const producer = await log.openProducer('stranger')
    const end = transactionsCodec.encode({ type: 'watermark', watermark: maxWatermark })
    await producer.append([{ topic: stranger, partition: 0, key: null, value: end }])
    await producer.close()
    const metrics = createMetrics()
    const told: string[] = []
    const logger = createLogger({ place: 'ingest', write: (line) => told.push(line), now: () => 0 })
    const chains = chainsWith({
      rpc: [`31337=${first.httpUrl}`, `8453=${second.httpUrl}`],
      from: ['31337=1', '8453=1'],
      to: ['31337=30', '8453=30'],
    })
    const signal = new AbortController().signal
    try {
      const running = startIngestor(chains, { log, logger, metrics, prefix: 'test' }, signal)
      await expect(running.done).rejects.toMatchObject({ handling: 'stop' })
      const { final, faults } = await proveLedger(log, { prefix: 'test', chainId: 31337 }, { signal })
      expect([final, faults]).toEqual([30, []])
      expect((await askChecks(running.checks)).checks).toMatchObject({
        'chain-31337': { status: 'up' },
        'chain-8453': { status: 'down', reason: expect.stringMatching(/^it has stopped: /) },
      })
      expect(await metrics.exposition()).toMatch(/stopped_info\{chain="31337"\} 0\n.*stopped_info\{chain="8453"\} 1\n/)
      expect(told.filter((line) => line.includes('the others go on'))).toEqual([
        expect.stringMatching(/ERROR +ingestor\/8453: this chain has stopped/),
      ])
    } finally {
      await Promise.all([first.close(), second.close()])
    }
  }, 120_000)

  test('error: heads of another chain are refused in one line, and the chain is followed without', async () => {
    const [ours, another] = [await serveHistory(31337, 20), await serveHistory(8453, 20)]
    const log = openSimulatedLog()
    const metrics = createMetrics()
    const told: string[] = []
    const logger = createLogger({ place: 'ingest', write: (line) => told.push(line), now: () => 0 })
    const chains = chainsWith({
      ...{ rpc: [ours.httpUrl], 'chain-id': '31337', from: '1', 'rpc-heads': another.webSocketUrl },
    })
    const ending = new AbortController()
    const running = startIngestor(chains, { log, logger, metrics, prefix: 'test' }, ending.signal)
    const refusals = () => told.filter((line) => line.includes('INGEST_WRONG_CHAIN'))
    try {
      await vi.waitFor(() => expect(refusals()).toHaveLength(1), { timeout: 60_000 })
      await vi.waitFor(async () => expect(await metrics.exposition()).toMatch(/head_block\{chain="31337"\} [1-9]/), {
        timeout: 60_000,
      })
      expect(refusals()).toEqual([
        expect.stringMatching(
          /WARN +ingest\S*: .*ws:\/\/\S+ is a node of chain 8453, not of chain 31337\..*--rpc-heads.*\n$/,
        ),
      ])
    } finally {
      ending.abort()
      await Promise.allSettled([running.done, ours.close(), another.close()])
    }
  }, 120_000)

  test('behavior: each chain’s prices go to its own topic; of a file that they share, those that name their chain', async () => {
    const [first, second] = [await serveHistory(31337, 20), await serveHistory(8453, 20)]
    const log = openSimulatedLog()
    const file = join(await mkdtemp(join(tmpdir(), 'tocsin-prices-')), 'prices.csv')
    await writeFile(file, 'asset,price,chainId\nnative,2000,8453\nnative,1,31337\nnative,7,\n')
    const chains = chainsWith({
      rpc: [`31337=${first.httpUrl}`, `8453=${second.httpUrl}`],
      from: ['31337=1', '8453=1'],
      to: ['31337=10', '8453=10'],
      prices: file,
    })
    const metrics = createMetrics()
    try {
      await startIngestor(chains, { log, logger: silentLogger, metrics, prefix: 'test' }, new AbortController().signal)
        .done
      const prices = (chainId: number) =>
        log
          .records({ topic: pricesTopic('test', chainId), partition: 0 })
          .map(({ value }) => pricesCodec.decode(value))
          .flatMap((record) => (record.type === 'price' && record.asset === 'native' ? [record.price8] : []))
      expect([prices(31337), prices(8453)]).toEqual([[100_000_000n], [200_000_000_000n]])
      const letters = log.records({ topic: deadLettersTopic('test'), partition: 0 })
      expect(letters.map(({ value }) => deadLetterCodec.decode(value).reason)).toEqual([
        expect.stringContaining('it names no chainId, and several chains are followed'),
      ])
    } finally {
      await Promise.all([first.close(), second.close()])
    }
  }, 120_000)
})
