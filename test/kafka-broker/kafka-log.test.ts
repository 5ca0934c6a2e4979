import { openKafkaLog } from '@tocsin/event-log'
import { eventLogSuite } from '@tocsin/event-log/testing'
import { describe } from 'vitest'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const broker = await sharedKafkaBroker()
const brokers = 'missing' in broker ? [] : [broker.bootstrap]

describe.skipIf('missing' in broker)(`openKafkaLog, ${originOf(broker)}`, () => {
  eventLogSuite('kafka', async () => {
    const log = openKafkaLog({ brokers, clientId: 'test' })
    const opened = [log]
    return {
      log,
      address: { type: 'kafka', brokers },
      reopen: async () => {
        const later = openKafkaLog({ brokers, clientId: 'test-later' })
        opened.push(later)
        return later
      },
      dispose: async () => {
        await Promise.all(opened.map((one) => one.close()))
      },
    }
  })
})
