import type { Alert } from '@tocsin/chain-model'
import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from 'react'
import { AlertDetail } from './alert-detail.tsx'
import { everyAlert, type AlertQuery } from './alert-query.ts'
import { AlertRow } from './alert-row.tsx'
import { alertTimeline, timelineEnd } from './alert-timeline.ts'
import type { AlertStats, DetectorDescription, StreamState } from './api.ts'
import { FilterBar } from './filter-bar.tsx'
import { formatDay } from './format.ts'
import { Empty, FailureNote } from './marks.tsx'
import { routeHash } from './route.ts'
import { TimelineChart } from './timeline-chart.tsx'
import { useAlertFeed } from './use-alert-feed.ts'
import { useNow } from './use-now.ts'
import { navigate } from './use-route.ts'

const timelineMinutes = 60
/** Further down than this the reader is reading: new alerts wait. */
const topPx = 24
/** A bigger batch is history being read, not news: it appears without movement. */
const maxSlidIn = 20

/** The live feed with its filters, and the open alert beside it. Stays mounted, so that scroll and stream survive. */
export function AlertList({
  visible,
  query,
  alertId,
  detectors,
  stats,
  onStream,
}: {
  visible: boolean
  query: AlertQuery
  alertId: string | null
  detectors: readonly DetectorDescription[]
  stats: AlertStats | null
  onStream: (state: StreamState) => void
}) {
  const [scrolled, setScrolled] = useState(false)
  const [paused, setPaused] = useState(false)
  const live = useAlertFeed(query, scrolled || paused)
  const { feed, stream, loadOlder, release } = live
  const scroller = useRef<HTMLDivElement>(null)
  const searchField = useRef<HTMLInputElement>(null)
  const now = useNow(10_000)

  useEffect(() => onStream(stream), [stream, onStream])

  useEffect(() => {
    const unseen = feed.held.length
    document.title = unseen > 0 ? `(${unseen}) Tocsin` : 'Tocsin'
  }, [feed.held.length])

  const change = useCallback(
    (next: AlertQuery) => navigate({ page: 'alerts', query: next, alertId: null }, 'replace'),
    [],
  )
  const close = useCallback(() => navigate({ page: 'alerts', query, alertId: null }), [query])
  const showNew = useCallback(() => {
    setPaused(false)
    release()
    scroller.current?.scrollTo({ top: 0 })
  }, [release])

  useListKeys({ visible, alerts: feed.alerts, alertId, query, searchField, loadOlder })

  const last = feed.alerts.at(-1)
  const completeFrom = feed.older.type === 'end' ? Number.NEGATIVE_INFINITY : (last?.eventTime ?? Infinity)
  const minutes = useMemo(
    () => alertTimeline(feed.alerts, timelineEnd(feed.alerts[0], now, timelineMinutes), timelineMinutes, completeFrom),
    [feed.alerts, now, completeFrom],
  )
  const pickMinute = useCallback(
    (from: number, to: number) => change({ ...query, time: { type: 'between', from, to } }),
    [change, query],
  )
  const detectorIds = useMemo(() => {
    const ids = new Set([...detectors.map(({ id }) => id), ...Object.keys(stats?.byDetector ?? {})])
    if (query.detector !== null) ids.add(query.detector)
    return [...ids].sort()
  }, [detectors, stats, query.detector])
  const open = feed.alerts.find(({ id }) => id === alertId)

  return (
    <div className="feed" hidden={!visible} data-detail={alertId !== null}>
      <div className="feed-list">
        <div className="feed-head">
          <TimelineChart minutes={minutes} onPick={pickMinute} />
          <FilterBar query={query} onChange={change} detectors={detectorIds} stats={stats} searchField={searchField} />
        </div>
        {live.failure !== null && <FailureNote failure={live.failure} />}
        {live.unreadable !== null && (
          <div className="note" role="status">
            {live.unreadable.count} {live.unreadable.count === 1 ? 'record was' : 'records were'} no alert by the schema
            and could not be shown ({live.unreadable.reason}).
          </div>
        )}
        <div
          className="feed-scroll"
          ref={scroller}
          onScroll={(event) => {
            const top = event.currentTarget.scrollTop
            setScrolled(top > topPx)
            if (top <= topPx && !paused && feed.held.length > 0) release()
          }}
        >
          {feed.held.length > 0 && (
            <button type="button" className="new-alerts" onClick={showNew}>
              <svg viewBox="0 0 10 12" width="10" height="12" aria-hidden="true">
                <path d="M5 11V1.5M1.5 5 5 1.5 8.5 5" />
              </svg>
              {feed.held.length} new
            </button>
          )}
          <table role="table" className="alerts" aria-label="Alerts, newest first" aria-busy={live.loading === 'first'}>
            <thead role="rowgroup">
              <tr role="row">
                <th role="columnheader" className="cell-severity" scope="col">
                  Severity
                </th>
                <th role="columnheader" className="cell-time" scope="col">
                  Time
                </th>
                <th role="columnheader" className="cell-status" scope="col">
                  Status
                </th>
                <th role="columnheader" className="cell-detector" scope="col">
                  Detector
                </th>
                <th role="columnheader" className="cell-sentence" scope="col">
                  What happened
                </th>
                <th role="columnheader" className="cell-key" scope="col">
                  Key
                </th>
                <th role="columnheader" className="cell-observed" scope="col">
                  Observed
                  <button
                    type="button"
                    className="pause"
                    aria-pressed={paused}
                    title={paused ? 'Show new alerts as they come' : 'Keep new alerts back'}
                    onClick={() => (paused ? showNew() : setPaused(true))}
                  >
                    {paused ? 'Resume' : 'Pause'}
                  </button>
                </th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              {feed.alerts.map((alert, index) => (
                <AlertRow
                  key={alert.id}
                  alert={alert}
                  href={routeHash({ page: 'alerts', query, alertId: alert.id })}
                  open={alert.id === alertId}
                  arrived={feed.arrived.size <= maxSlidIn && feed.arrived.has(alert.id)}
                  newDay={startsDay(alert, feed.alerts[index - 1], now)}
                />
              ))}
            </tbody>
          </table>
          {feed.alerts.length === 0 && live.loading === null && live.failure === null && (
            <NoAlerts
              filtered={JSON.stringify(query) !== JSON.stringify(everyAlert)}
              onClear={() => change(everyAlert)}
            />
          )}
          {live.loading === 'first' && feed.alerts.length === 0 && <Skeleton />}
          <ListEnd
            more={feed.alerts.length > 0 && feed.older.type !== 'end'}
            loading={live.loading === 'older'}
            failed={live.failure !== null}
            count={feed.alerts.length}
            onReach={loadOlder}
          />
        </div>
        <Announcer alerts={feed.alerts} arrived={feed.arrived} held={feed.held.length} />
      </div>
      {visible && alertId !== null && <AlertDetail key={alertId} id={alertId} listed={open ?? null} onClose={close} />}
    </div>
  )
}

