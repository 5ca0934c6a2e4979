import { openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { ownedLog } from './owned-log.ts'

describe('ownedLog', () => {
  test('behavior: a process that may be out of its group fences nobody, and may try again', async () => {
    const log = openSimulatedLog()
    await log.createTopics([{ topic: 't', partitions: 1 }])
    let isMember = false
    const owned = ownedLog(log, { isMember: () => isMember, rejoin: () => {}, run: async () => {} })
    const rightful = await log.openProducer('shard')
    await expect(owned.openProducer('shard')).rejects.toMatchObject({ handling: 'retry' })
    await rightful.append([{ topic: 't', partition: 0, key: null, value: Buffer.from('mine') }])
    isMember = true
    await owned.openProducer('shard')
    await expect(
      rightful.append([{ topic: 't', partition: 0, key: null, value: Buffer.from('no more') }]),
    ).rejects.toMatchObject({ code: 'LOG_PRODUCER_FENCED' })
  })
})
