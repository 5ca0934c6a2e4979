import type { Alert } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  byNewest,
  emptyFeed,
  maxHeldAlerts,
  maxListedAlerts,
  nextFeed,
  type AlertFeed,
  type FeedEvent,
} from './alert-feed.ts'
import { alertId, sampleAlert } from './testing/sample-alert.ts'

const alert = (number: number, revision = 1, eventTime = number * 1_000): Alert =>
  sampleAlert({
    id: alertId(number),
    revision,
    eventTime,
    status: revision === 1 ? 'provisional' : revision === 2 ? 'retracted' : 'confirmed',
  })

const page = (items: readonly Alert[], nextCursor: string | null = null, first = true): FeedEvent => ({
  type: 'page',
  items,
  nextCursor,
  first,
})
const live = (items: readonly Alert[], hold = false, wanted: (alert: Alert) => boolean = () => true): FeedEvent => ({
  type: 'transitions',
  items,
  wanted,
  hold,
})
const after = (...events: readonly FeedEvent[]): AlertFeed => events.reduce(nextFeed, emptyFeed)
const listed = (feed: AlertFeed) => feed.alerts.map(({ id, revision }) => [Number.parseInt(id, 16), revision])
const held = (feed: AlertFeed) => feed.held.map(({ id }) => Number.parseInt(id, 16))

describe('nextFeed', () => {
  test('default: pages and the stream make one list, newest first, ties by id descending', () => {
    const feed = after(page([alert(2), alert(1)]), live([alert(4), alert(3, 1, 4_000)]))
    expect(listed(feed)).toEqual([
      [4, 1],
      [3, 1],
      [2, 1],
      [1, 1],
    ])
    expect(feed.arrived).toEqual(new Set([alertId(4), alertId(3)]))
  })

  test('behavior: a retraction replaces the alert in its place, also while new ones are held', () => {
    const feed = after(page([alert(3), alert(2), alert(1)]), live([alert(2, 2)], true))
    expect(listed(feed)).toEqual([
      [3, 1],
      [2, 2],
      [1, 1],
    ])
  })

  test('behavior: an earlier revision that comes late changes nothing', () => {
    const before = after(page([alert(1, 3)]))
    expect(nextFeed(before, live([alert(1, 2)]))).toBe(before)
    expect(listed(nextFeed(before, page([alert(1, 1)])))).toEqual([[1, 3]])
  })

  test('behavior: held alerts wait, take their later revisions, and are shown when released', () => {
    const waiting = after(page([alert(1)]), live([alert(2)], true), live([alert(2, 2), alert(3)], true))
    expect(listed(waiting)).toEqual([[1, 1]])
    expect(held(waiting)).toEqual([3, 2])
    expect(listed(nextFeed(waiting, { type: 'release' }))).toEqual([
      [3, 1],
      [2, 2],
      [1, 1],
    ])
  })

  test('behavior: an alert that the query no longer wants leaves, from the list and from what is held', () => {
    const provisional = ({ status }: Alert) => status === 'provisional'
    const feed = after(
      page([alert(1)]),
      live([alert(2)], true, provisional),
      live([alert(1, 3), alert(2, 2)], false, provisional),
    )
    expect([listed(feed), held(feed)]).toEqual([[], []])
  })

  test('behavior: below the last listed alert nothing is slipped in while older pages are unread', () => {
    expect(listed(after(page([alert(5)], 'more'), live([alert(4)])))).toEqual([[5, 1]])
    expect(listed(after(page([alert(5)], null), live([alert(4)])))).toEqual([
      [5, 1],
      [4, 1],
    ])
  })

  test('behavior: the first page read again after a lost connection keeps the place of paging', () => {
    const feed = after(page([alert(9)], 'a'), page([alert(8)], 'b', false), page([alert(10), alert(9, 2)], 'a'))
    expect(feed.older).toEqual({ type: 'cursor', cursor: 'b' })
    expect(listed(feed)).toEqual([
      [10, 1],
      [9, 2],
      [8, 1],
    ])
  })

  test('behavior: a page left open stays bounded, and what is let go can be paged for by time', () => {
    const many = Array.from({ length: maxListedAlerts }, (_, index) => alert(index + 1))
    const feed = after(page(many), live([alert(maxListedAlerts + 1)]))
    expect(feed.alerts).toHaveLength(maxListedAlerts)
    expect(feed.older).toEqual({ type: 'until', eventTime: 2_000 })
  })

  test('behavior: not more than the limit is held', () => {
    const many = Array.from({ length: maxHeldAlerts + 5 }, (_, index) => alert(index + 2))
    expect(after(page([alert(1)]), live(many, true)).held).toHaveLength(maxHeldAlerts)
  })

  test('property: in whatever batches and order transitions come, the list ends the same', () => {
    const transitions = fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4 })), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(transitions, fc.array(fc.nat(4), { minLength: 30, maxLength: 30 }), (numbers, cuts) => {
        const alerts = numbers.map(([number, revision]) => alert(number, revision))
        const events: FeedEvent[] = [page([])]
        for (let at = 0; at < alerts.length;) {
          const size = (cuts[at] ?? 0) + 1
          events.push(size % 2 === 0 ? page(alerts.slice(at, at + size)) : live(alerts.slice(at, at + size), size > 3))
          at += size
        }
        const feed = after(...events, { type: 'release' })
        const newest = new Map<string, Alert>()
        for (const one of alerts) if ((newest.get(one.id)?.revision ?? 0) < one.revision) newest.set(one.id, one)
        expect(feed.alerts).toEqual([...newest.values()].sort(byNewest))
      }),
    )
  })
})
