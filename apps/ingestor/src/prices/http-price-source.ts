import { BadPriceError, parsePrice, type PriceOptions } from './price-file.ts'
import type { PriceSource } from './price-source.ts'

/** A feed that does not answer, or not with prices. */
export class PriceFeedError extends Error {
  readonly code = 'INGEST_PRICE_FEED'
  readonly handling = 'retry'
  readonly remedy = 'Check the URL of the price feed; it is asked again, and no price is made up meanwhile.'
}

export interface HttpPriceSourceOptions extends Omit<PriceOptions, 'source'> {
  readonly url: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  readonly now: () => number
}

/**
 * Polls a URL that answers a JSON array of `{ asset, price, time?, source? }`, the same fields as a price file. A price
 * without a time was true when it was asked for. Only news is pushed: a price whose time or value changed, and one
 * without a time again before it is too old, as long as it is still answered. An answer tells all up to when it was asked
 * for; while there is none nobody waits.
 */
export function httpPriceSource(options: HttpPriceSourceOptions): PriceSource {
  const name = new URL(options.url).host
  return {
    name,
    async run(push, failed, signal, progress) {
      const newest = new Map<string, { readonly told: string; readonly at: number }>()
      while (!signal.aborted) {
        try {
          const askedAt = options.now()
          const within = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)])
          const response = await fetch(options.url, { signal: within })
          if (!response.ok) throw new PriceFeedError(`${name} answers HTTP status ${response.status}.`)
          const prices: unknown = await response.json()
          if (!Array.isArray(prices)) throw new PriceFeedError(`${name} answers no JSON array.`)
          for (const [at, price] of prices.entries()) {
            try {
              const fields = price as Readonly<Record<string, unknown>>
              const time = fields['time'] ?? askedAt
              const tick = parsePrice({ ...fields, time }, { ...options, source: name })
              const isTimed = time === fields['time']
              const told = `${isTimed ? tick.time : 'now'} ${tick.price8}`
              const key = `${tick.chainId} ${tick.asset} ${tick.source}`
              const before = newest.get(key)
              const isFresh = isTimed || tick.maxAge === null || askedAt - (before?.at ?? 0) < tick.maxAge / 2
              if (before?.told === told && isFresh) continue
              newest.set(key, { told, at: askedAt })
              push(tick)
            } catch (cause) {
              const reason = cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause)
              failed(
                new BadPriceError({ origin: `${name}, price ${at}`, text: JSON.stringify(price), reason }, { cause }),
              )
            }
          }
          progress?.reached(askedAt)
        } catch (error) {
          if (signal.aborted) return
          progress?.silent()
          const reason = error instanceof Error ? error.message : String(error)
          failed(
            error instanceof PriceFeedError
              ? error
              : new PriceFeedError(`${name} does not answer: ${reason}.`, { cause: error }),
          )
        }
        await options.wait(options.intervalMs, signal).catch(() => {})
      }
    },
  }
}
