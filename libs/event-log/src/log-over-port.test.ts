import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { eventLogSuite } from '../testing/event-log.suite.ts'
import { openSimulatedLog } from '../testing/index.ts'
import { openEmbeddedLog } from './embedded-log.ts'
import { CommitUnknownError, EventLogError, LogClosedError } from './errors.ts'
import type { EventLog } from './event-log.ts'
import { logOverPort, serveLog } from './log-over-port.ts'

const overPort = (log: EventLog) => {
  const { port1, port2 } = new MessageChannel()
  const server = serveLog(log, port1)
  return { log: logOverPort(port2), server }
}

eventLogSuite(
  'simulated log over a port',
  async () => {
    let inner = openSimulatedLog()
    let over = overPort(inner)
    const opened = [over]
    return {
      log: over.log,
      reopen: async () => {
        inner = inner.reopen()
        over = overPort(inner)
        opened.push(over)
        return over.log
      },
      dispose: async () => {
        for (const { log, server } of opened) {
          await log.close()
          await server.close()
        }
        await inner.close()
      },
    }
  },
  { isInMemory: true },
)

describe('logOverPort', () => {
  test('default: the embedded log of another thread is read and written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'log-over-port-'))
    const inner = await openEmbeddedLog(folder)
    const { log, server } = overPort(inner)
    await log.createTopics([{ topic: 'a', partitions: 2 }])
    const producer = await log.openProducer('p')
    const value = Buffer.from('value')
    expect(await producer.append([{ topic: 'a', partition: 1, key: null, value }])).toEqual([
      { topic: 'a', partition: 1, offset: 1 },
    ])
    expect(value.toString()).toBe('value')
    const reader = await log.openReader([{ topic: 'a', partition: 1, offset: 0 }])
    const [batch] = await reader.poll(1000)
    expect(batch?.records.map((record) => [record.offset, record.key, Buffer.from(record.value).toString()])).toEqual([
      [0, null, 'value'],
    ])
    await log.close()
    await server.close()
    await inner.close()
    await rm(folder, { recursive: true })
  })
  test('error: errors keep their class, code, remedy and handling', async () => {
    const inner = openSimulatedLog()
    const { log, server } = overPort(inner)
    await log.createTopics([{ topic: 'a', partitions: 1 }])
    inner.decideAppends(() => 'lost')
    const producer = await log.openProducer('p')
    const error: unknown = await producer
      .append([{ topic: 'a', partition: 0, key: null, value: Buffer.from('x') }])
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(CommitUnknownError)
    expect(error).toBeInstanceOf(EventLogError)
    const plain = new CommitUnknownError('p')
    const { code, handling, remedy, message } = error as CommitUnknownError
    expect([code, handling, remedy, message]).toEqual([plain.code, plain.handling, plain.remedy, plain.message])
    await log.close()
    await server.close()
  })
  test('error: what was asked when the port closes is refused', async () => {
    const inner = openSimulatedLog()
    const { log, server } = overPort(inner)
    await log.createTopics([{ topic: 'a', partitions: 1 }])
    const reader = await log.openReader([{ topic: 'a', partition: 0, offset: 0 }])
    const polled = reader.poll(60_000)
    await server.close()
    await expect(polled).rejects.toBeInstanceOf(LogClosedError)
    await expect(log.partitions('a')).rejects.toBeInstanceOf(LogClosedError)
  })
})
