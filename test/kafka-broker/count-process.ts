import { openKafkaLog } from '@tocsin/event-log'
import { openShardedJob } from '@tocsin/stream-core'
import { countJob } from './count-job.ts'
import type { CountProcessOptions } from './count-cluster.ts'

/** One process of a `CountCluster`: runs its shards until SIGTERM, and prints what becomes of them as lines of JSON. */
const options = JSON.parse(process.argv[2] ?? '') as CountProcessOptions // its parent's
const { brokers, name, shards, standbys, sessionTimeoutMs, heartbeatIntervalMs, checkpointIntervalMs } = options
const tell = (line: object) => process.stdout.write(`${JSON.stringify({ at: Date.now(), ...line })}\n`)

const log = openKafkaLog({ brokers, clientId: `count-${process.pid}` })
const job = await openShardedJob({
  definition: countJob({ input: `${name}.in`, output: `${name}.out`, dead: `${name}.dead` }),
  log,
  group: log.group({ groupId: name, sessionTimeoutMs, heartbeatIntervalMs }),
  shards,
  standbys,
  stateFolder: options.stateFolder,
  progressTopic: `${name}.progress`,
  internalTopics: `${name}.internal`,
  checkpointIntervalMs,
  onEvent: tell,
})
const ending = new AbortController()
process.once('SIGTERM', () => {
  tell({ type: 'terminating' })
  ending.abort()
})
await job.run(ending.signal)
tell({ type: 'ended' })
await log.close()
