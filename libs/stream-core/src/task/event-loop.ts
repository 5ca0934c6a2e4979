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
