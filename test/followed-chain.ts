import { transactionsTopic, type JsonCodec } from '@tocsin/chain-model'
import type { TestChain } from '@tocsin/demo'
import { openEmbeddedLog, readRange, type EventLog } from '@tocsin/event-log'
import { chainsOf, ingestorSettings, startIngestor } from '@tocsin/ingestor'
import { createMetrics, loadSettings, silentLogger, type Metrics } from '@tocsin/service-kit'

/** An ingestor that follows a local chain into a log of its own. */
export interface FollowedChain {
  readonly log: EventLog
  readonly metrics: Metrics
  /** Ends it and closes the log; again without effect. */
  readonly stop: () => Promise<void>
}

/** Follows the chain from block 0, unless the flags say otherwise, with the prefix `tocsin`. */
export async function followTestChain(
  chain: Pick<TestChain, 'rpcUrl' | 'chainId'>,
  folder: string,
  flags: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<FollowedChain> {
  const log = await openEmbeddedLog(folder)
  // Before the first block is in it, so that it can be read at any time.
  await log.createTopics([{ topic: transactionsTopic('tocsin', chain.chainId), partitions: 1 }])
  const metrics = createMetrics()
  const { ingestor: config } = loadSettings(
    { ingestor: ingestorSettings },
    { env: {}, flags: { rpc: [chain.rpcUrl], from: '0', 'poll-interval': '20ms', ...flags } },
  )
  const ending = new AbortController()
  const running = startIngestor(
    chainsOf(config),
    { log, logger: silentLogger, metrics, prefix: 'tocsin' },
    ending.signal,
  )
  let stopped: Promise<void> | undefined
  const stop = () =>
    (stopped ??= (async () => {
      ending.abort()
      await running.done
      await log.close()
    })())
  return { log, metrics, stop }
}

/** All that a topic of one partition holds. */
export async function recordsOf<T>(log: EventLog, topic: string, codec: JsonCodec<T>): Promise<readonly T[]> {
  const at = { topic, partition: 0 }
  const { beginning, end } = await log.offsets(at)
  const all: T[] = []
  for await (const { records } of readRange(log, { ...at, offset: beginning }, end))
    all.push(...records.map(({ value }) => codec.decode(value)))
  return all
}
