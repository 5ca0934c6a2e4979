import { createInterface } from 'node:readline'
import { openEmbeddedLog } from '../src/embedded-log.ts'
import { CommitUnknownError, LogFullError } from '../src/errors.ts'

// The child process of the full-disk test; its parent limits how large its files may grow. Appends numbered records until
// there is no space, says so, tries again at each line on its input, and prints what was acknowledged.
const [folder = '', fsync] = process.argv.slice(2)
const place = { topic: 'topic', partition: 0 }
const log = await openEmbeddedLog(folder, { fsync: fsync === 'commit' ? 'commit' : 'never' })
await log.createTopics([{ topic: 'topic', partitions: 1 }])
const parent = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const record = (n: number) => ({ ...place, key: null, value: Buffer.from(`${n} ${'x'.repeat(40_000)}`) })
let producer = await log.openProducer('id')
let unknown = false
for (let n = 0, left = Infinity; left > 0; left--) {
  try {
    if (unknown) producer = await log.openProducer('id') // then the end says whether the transaction is there
    const { end } = await log.offsets(place)
    if (end === n) await producer.append([record(n)])
    unknown = false
    process.stdout.write(`acknowledged ${n++}\n`)
  } catch (error) {
    unknown ||= error instanceof CommitUnknownError
    if (error instanceof CommitUnknownError) continue
    if (!(error instanceof LogFullError)) throw error
    const { end } = await log.offsets(place)
    const reader = await log.openReader([{ ...place, offset: end - 1 }])
    const batches = await reader.poll(5000)
    await reader.close()
    process.stdout.write(
      `full with ${end}, read ${batches.flatMap(({ records }) => records).length}: ${error.message}\n`,
    )
    if ((await parent.next()).value === 'space again') left = 5
  }
}
await log.close()
process.exit(0)
