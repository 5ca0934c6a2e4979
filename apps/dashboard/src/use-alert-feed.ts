import type { Alert } from '@tocsin/chain-model'
import { useCallback, useEffect, useReducer, useRef, useState } from 'react'
import { emptyFeed, nextFeed, type AlertFeed } from './alert-feed.ts'
import { alertQueryParams, matchesQuery, parseAlertQuery, type AlertQuery } from './alert-query.ts'
import { fetchAlerts, followAlerts, type StreamListener, type StreamState } from './api.ts'

export interface LiveAlerts {
  readonly feed: AlertFeed
  readonly stream: StreamState
  readonly loading: 'first' | 'older' | null
  /** The last page that could not be had; cleared by the next one that can. */
  readonly failure: Error | null
  /** Records that are no alerts by the schema: how many, and why the last one was not. */
  readonly unreadable: { readonly count: number; readonly reason: string } | null
  readonly loadOlder: () => void
  readonly release: () => void
}

// A burst of a thousand alerts is one render, not a thousand; shorter than a reader notices.
const batchMs = 80
const retryAfterMs = 3_000

/** The alerts that `query` wants, first by page and then as they happen. `hold`: keep new ones back for now. */
export function useAlertFeed(query: AlertQuery, hold: boolean): LiveAlerts {
  const [feed, dispatch] = useReducer(nextFeed, emptyFeed)
  const [stream, setStream] = useState<StreamState>('connecting')
  const [loading, setLoading] = useState<LiveAlerts['loading']>('first')
  const [failure, setFailure] = useState<Error | null>(null)
  const [unreadable, setUnreadable] = useState<LiveAlerts['unreadable']>(null)
  const holding = useRef(hold)
  const session = useRef<AbortSignal | null>(null)
  const asking = useRef(false)
  const queryText = alertQueryParams(query).toString()
  const current = useRef(query)
  useEffect(() => {
    holding.current = hold
    current.current = query
  })

  const countUnreadable = useCallback((reasons: readonly string[]) => {
    const reason = reasons.at(-1)
    if (reason !== undefined) setUnreadable((before) => ({ count: (before?.count ?? 0) + reasons.length, reason }))
  }, [])

  useEffect(() => {
    const stop = new AbortController()
    session.current = stop.signal
    asking.current = false
    const wanted = parseAlertQuery(new URLSearchParams(queryText))
    let batch: Alert[] = []
    let timer: ReturnType<typeof setTimeout> | undefined
    let opened = 0
    dispatch({ type: 'reset' })

    const flush = () => {
      timer = undefined
      const now = Date.now()
      const items = batch
      batch = []
      dispatch({
        type: 'transitions',
        items,
        wanted: (alert) => matchesQuery(alert, wanted, now),
        hold: holding.current,
      })
    }
    const readFirst = async (): Promise<string | null> => {
      const page = await fetchAlerts(wanted, {}, Date.now(), stop.signal)
      if (stop.signal.aborted) return null
      dispatch({ type: 'page', items: page.items, nextCursor: page.nextCursor, first: true })
      setUnreadable(null)
      countUnreadable(page.unreadable)
      setFailure(null)
      return page.lastEventId
    }
    const failed = (error: unknown) => {
      if (!stop.signal.aborted) setFailure(error instanceof Error ? error : new Error(String(error)))
    }
    // The page first, then the stream from where the page's knowledge ends: nothing falls between the two.
    const start = async () => {
      setLoading('first')
      setStream('connecting')
      try {
        const lastEventId = await readFirst()
        if (stop.signal.aborted) return
        followAlerts(wanted, lastEventId, listener, stop.signal)
      } catch (error) {
        failed(error)
        if (stop.signal.aborted) return
        setStream('lost')
        timer = setTimeout(() => void start(), retryAfterMs)
      }
      setLoading(null)
    }
    const listener: StreamListener = {
      state: (state) => {
        setStream(state)
        // Connected again, perhaps to a server that begins anew: the page tells what its stream would not.
        if (state === 'live' && ++opened > 1) readFirst().catch(failed)
      },
      alert: (alert) => {
        batch.push(alert)
        timer ??= setTimeout(flush, batchMs)
      },
      unreadable: (reason) => countUnreadable([reason]),
    }
    void start()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [queryText, countUnreadable])

  const older = feed.older
  const loadOlder = useCallback(() => {
    const signal = session.current
    if (signal === null || asking.current || older.type === 'end' || older.type === 'unknown') return
    asking.current = true
    setLoading('older')
    // `to` is exclusive: one more millisecond keeps those of the same time, and the merge drops what is listed already.
    const from = older.type === 'cursor' ? { cursor: older.cursor } : { until: older.eventTime + 1 }
    const read = async () => {
      try {
        const page = await fetchAlerts(current.current, from, Date.now(), signal)
        if (signal.aborted) return
        dispatch({ type: 'page', items: page.items, nextCursor: page.nextCursor, first: false })
        countUnreadable(page.unreadable)
        setFailure(null)
      } catch (error) {
        if (signal.aborted) return
        setFailure(error instanceof Error ? error : new Error(String(error)))
      }
      asking.current = false
      setLoading(null)
    }
    void read()
  }, [older, countUnreadable])

  const release = useCallback(() => dispatch({ type: 'release' }), [])
  return { feed, stream, loading, failure, unreadable, loadOlder, release }
}
