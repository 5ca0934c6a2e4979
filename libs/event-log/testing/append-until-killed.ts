import { type LogAddress, openLogAt } from './log-address.ts'
import { numberedTransaction } from './numbered-transaction.ts'

// The child process of the `kill -9` test. Appends one numbered transaction after the other and prints the number of each
// once it is acknowledged. Arguments: the log's address as JSON, transactional id, first number, two topics.
const [address = '', transactionalId = '', first = '', topicA = '', topicB = ''] = process.argv.slice(2)

const log = await openLogAt(JSON.parse(address) as LogAddress)
const producer = await log.openProducer(transactionalId)
for (let n = Number(first); ; n++) {
  await producer.append(numberedTransaction(n, [topicA, topicB]))
  process.stdout.write(`${n}\n`) // to a pipe: written before the next line runs
}
