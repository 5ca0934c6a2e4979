import { describe, expect, test } from 'vitest'
import { alertTimeline, timelineEnd } from './alert-timeline.ts'
import { alertId, sampleAlert } from './testing/sample-alert.ts'

const minute = 60_000
const at = (eventTime: number, fields: object = {}) => sampleAlert({ id: alertId(eventTime), eventTime, ...fields })

describe('alertTimeline', () => {
  test('default: an alert counts in its minute, by severity', () => {
    const alerts = [at(10 * minute), at(10 * minute + 59_999, { severity: 'low' }), at(9 * minute - 1)]
    const timeline = alertTimeline(alerts, 10 * minute + 5, 3, 0)
    expect(timeline.map(({ start, total }) => [start / minute, total])).toEqual([
      [8, 1],
      [9, 0],
      [10, 2],
    ])
    expect(timeline[2]?.counts).toMatchObject({ high: 1, low: 1 })
  })

  test('behavior: retracted alerts are not counted, nor those outside', () => {
    const alerts = [at(10 * minute, { status: 'retracted' }), at(minute), at(11 * minute)]
    expect(alertTimeline(alerts, 10 * minute, 3, 0).map(({ total }) => total)).toEqual([0, 0, 0])
  })

  test('behavior: minutes that begin before the oldest alert read are not complete', () => {
    const complete = alertTimeline([], 10 * minute, 3, 8 * minute + 1).map((one) => one.complete)
    expect(complete).toEqual([false, true, true])
  })
})

describe('timelineEnd', () => {
  test('default: now while the chain lives, the newest alert on recorded history', () => {
    expect(timelineEnd(undefined, 5, 60)).toBe(5)
    expect(timelineEnd(at(0), 30 * minute, 60)).toBe(30 * minute)
    expect(timelineEnd(at(1_000), 60 * minute + 1_000, 60)).toBe(1_000)
  })
})
