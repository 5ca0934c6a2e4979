import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { factsTopic, pricesTopic, transactionsTopic } from '@tocsin/chain-model'
import { openKafkaLog } from '@tocsin/event-log'
import { serveHistory } from '@tocsin/ingestor/testing'
import { describe, expect, test } from 'vitest'
import { watchChains, type WatchedNode } from '../pipeline/watch-chains.ts'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const broker = await sharedKafkaBroker()
const brokers = 'missing' in broker ? [] : [broker.bootstrap]

const [half, last, beyond] = [20, 40, 20]

describe.skipIf('missing' in broker)(`several chains, ${originOf(broker)}`, () => {
  test('behavior: one process finds of each what is found of it alone, over a restart, in topics of its own', async () => {
    const served = await Promise.all([31337, 8453].map((chainId) => serveHistory(chainId, last + beyond)))
    const [one, two] = served.map(({ httpUrl }) => httpUrl)
    const nodes: readonly WatchedNode[] = [
      { chainId: 31337, url: one ?? '', price: `1${'0'.repeat(32)}` },
      { chainId: 8453, url: two ?? '', price: `1${'0'.repeat(16)}` },
    ]
    const kafka = openKafkaLog({ brokers, clientId: 'test' })
    try {
      const prefix = `chains-${crypto.randomUUID()}`
      const folder = await mkdtemp(join(tmpdir(), 'tocsin-chains-'))
      await watchChains({ nodes, last: half, kafka, prefix, folder })
      const together = await watchChains({ nodes, last, kafka, prefix, folder })
      for (const node of nodes) {
        const found = together.alerts.get(node.chainId) ?? []
        expect(found.length).toBeGreaterThan(0)
        expect(found).toEqual((await watchChains({ nodes: [node], last })).alerts.get(node.chainId))
        for (const topic of [transactionsTopic, pricesTopic, factsTopic])
          expect((await kafka.offsets({ topic: topic(prefix, node.chainId), partition: 0 })).end).toBeGreaterThan(0)
      }
    } finally {
      await kafka.close()
      await Promise.all(served.map((node) => node.close()))
    }
  }, 240_000)
})
