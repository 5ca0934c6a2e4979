import { transactionsCodec, transactionsTopic } from '@tocsin/chain-model'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import { createMetrics, loadSettings, silentLogger, type Logger } from '@tocsin/service-kit'
import { describe, expect, test } from 'vitest'
import { ingestorSettings } from './config.ts'
import type { IngestProgress } from './ingest.ts'
import { proveLedger } from './ledger/prove-ledger.ts'
import { startIngestor } from './start-ingestor.ts'
import { serveHistory } from './testing/serve-history.ts'

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
      await startIngestor(config, deps, new AbortController().signal).done
      return { told, said, counted: await metrics.exposition() }
    }
    try {
      const first = await range({ from: '10', to: '100', workers: '2' })
      expect(first.told.at(0)).toEqual({ chainId: 31337, blocks: 0, ofBlocks: 91, blockNumber: 9, before: 0 })
      expect(first.told.slice(-2)).toMatchObject([{ blocks: 91, ofBlocks: 91, blockNumber: 100 }, null])
      expect(first.counted).toContain('tocsin_ingestor_blocks_total 91\n')
      // The threads ask for the receipts, and nobody else does.
      const { host } = new URL(node.httpUrl)
      const receipts = new RegExp(
        `calls_total\\{endpoint="http://${host}",method="eth_getBlockReceipts",outcome="ok"\\} (\\d+)`,
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
})
