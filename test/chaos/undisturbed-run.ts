import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { alertCodec, alertsTopic, transactionsTopic } from '@tocsin/chain-model'
import type { TestChain } from '@tocsin/demo'
import { configureDetectors, parseOverrides, runDetection } from '@tocsin/detector'
import { openEmbeddedLog, type EventLog } from '@tocsin/event-log'
import { chainsOf, ingestorSettings, readResumePoint, startIngestor } from '@tocsin/ingestor'
import { createMetrics, loadSettings, silentLogger } from '@tocsin/service-kit'
import { valuesOf } from './log-laws.ts'

/** What a pipeline leaves in its public topics, as the bytes that are there. */
export interface PipelineOutput {
  readonly transactions: readonly string[]
  /** The transitions of each alert, by its id: the key, so of one partition and in its order. */
  readonly alerts: ReadonlyMap<string, readonly string[]>
}

export async function readOutput(log: EventLog, prefix: string, chainId: number): Promise<PipelineOutput> {
  const transactions: string[] = []
  for await (const value of valuesOf(log, transactionsTopic(prefix, chainId), 0)) transactions.push(textOf(value))
  const alerts = new Map<string, string[]>()
  const topic = alertsTopic(prefix)
  for (let partition = 0; partition < (await log.partitions(topic)); partition++) {
    for await (const value of valuesOf(log, topic, partition)) {
      const { id } = alertCodec.decode(value)
      const transitions = alerts.get(id)
      if (transitions === undefined) alerts.set(id, [textOf(value)])
      else transitions.push(textOf(value))
    }
  }
  return { transactions, alerts }
}

const textOf = (value: Uint8Array) => Buffer.from(value).toString('utf8')

/** The settings of an ingestor of a chain that is final at a depth, so that its log depends on the chain alone. */
export const ingestorFlags = (chain: TestChain, files: { prices: string; tokens: string; labels: string }) => ({
  'chain-id': String(chain.chainId),
  from: '0',
  'poll-interval': '50 ms',
  'finality-depth': String(chain.finalityDepth),
  traces: 'none',
  ...files,
})

const deadlineMs = 120_000

/** The same pipeline without processes, broker and faults: over an embedded log, one part after the other. */
export async function runUndisturbed(options: {
  readonly chain: TestChain
  readonly files: { readonly prices: string; readonly tokens: string; readonly labels: string }
  readonly parameters: readonly string[]
  readonly folder: string
}): Promise<PipelineOutput> {
  const { chain, files, parameters, folder } = options
  const { chainId } = chain
  const prefix = 'undisturbed'
  await mkdir(folder, { recursive: true })
  const log = await openEmbeddedLog(join(folder, 'log'))
  const ending = new AbortController()
  try {
    const { tokens, labels, ...flags } = ingestorFlags(chain, files)
    const { ingestor } = loadSettings(
      { ingestor: ingestorSettings },
      { env: {}, flags: { ...flags, rpc: [chain.rpcUrl], tokens: [tokens], labels: [labels] } },
    )
    const deps = { log, logger: silentLogger, metrics: createMetrics(), prefix }
    const running = startIngestor(chainsOf(ingestor), deps, ending.signal)
    const { number } = await chain.chain.head()
    const deadline = Date.now() + deadlineMs
    for (;;) {
      const { lastSealed } = await readResumePoint(log, prefix, chainId)
      if (lastSealed?.block.number === number) break
      if (Date.now() > deadline) throw new Error(`Block ${number} was not ingested within ${deadlineMs} ms.`)
      await Promise.race([delay(50), running.done])
    }
    ending.abort()
    await running.done
    await runDetection({
      log,
      chainId,
      prefix,
      detectors: configureDetectors([], parseOverrides(parameters)),
      stateFolder: join(folder, 'state'),
      clock: () => performance.now(),
    })
    return await readOutput(log, prefix, chainId)
  } finally {
    ending.abort()
    await log.close()
  }
}
