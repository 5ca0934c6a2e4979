import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers/promises'

/** How a job lets others go on and how it waits. It decides when something happens, never what. */
export interface EventLoop {
  /** Ends this turn of the event loop. */
  turn(): Promise<void>
  /** Ends early when `signal` aborts; it does not throw. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
}

export const nodeEventLoop: EventLoop = {
  turn: () => setImmediate(),
  wait: (ms, signal) => setTimeout(ms, undefined, signal && { signal }).catch(() => undefined),
}

/** How late the event loop of this thread was, ms, since it began to be watched; whoever held it. */
export interface EventLoopDelay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface WatchedEventLoop {
  readonly delay: () => EventLoopDelay
  readonly stop: () => void
}

/**
 * 10 turns a second: each wakes the thread, and an idle one should sleep. Each sees how late the thread is at some moment,
 * so the shares are right also of what holds it for less.
 */
const sharedResolutionMs = 100
let shared: { readonly watched: WatchedEventLoop; users: number } | null = null

/** As `watchEventLoop`, with one timer for all in this thread who watch it, since when the first of them began. */
export const watchSharedEventLoop = (): WatchedEventLoop => {
  const watching = (shared ??= { watched: watchEventLoop(sharedResolutionMs), users: 0 })
  watching.users += 1
  let isOver = false
  return {
    delay: () => watching.watched.delay(),
    stop: () => {
      if (isOver) return
      isOver = true
      watching.users -= 1
      if (watching.users > 0) return
      watching.watched.stop()
      shared = null
    },
  }
}

/**
 * Watches the event loop of this thread until it is told to stop, by a timer of `resolutionMs`: the finer, the more it
 * sees and takes. Source: Node's monitorEventLoopDelay.
 */
export const watchEventLoop = (resolutionMs: number): WatchedEventLoop => {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  histogram.enable()
  // Its timer is late by nothing when it fires after its own resolution.
  const lateMs = (ns: number) => (histogram.count === 0 ? 0 : Math.max(0, ns / 1e6 - resolutionMs))
  return {
    delay: () => ({
      p50: lateMs(histogram.percentile(50)),
      p99: lateMs(histogram.percentile(99)),
      max: lateMs(histogram.max),
    }),
    stop: () => histogram.disable(),
  }
}