function NoAlerts({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  if (filtered) {
    return (
      <Empty title="No alert fits these filters">
        <p>A key must be whole: an address has 42 characters. New alerts that fit appear here by themselves.</p>
        <button type="button" className="button" onClick={onClear}>
          Show all alerts
        </button>
      </Empty>
    )
  }
  return (
    <Empty title="All quiet so far">
      <p>Alerts appear here the moment a detector raises one. Until then:</p>
      <ul>
        <li>
          <a href="#/pipeline">Pipeline</a> shows whether blocks arrive and how far the detectors have read.
        </li>
        <li>
          <a href="#/detectors">Detectors</a> lists what is watched for, and from which limits on.
        </li>
        <li>
          <code>tocsin start</code> without <code>--rpc</code> runs a local chain with staged attacks: the first alert
          takes about a minute.
        </li>
      </ul>
    </Empty>
  )
}

function Skeleton() {
  return (
    <div className="skeleton" aria-hidden="true">
      {Array.from({ length: 8 }, (_, index) => (
        <div key={index} />
      ))}
    </div>
  )
}

/** The foot of the list: coming near it reads the next page; the button does the same for who cannot scroll. */
function ListEnd({
  more,
  loading,
  failed,
  count,
  onReach,
}: {
  more: boolean
  loading: boolean
  /** The last page could not be had: it is asked for again by hand, or a broken API would be asked without end. */
  failed: boolean
  count: number
  onReach: () => void
}) {
  const foot = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = foot.current
    if (element === null || !more || loading || failed) return
    const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && onReach(), {
      rootMargin: '600px',
    })
    watcher.observe(element)
    return () => watcher.disconnect()
  }, [more, loading, failed, onReach])
  return (
    <div className="list-end" ref={foot}>
      {more && (
        <button type="button" className="button button-quiet" onClick={onReach} disabled={loading}>
          {loading ? 'Reading older alerts…' : failed ? 'Try again' : 'Older alerts'}
        </button>
      )}
      {!more && count > 0 && <span>That is all: {count === 1 ? 'one alert' : `${count} alerts`}.</span>}
    </div>
  )
}

