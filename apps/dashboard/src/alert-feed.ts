import type { Alert } from '@tocsin/chain-model'

/**
 * The list that the reader sees, as a value: a prefix of what the API would answer to the same query, newest event time
 * first and ties by id descending. Two writers feed it, pages and the live stream, in any order and as often as they like; an
 * alert stands in it once, at its highest revision.
 */
export interface AlertFeed {
  readonly alerts: readonly Alert[]
  /** Arrived while the reader was reading further down: shown when asked for, so that nothing jumps. */
  readonly held: readonly Alert[]
  /** How the list goes on below its last alert. */
  readonly older: Older
  /** Ids that came by the stream and are on screen since: they slide in. */
  readonly arrived: ReadonlySet<string>
}

/** `until`: the tail was let go, so the next page is asked for by time instead of by cursor. */
export type Older =
  | { readonly type: 'unknown' }
  | { readonly type: 'cursor'; readonly cursor: string }
  | { readonly type: 'until'; readonly eventTime: number }
  | { readonly type: 'end' }

export type FeedEvent =
  | {
      readonly type: 'page'
      readonly items: readonly Alert[]
      readonly nextCursor: string | null
      readonly first: boolean
    }
  | {
      readonly type: 'transitions'
      readonly items: readonly Alert[]
      readonly wanted: (alert: Alert) => boolean
      /** The reader is not at the top, or has paused: alerts not yet listed wait in `held`. */
      readonly hold: boolean
    }
  | { readonly type: 'release' }
  | { readonly type: 'reset' }

/** A page left open for a week stays this long; what is let go comes back by scrolling. */
export const maxListedAlerts = 2_000
/** More than this waiting: the oldest of them are let go and found by paging like any other. */
export const maxHeldAlerts = 500

export const emptyFeed: AlertFeed = { alerts: [], held: [], older: { type: 'unknown' }, arrived: new Set() }

export function nextFeed(feed: AlertFeed, event: FeedEvent): AlertFeed {
  switch (event.type) {
    case 'reset':
      return emptyFeed
    case 'release':
      return bounded({
        ...feed,
        alerts: mergeAlerts(feed.alerts, feed.held),
        held: [],
        arrived: new Set(feed.held.map(({ id }) => id)),
      })
    case 'page': {
      // What the page lists need not wait any longer, but what waited may know a later revision than the page.
      const ids = new Set(event.items.map(({ id }) => id))
      const shown = feed.held.filter(({ id }) => ids.has(id))
      const held = feed.held.filter(({ id }) => !ids.has(id))
      const alerts = mergeAlerts(mergeAlerts(feed.alerts, event.items), shown)
      const older: Older = event.nextCursor === null ? { type: 'end' } : { type: 'cursor', cursor: event.nextCursor }
      // A first page asked for again after a lost connection says nothing about what lies below the pages read since.
      return { ...feed, alerts, held, older: event.first && feed.older.type !== 'unknown' ? feed.older : older }
    }
    case 'transitions':
      return withTransitions(feed, event)
  }
}

function withTransitions(feed: AlertFeed, event: FeedEvent & { type: 'transitions' }): AlertFeed {
  const listed = new Map(feed.alerts.map((alert) => [alert.id, alert]))
  const waiting = new Map(feed.held.map((alert) => [alert.id, alert]))
  const last = feed.alerts.at(-1)
  const updated: Alert[] = []
  const gone = new Set<string>()
  const fresh: Alert[] = []
  for (const alert of mergeAlerts([], event.items)) {
    const known = listed.get(alert.id) ?? waiting.get(alert.id)
    if (known !== undefined && known.revision >= alert.revision) continue
    if (!event.wanted(alert)) gone.add(alert.id)
    else if (listed.has(alert.id)) updated.push(alert)
    else if (waiting.has(alert.id)) waiting.set(alert.id, alert)
    // Below the last listed alert there may be others not read yet: paging brings it in its place.
    else if (feed.older.type === 'end' || last === undefined || byNewest(alert, last) < 0) fresh.push(alert)
  }
  if (updated.length + gone.size + fresh.length === 0 && waiting.size === feed.held.length) {
    const same = feed.held.every((alert) => waiting.get(alert.id) === alert)
    if (same) return feed
  }
  const held = [...waiting.values()].filter(({ id }) => !gone.has(id))
  const alerts = mergeAlerts(
    gone.size === 0 ? feed.alerts : feed.alerts.filter(({ id }) => !gone.has(id)),
    event.hold ? updated : [...updated, ...fresh],
  )
  const next = {
    ...feed,
    alerts,
    held: event.hold ? mergeAlerts(held, fresh).slice(0, maxHeldAlerts) : held,
    arrived: event.hold || fresh.length === 0 ? feed.arrived : new Set(fresh.map(({ id }) => id)),
  }
  return event.hold ? next : bounded(next) // someone who reads far down keeps the ground under their feet
}

/** Both lists as one, newest first, each alert once at its highest revision; of equal revisions the one listed stays. */
export function mergeAlerts(listed: readonly Alert[], added: readonly Alert[]): readonly Alert[] {
  if (added.length === 0) return listed
  const byId = new Map(listed.map((alert) => [alert.id, alert]))
  for (const alert of added) {
    const known = byId.get(alert.id)
    if (known === undefined || known.revision < alert.revision) byId.set(alert.id, alert)
  }
  return [...byId.values()].sort(byNewest)
}

/** The API's order: newest event time first, ties by id descending. */
export function byNewest(a: Alert, b: Alert): number {
  return b.eventTime - a.eventTime || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}

function bounded(feed: AlertFeed): AlertFeed {
  if (feed.alerts.length <= maxListedAlerts) return feed
  const alerts = feed.alerts.slice(0, maxListedAlerts)
  const last = alerts.at(-1)
  return { ...feed, alerts, older: last === undefined ? feed.older : { type: 'until', eventTime: last.eventTime } }
}
