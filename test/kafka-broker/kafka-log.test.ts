import { openKafkaLog } from '@tocsin/event-log'
import { eventLogSuite, openKafkaLogOver, readTo, textOf } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
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

  // What decision 0013 says of it, and that the bench measures what it says.
  test('behavior: at least once, what comes last is there after the rest, and nobody is fenced', async () => {
    const log = openKafkaLogOver({ brokers, clientId: 'test' }, { delivery: 'at-least-once' })
    const at = { topic: `test.at-least-once.${crypto.randomUUID()}`, partition: 0 }
    await log.createTopics([{ topic: at.topic, partitions: 1 }])
    const [first, second] = [await log.openProducer('test.owner'), await log.openProducer('test.owner')]
    const records = (texts: readonly string[]) => texts.map((text) => ({ ...at, key: null, value: Buffer.from(text) }))
    expect(await second.append(records(['output', 'marker']))).toEqual([{ ...at, offset: 2 }])
    expect(await first.append(records(['output', 'marker']))).toEqual([{ ...at, offset: 4 }])
    const texts = (await readTo(log, { ...at, offset: 0 }, 4)).map(textOf)
    expect(texts).toEqual(['output', 'marker', 'output', 'marker'])
    await log.close()
  })
})
