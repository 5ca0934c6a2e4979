import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configureDetectors, runDetection } from '@tocsin/detector'
import { openEmbeddedLog } from '@tocsin/event-log'
import { decodeRecording, ingestPriceFile, ingestRecording, loadKnowledge, openRecording } from '@tocsin/ingestor'

const range = 'chain-data/eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz'
const prefix = 'bench'

/** How many events (logs of mainnet, decoded) a second pass through ingestion and through all detectors? */
export async function replay(shared: string): Promise<unknown> {
  const path = join(shared, range)
  if (!existsSync(path)) return { skipped: `${path} is not there; TOCSIN_SHARED names the folder` }
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
  const log = await openEmbeddedLog(join(folder, 'log'))
  try {
    const recording = await openRecording([path])
    const knowledge = await loadKnowledge({})
    const [chain] = recording.chains
    if (chain === undefined) throw new Error(`${path} holds no chain.`)
    // One USD for all that is listed: what the prices are does not matter, that there are some does.
    const ticks = knowledge.tokens
      .filter(({ chainId }) => chainId === chain.chainId)
      .map(({ chainId, address }) => ({
        ...({ type: 'price', chainId, asset: address, price8: 100_000_000n, source: 'bench', time: 0 } as const),
        maxAge: null,
      }))
    await ingestPriceFile({ file: { ticks, bad: [] }, log, prefix, chainId: chain.chainId })
    let events = 0
    for await (const record of decodeRecording(recording, { knowledge })) {
      if (record.type === 'sealed') events += record.events
    }
    const began = performance.now()
    await ingestRecording({ recording, knowledge, log, prefix })
    const ingested = performance.now()
    const { alerts, elements } = await runDetection({
      ...{ log, prefix, chainId: chain.chainId, detectors: configureDetectors([]) },
      stateFolder: join(folder, 'state'),
      commitIntervalMs: 1_000,
      clock: () => performance.now(),
    })
    const detected = performance.now()
    const perSecond = (ms: number) => Math.round((events * 1000) / ms)
    return {
      recording: range,
      blocks: chain.blocks,
      events,
      elements,
      alerts: alerts.length,
      ingest: { ms: Math.round(ingested - began), eventsPerSecond: perSecond(ingested - began) },
      detect: { ms: Math.round(detected - ingested), eventsPerSecond: perSecond(detected - ingested) },
      whole: { ms: Math.round(detected - began), eventsPerSecond: perSecond(detected - began) },
      cpuSeconds: process.cpuUsage().user / 1e6,
    }
  } finally {
    await log.close()
    await rm(folder, { recursive: true })
  }
}
