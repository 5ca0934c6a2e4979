import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { watchEventLoop } from './event-loop.ts'

test('behavior: a loop that is held is as late as it was held', async () => {
  const watched = watchEventLoop(10)
  await setTimeout(50)
  const heldUntil = performance.now() + 250
  while (performance.now() < heldUntil);
  await setTimeout(20)
  const { p50, p99, max } = watched.delay()
  watched.stop()
  expect(max).toBeGreaterThan(200)
  expect([p50, p99, max].toSorted((a, b) => a - b)).toEqual([p50, p99, max])
})
