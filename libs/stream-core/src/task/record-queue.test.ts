import { beforeEach, describe, expect, test } from 'vitest'
import { RecordQueue } from './record-queue.ts'

const record = (offset: number) => ({ offset, key: null, value: new Uint8Array(10) })
const seen = (queue: RecordQueue) => ({
  head: queue.head?.offset,
  taken: queue.taken,
  ...queue.position,
  length: queue.length,
  bytes: queue.bytes,
})

describe('RecordQueue', () => {
  let queue = new RecordQueue(true)
  beforeEach(() => {
    queue = new RecordQueue(true)
    queue.start({ offset: 3, ordinal: 0 })
    queue.offer([3, 4, 6].map(record), 7)
  })

  test('default: records wait in their order, and are left one by one', () => {
    expect(seen(queue)).toEqual({ head: 3, taken: 0, offset: 3, ordinal: 0, length: 3, bytes: 30 })
    queue.leave()
    queue.take()
    queue.take()
    expect(seen(queue)).toEqual({ head: 4, taken: 2, offset: 4, ordinal: 2, length: 2, bytes: 20 })
    expect([...queue.queued()].map(({ record: { offset }, taken }) => [offset, taken])).toEqual([
      [4, 2],
      [6, 0],
    ])
    queue.leave()
    expect(seen(queue)).toEqual({ head: 6, taken: 0, offset: 5, ordinal: 0, length: 1, bytes: 10 })
  })
  test('behavior: what was read before is not read twice', () => {
    queue.offer([4, 6, 7].map(record), 8)
    expect([queue.length, queue.fetchOffset]).toEqual([4, 8])
  })
  test('behavior: a rewind finds what was taken, down to what was released', () => {
    queue.leave()
    queue.leave()
    queue.leave()
    queue.release({ offset: 4, ordinal: 0 })
    queue.rewind({ offset: 4, ordinal: 1 })
    expect(seen(queue)).toEqual({ head: 4, taken: 1, offset: 4, ordinal: 1, length: 2, bytes: 20 })
    queue.rewind({ offset: 3, ordinal: 0 })
    expect(queue.head?.offset).toBe(4)
  })
  test('behavior: what was taken is dropped unless it is kept', () => {
    const passing = new RecordQueue(false)
    passing.offer(
      Array.from({ length: 3000 }, (_, offset) => record(offset)),
      3000,
    )
    for (let left = 0; left < 2500; left += 1) passing.leave()
    expect(seen(passing)).toEqual({ head: 2500, taken: 0, offset: 2500, ordinal: 0, length: 500, bytes: 5000 })
    passing.rewind({ offset: 0, ordinal: 0 })
    expect(passing.head?.offset).toBe(2048)
  })
  test('behavior: a start forgets what was read', () => {
    queue.start({ offset: 9, ordinal: 1 })
    expect([queue.head, queue.position, queue.fetchOffset, queue.bytes]).toEqual([
      undefined,
      { offset: 9, ordinal: 1 },
      9,
      0,
    ])
  })
})
