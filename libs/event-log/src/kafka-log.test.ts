import { createServer } from 'node:net'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { LogUnavailableError } from './errors.ts'
import { openKafkaLog } from './kafka-log.ts'

// What needs no broker; the suite runs on one in test/kafka-broker.
describe('openKafkaLog', () => {
  test('error: no broker answers: each call says so, with the address, and warnings go to `log`', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
    server.close()
    await once(server, 'close')
    const warnings: string[] = []
    const log = openKafkaLog({
      brokers: [`127.0.0.1:${address.port}`],
      clientId: 'test',
      log: (_level, message) => warnings.push(message),
    })
    const calls = [
      log.partitions('topic'),
      log.createTopics([{ topic: 'topic', partitions: 1 }]),
      log.openProducer('id'),
      log.openReader([{ topic: 'topic', partition: 0, offset: 0 }]),
    ]
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected' })
      if (result.status === 'rejected') {
        expect(result.reason).toBeInstanceOf(LogUnavailableError)
        expect(result.reason).toHaveProperty('message', expect.stringContaining(`127.0.0.1:${address.port}`))
      }
    }
    expect(warnings.length).toBeGreaterThan(0)
    await log.close()
  })

  test('error: a name that no server knows', async () => {
    const log = openKafkaLog({ brokers: ['broker.invalid:9092'], clientId: 'test', requestTimeoutMs: 2000 })
    await expect(log.partitions('topic')).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
      handling: 'retry',
      message: expect.stringContaining('broker.invalid') as unknown,
    })
    await log.close()
  })

  test('error: what takes connections and never answers: each call ends in twice the time of a request', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
    const log = openKafkaLog({ brokers: [`127.0.0.1:${address.port}`], clientId: 'test', requestTimeoutMs: 300 })
    const calls = [
      log.partitions('topic'),
      log.offsets({ topic: 'topic', partition: 0 }),
      log.createTopics([{ topic: 'topic', partitions: 1 }]),
      log.openProducer('id'),
      log.openReader([{ topic: 'topic', partition: 0, offset: 0 }]),
      log.trim({ topic: 'topic', partition: 0 }, 1),
    ]
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'LOG_UNAVAILABLE', handling: 'retry' } })
    }
    await log.close()
    server.close()
  })
})
