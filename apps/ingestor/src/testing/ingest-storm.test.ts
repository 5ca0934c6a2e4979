import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import type { Clock } from '../rpc/clock.ts'
import { httpTransport } from '../rpc/http-transport.ts'
import { webSocketTransport } from '../rpc/web-socket-transport.ts'
import { ingestDefects } from './ingest-defects.ts'
import { BrokenIngestError, runIngestStorm } from './ingest-storm.ts'
import { serveNode, type ServedNode } from './serve-node.ts'
import type { SimulatedNode } from './simulated-node.ts'

/** Seeds from 1 on that every run plays; `npm run soak -- ingest` plays fresh ones. */
const seeds = 500
/** Within so many seeds each defect is found. */
const bound = 120

describe('runIngestStorm', () => {
  test(`property: over the seeds 1 to ${seeds} the log is the canonical chain, whatever the nodes did`, async () => {
    const met = new Map<string, number>()
    let deepest = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const report = await runIngestStorm(seed)
      deepest = Math.max(deepest, report.deepest)
      for (const [kind, times] of report.met) met.set(kind, (met.get(kind) ?? 0) + times)
    }
    // Else the law was not put to the test.
    expect(deepest).toBeGreaterThanOrEqual(64)
    for (const kind of ['stale', 'nothing', 'lie', 'error', 'garbage', 'truncated', 'limited', 'down', 'hang', 'drop'])
      expect([kind, (met.get(kind) ?? 0) > 20]).toEqual([kind, true])
    for (const kind of [
      'crash',
      'read far ahead',
      'hedged',
      'quarantined',
      'INGEST_FLIPPING_FORKS',
      'INGEST_FINAL_BLOCK_CONFLICT',
    ])
      expect([kind, met.has(kind)]).toEqual([kind, true])
  }, 900_000)

  describe(`within the first ${bound} seeds it finds`, () => {
    test.each(ingestDefects)(
      '$name',
      async (defect) => {
        for (let seed = 1; seed <= bound; seed++) {
          try {
            await runIngestStorm(seed, { defect })
          } catch (error) {
            expect(error).toBeInstanceOf(BrokenIngestError)
            process.stdout.write(`${defect.name}: ${String(error)}\n`)
            return
          }
        }
        expect.unreachable(`${defect.name}: not found in ${bound} seeds`)
      },
      600_000,
    )
  })

  describe('over real sockets', () => {
    const served = new Map<SimulatedNode, ServedNode>()
    afterAll(async () => {
      for (const node of served.values()) await node.close()
    })

    /** Five times as fast as the world's: the storm is the same, and nobody waits for it. */
    const fast: Clock = {
      now: () => performance.now() * 5,
      async wait(ms, signal) {
        await sleep(ms / 5, undefined, { signal }).catch(() => signal.throwIfAborted())
      },
    }
    const serve = (kind: 'http' | 'ws') => async (node: SimulatedNode) => {
      const at = served.get(node) ?? (await serveNode(node))
      served.set(node, at)
      return kind === 'http' ? httpTransport(at.httpUrl) : webSocketTransport(at.webSocketUrl)
    }

    test.each(['http', 'ws'] as const)('property: the same holds over %s', async (kind) => {
      const storms = [1, 2, 3, 4].map((seed) => runIngestStorm(seed, { clock: fast, serve: serve(kind), blockMs: 250 }))
      for (const report of await Promise.all(storms)) expect(report.blocks).toBeGreaterThan(0)
    })
  })
})
