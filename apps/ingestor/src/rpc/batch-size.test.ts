import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BatchSize } from './batch-size.ts'

/** Batches as large as is allowed, to an endpoint that takes `takes` calls at once. @returns the sizes that were sent */
function send(batch: BatchSize, takes: number, batches: number): readonly number[] {
  return Array.from({ length: batches }, () => {
    const sent = batch.limit
    if (sent > takes) batch.tooLarge(sent)
    else batch.answered(sent)
    return sent
  })
}

describe('BatchSize', () => {
  test('default: it is halved until it fits, grows one by one, and stays just below what was refused', () => {
    expect(send(new BatchSize(), 20, 24)).toEqual([64, 32, 16, 17, 18, 19, 20, 21, ...growth(10, 20), ...times(5, 20)])
  })

  test('behavior: what was refused is tried again after 32 full batches, then after 64, then after 128', () => {
    const sizes = send(new BatchSize(), 1, 300)
    const tried = sizes.flatMap((sent, at) => (sent > 1 ? [at] : []))
    expect(sizes.slice(0, 6)).toEqual([64, 32, 16, 8, 4, 2])
    expect(tried.slice(6)).toEqual([38, 103, 232])
  })

  test('behavior: refusals of batches that were under way together count once', () => {
    const [one, other] = [new BatchSize(), new BatchSize()]
    one.tooLarge(64)
    for (let time = 0; time < 8; time++) other.tooLarge(64)
    expect(send(other, 40, 200)).toEqual(send(one, 40, 200))
  })

  test('property: once an endpoint takes more, the batches grow to it again, from wherever they were', () => {
    const limits = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 64 }), (before, takes) => {
        const batch = new BatchSize()
        for (const one of before) send(batch, one, 500)
        send(batch, takes, 10_000)
        expect(Math.max(...send(batch, takes, 100).filter((sent) => sent <= takes))).toBe(takes)
      }),
      { numRuns: 200 },
    )
  })
})

const times = (count: number, size: number) => Array.from({ length: count }, () => size)
const growth = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)
