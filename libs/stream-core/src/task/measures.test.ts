import { describe, expect, test } from 'vitest'
import { Durations, TimeAccount } from './measures.ts'

describe('Durations', () => {
  test('default: count, sum, last, longest and cumulative buckets', () => {
    const durations = new Durations()
    for (const ms of [3, 0.5, 30, 20_000]) durations.record(ms)
    const { buckets, ...rest } = durations.summary()
    expect(rest).toEqual({ count: 4, sumMs: 20_033.5, lastMs: 20_000, maxMs: 20_000 })
    expect(buckets.slice(0, 6).map(({ leMs, count }) => [leMs, count])).toEqual([
      [1, 1],
      [2, 1],
      [5, 2],
      [10, 2],
      [25, 2],
      [50, 3],
    ])
    expect(buckets.at(-1)).toEqual({ leMs: 10_000, count: 3 })
  })

  test('default: nothing yet', () => {
    expect(new Durations().summary()).toMatchObject({ count: 0, lastMs: null, maxMs: 0 })
  })
})

describe('TimeAccount', () => {
  test('default: ms a second by use, of the last whole second', () => {
    let now = 0
    const account = new TimeAccount(() => now)
    const spend = (use: 'busy' | 'idle' | 'backPressured', ms: number) => {
      account.spendOn(use)
      now += ms
    }
    spend('busy', 300)
    spend('idle', 100)
    expect(account.shares()).toMatchObject({ busyTimeMsPerSecond: 750, idleTimeMsPerSecond: 250 })
    spend('backPressured', 600)
    expect(account.shares()).toEqual({
      busyTimeMsPerSecond: 300,
      idleTimeMsPerSecond: 100,
      backPressuredTimeMsPerSecond: 600,
    })
    spend('idle', 400)
    expect(account.shares().busyTimeMsPerSecond).toBe(300) // until the next second is whole
    spend('idle', 600)
    expect(account.shares()).toMatchObject({ busyTimeMsPerSecond: 0, idleTimeMsPerSecond: 1000 })
  })

  test('behavior: what interrupts a use gives it back', () => {
    let now = 0
    const account = new TimeAccount(() => now)
    account.spendOn('busy')
    now += 10
    const before = account.spendOn('backPressured')
    now += 10
    account.spendOn(before)
    now += 20
    expect(account.shares()).toMatchObject({ busyTimeMsPerSecond: 750, backPressuredTimeMsPerSecond: 250 })
  })
})
