import { openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { encodeMarker, newMarker } from './marker.ts'
import { markerRecord, readMarkers } from './progress-log.ts'

const position = { topic: 'progress', partition: 0, key: '0', transactionalId: 'job' }
const marker = (steps: number) =>
  newMarker({
    job: 'job',
    version: '1',
    steps,
    inputs: [],
    proofs: {},
    sent: {},
    answers: 0,
    written: [],
    resumptions: [],
    returns: [],
  })

describe('readMarkers', () => {
  test('behavior: an owner that was fenced may still trim while its successor reads', async () => {
    const log = openSimulatedLog()
    await log.createTopics([{ topic: 'progress', partitions: 1 }])
    const producer = await log.openProducer('job')
    for (const steps of [1, 2, 3]) await producer.append([markerRecord(position, marker(steps))])
    const openReader = log.openReader.bind(log)
    log.openReader = async (positions) => {
      await log.trim({ topic: 'progress', partition: 0 }, 2)
      return openReader(positions)
    }
    const markers = await readMarkers(log, position)
    expect(markers.map(({ steps }) => steps)).toEqual([3])
  })

  test('error: a marker of another format is refused', async () => {
    const log = openSimulatedLog()
    await log.createTopics([{ topic: 'progress', partitions: 1 }])
    const producer = await log.openProducer('job')
    const { format: _, ...old } = JSON.parse(Buffer.from(encodeMarker(marker(1))).toString()) as Record<string, unknown>
    const value = Buffer.from(JSON.stringify(old))
    await producer.append([{ topic: 'progress', partition: 0, key: Buffer.from('0'), value }])
    await expect(readMarkers(log, position)).rejects.toThrow(
      'A progress marker of job "job" has format 1; this version reads format 5.',
    )
  })
})
