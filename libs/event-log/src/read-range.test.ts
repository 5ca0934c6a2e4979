import { describe, expect, test } from 'vitest'
import { appendAll, at, newTopic, textOf } from '../testing/log-actions.ts'
import { openSimulatedLog } from '../testing/simulated-log.ts'
import { OffsetOutOfRangeError } from './errors.ts'
import { readRange } from './read-range.ts'

describe('readRange', () => {
  const setUp = async () => {
    const log = openSimulatedLog({ markers: true })
    const topic = await newTopic(log, 1)
    for (const texts of [['a', 'b'], ['c'], ['d', 'e']])
      await appendAll(
        log,
        texts.map((text) => at(topic, 0, text)),
      )
    const texts = async (from: number, end: number) => {
      const found: string[] = []
      for await (const { records } of readRange(log, { topic, partition: 0, offset: from }, end))
        found.push(...records.map(textOf))
      return found
    }
    return { log, topic, texts }
  }

  test('default: the records from the position on and below the end, markers passed over', async () => {
    const { texts } = await setUp()
    expect(await texts(1, 6)).toEqual(['b', 'c', 'd'])
    expect(await texts(0, 8)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('behavior: nothing is waited for where the position is at the end', async () => {
    const { texts } = await setUp()
    expect(await texts(8, 8)).toEqual([])
  })

  test('error: what was trimmed away is told', async () => {
    const { log, topic, texts } = await setUp()
    await log.trim({ topic, partition: 0 }, 3)
    await expect(texts(0, 8)).rejects.toBeInstanceOf(OffsetOutOfRangeError)
  })
})
