import { setTimeout } from 'node:timers/promises'
import { openEmbeddedLog, openKafkaLog } from '@tocsin/event-log'
import { chainsOf, ingestorSettings, startIngestor } from '@tocsin/ingestor'
import { createMetrics, loadSettings, silentLogger } from '@tocsin/service-kit'
import { rounded } from '../measure.ts'

/** What {@link ../ingest.ts} asks of this process, in its one argument. */
export interface IngestRun {
  readonly url: string
  readonly blocks: number
  readonly prefix: string
  /** Whether hashes and roots are recomputed. */
  readonly verify: 'on' | 'off'
  readonly log: { readonly folder: string } | { readonly brokers: readonly string[] }
}

/** Ingests from the node until its head is in the log, and tells at the end what it took. */
const run = JSON.parse(process.argv[2] ?? '') as IngestRun
const log =
  'folder' in run.log
    ? await openEmbeddedLog(run.log.folder)
    : openKafkaLog({ brokers: run.log.brokers, clientId: 'tocsin-bench-ingest' })
const { ingestor: config } = loadSettings(
  { ingestor: ingestorSettings },
  { env: {}, flags: { rpc: [run.url], from: '0', traces: 'none', 'verify-hashes': run.verify } },
)
const metrics = createMetrics()
const ending = new AbortController()
const [began, before] = [performance.now(), process.cpuUsage()]
const running = startIngestor(
  chainsOf(config),
  { log, logger: silentLogger, metrics, prefix: run.prefix },
  ending.signal,
)
let failure: Error | undefined
running.done.catch((cause: unknown) => (failure = new Error('The ingestor ended.', { cause })))

const sample = async (name: string): Promise<number> => {
  const line = (await metrics.exposition()).split('\n').find((one) => one.startsWith(`${name}{`))
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ')))
}
while ((await sample('tocsin_ingestor_blocks_total')) < run.blocks) {
  if (failure !== undefined) throw failure
  await setTimeout(50)
}
const { user, system } = process.cpuUsage(before)
const seconds = (performance.now() - began) / 1000
const [blocks, events] = [await sample('tocsin_ingestor_blocks_total'), await sample('tocsin_ingestor_events_total')]
const took = {
  ...{ blocks, events, seconds: rounded(seconds), cpuSeconds: rounded((user + system) / 1e6) },
  peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
}
process.stdout.write(`${JSON.stringify(took)}\n`)
ending.abort()
await running.done.catch(() => {})
await log.close()
