import { useCallback, useEffect, useState } from 'react'

export type Resource<T> =
  | { readonly type: 'loading' }
  /** `failure`: the value is from before; asking again did not work. */
  | { readonly type: 'ready'; readonly value: T; readonly failure: Error | null }
  | { readonly type: 'failed'; readonly failure: Error }

/**
 * What `load` answers, asked again every `everyMs` while the page can be seen (null: once), after a failure every 5 s.
 * `load` must keep its identity between renders; a new one asks at once, and the last answer stays until it has one.
 */
export function useResource<T>(load: (signal: AbortSignal) => Promise<T>, everyMs: number | null): Resource<T> {
  const [resource, setResource] = useState<Resource<T>>({ type: 'loading' })
  const settle = useCallback((result: { value: T } | { failure: Error }) => {
    setResource((before) => {
      if ('value' in result) return { type: 'ready', value: result.value, failure: null }
      return before.type === 'ready' ? { ...before, failure: result.failure } : { type: 'failed', ...result }
    })
  }, [])
  useEffect(() => {
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = async () => {
      let wait = everyMs
      if (document.visibilityState === 'visible') {
        try {
          const value = await load(stop.signal)
          if (!stop.signal.aborted) settle({ value })
        } catch (error) {
          if (!stop.signal.aborted) settle({ failure: error instanceof Error ? error : new Error(String(error)) })
          wait ??= 5_000
        }
      } else wait ??= 1_000
      if (wait !== null && !stop.signal.aborted) timer = setTimeout(() => void ask(), wait)
    }
    void ask()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [load, everyMs, settle])
  return resource
}