/** Says new alerts to those who don't see them slide in, one polite sentence a batch. */
function Announcer({
  alerts,
  arrived,
  held,
}: {
  alerts: readonly Alert[]
  arrived: ReadonlySet<string>
  held: number
}) {
  const newest = alerts.find(({ id }) => arrived.has(id))
  const shown = arrived.size > 0 && newest !== undefined
  return (
    <div className="visually-hidden" aria-live="polite">
      {shown &&
        `${arrived.size === 1 ? 'New alert' : `${arrived.size} new alerts`}: ${newest.severity}, ${newest.title}. `}
      {held > 0 && `${held} waiting above.`}
    </div>
  )
}

/** `j` and `k` move through the rows (or through the open alerts), `/` goes to the search, Escape closes. */
function useListKeys({
  visible,
  alerts,
  alertId,
  query,
  searchField,
  loadOlder,
}: {
  visible: boolean
  alerts: readonly Alert[]
  alertId: string | null
  query: AlertQuery
  searchField: RefObject<HTMLInputElement | null>
  loadOlder: () => void
}) {
  useEffect(() => {
    if (!visible) return
    const move = (step: 1 | -1) => {
      const focused = document.activeElement?.closest('[data-alert-id]')?.getAttribute('data-alert-id')
      const at = alerts.findIndex(({ id }) => id === (alertId ?? focused))
      const next = alerts[at === -1 ? 0 : Math.min(alerts.length - 1, Math.max(0, at + step))]
      if (next === undefined) return
      if (at + step >= alerts.length - 3) loadOlder()
      if (alertId !== null) navigate({ page: 'alerts', query, alertId: next.id }, 'replace')
      const row = document.querySelector(`[data-alert-id="${next.id}"]`)
      row?.scrollIntoView({ block: 'nearest' })
      row?.querySelector<HTMLElement>('[data-row-link]')?.focus({ preventScroll: true })
    }
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const typing = event.target instanceof HTMLElement && event.target.matches('input, select, textarea')
      if (event.key === 'Escape') {
        if (typing) searchField.current?.blur()
        else if (alertId !== null) navigate({ page: 'alerts', query, alertId: null })
        return
      }
      if (typing) return
      if (event.key === 'j') move(1)
      else if (event.key === 'k') move(-1)
      else if (event.key === '/') {
        event.preventDefault()
        searchField.current?.focus()
        searchField.current?.select()
      }
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [visible, alerts, alertId, query, searchField, loadOlder])
}

function startsDay(alert: Alert, above: Alert | undefined, now: number): boolean {
  const day = formatDay(alert.eventTime)
  return day !== (above === undefined ? formatDay(now) : formatDay(above.eventTime))
}
