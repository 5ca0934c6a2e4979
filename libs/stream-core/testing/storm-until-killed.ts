import { readFileSync } from 'node:fs'
import { openEmbeddedLog } from '@tocsin/event-log'
import { openJob } from '../src/index.ts'
import { openLevelStore } from '../src/state/level-store.ts'
import { watchTopology } from './simulation/market.ts'

// The child process of the `kill -9` storm: writes the history to an embedded log where it left off, and folds it.
// Arguments: a folder, a file with the history as JSON lines, each a topic, a partition and a record as text, and
// perhaps the bytes of a part of a checkpoint. Prints `rolled back` if the last process left one unfinished,
// then `open`, and `checkpoint` when one begins.
const batchLines = 4
const [folder = '', file = '', partBytes] = process.argv.slice(2)
const lines = readFileSync(file, 'utf8')
  .split('\n')
  .map((line) => JSON.parse(line) as readonly [topic: string, partition: number, record: string]) // the parent's words

const log = await openEmbeddedLog(`${folder}/log`)
await log.createTopics([
  { topic: 'chain', partitions: 1 },
  { topic: 'prices', partitions: 2 },
  { topic: 'findings', partitions: 3 },
  { topic: 'outcomes', partitions: 1 },
  { topic: 'dead-letters', partitions: 1 },
  { topic: 'written', partitions: 1 },
])
const job = await openJob({
  topology: watchTopology({ maxFinishedIds: 100 }),
  log,
  stateFolder: '',
  openStore: async () => {
    const store = await openLevelStore(`${folder}/state`, {
      ...(partBytes !== undefined && { partBytes: Number(partBytes) }),
      onRolledBack: () => process.stdout.write('rolled back\n'),
    })
    const begin = () => {
      process.stdout.write('checkpoint\n')
      return store.begin()
    }
    return { ...store, begin }
  },
  progressTopic: 'progress',
  deadLetters: { topic: 'dead-letters', encode: ({ operator, origin }) => Buffer.from(`${operator} ${origin}`) },
  clock: () => performance.now(),
  commitIntervalMs: 2,
  checkpointIntervalMs: 10,
  batchSize: 50,
})
process.stdout.write('open\n')
const stop = new AbortController()
const running = job.run(stop.signal)
const producer = await log.openProducer('writer')
// One record a transaction of this topic beside each batch: where to go on.
let next = await log.offsets({ topic: 'written', partition: 0 }).then(({ end }) => end * batchLines)
while (next < lines.length) {
  const batch = lines.slice(next, next + batchLines)
  const records = batch.map(([topic, partition, record]) => ({
    topic,
    partition,
    key: null,
    value: Buffer.from(record),
  }))
  await producer.append([...records, { topic: 'written', partition: 0, key: null, value: new Uint8Array() }])
  next += batchLines
}
stop.abort()
await running
await job.runToEnd()
process.stdout.write('done\n')
await job.close()
await producer.close()
await log.close()
