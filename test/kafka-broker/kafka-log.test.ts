import { openKafkaLog } from '@tocsin/event-log'
import { eventLogSuite } from '@tocsin/event-log/testing'
import { test } from 'vitest'
import { sharedKafkaBroker } from './shared-broker.ts'

const broker = await sharedKafkaBroker()

if ('missing' in broker) {
  test('openKafkaLog', (context) => context.skip(broker.missing))
} else {
  const brokers = [broker.bootstrap]
  eventLogSuite('kafka', async () => {
    const opened = [openKafkaLog({ brokers, clientId: 'test' })]
    const [log] = opened
    if (log === undefined) throw new Error('assertion: opened above')
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
}
