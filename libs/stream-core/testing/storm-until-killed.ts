import { openEmbeddedLog } from '@tocsin/event-log'
import { openJob, type SourceRecord } from '../src/index.ts'
import { stormTopology } from './storm.ts'

// The child process of the `kill -9` test: writes the history to an embedded log where it left off, folds it, and prints
// a line at each commit. Arguments: a folder, and the history as JSON, by topic and partition.
const [folder = '', history = ''] = process.argv.slice(2)
const inputs = JSON.parse(history) as {
  readonly topic: string
  readonly partition: number
  readonly records: readonly SourceRecord<unknown>[]
}[] // the parent's own words

const log = await openEmbeddedLog(`${folder}/log`)
await log.createTopics([
  { topic: 'chain', partitions: 1 },
  { topic: 'prices', partitions: 2 },
  { topic: 'findings', partitions: 3 },
  { topic: 'dead', partitions: 1 },
])
const job = await openJob({
  topology: stormTopology(),
  log,
  stateFolder: `${folder}/state`,
  progressTopic: 'progress',
  deadLetters: { topic: 'dead', encode: ({ operator, origin }) => Buffer.from(`${operator} ${origin}`) },
  clock: () => performance.now(),
  commitIntervalMs: 0,
  checkpointIntervalMs: 0,
  batchSize: 5,
  progressIntervalMs: 0,
  onProgress: ({ commits, checkpoints }) => process.stdout.write(`${commits} ${checkpoints}\n`),
})
const stop = new AbortController()
const running = job.run(stop.signal)
const producer = await log.openProducer('writer')
const written = await Promise.all(inputs.map((at) => log.offsets(at).then(({ end }) => end)))
for (let round = 0; inputs.some(({ records }, index) => (written[index] ?? 0) < records.length); round += 1) {
  for (const [index, { topic, partition, records }] of inputs.entries()) {
    const from = written[index] ?? 0
    const batch = records.slice(from, from + 1 + (round % 5))
    if (batch.length === 0) continue
    const value = (record: SourceRecord<unknown>) => Buffer.from(JSON.stringify(record))
    await producer.append(batch.map((record) => ({ topic, partition, key: null, value: value(record) })))
    written[index] = from + batch.length
  }
}
stop.abort()
await running
await job.runToEnd()
process.stdout.write('done\n')
await job.close()
await producer.close()
await log.close()
