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
 * without a time was true when it was asked for. Only news is pushed: a price whose time or value changed.
 */
export function httpPriceSource(options: HttpPriceSourceOptions): PriceSource {
  const name = new URL(options.url).host
  return {
    name,
    async run(push, failed, signal) {
      const newest = new Map<string, string>()
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
              const tick = parsePrice({ time: askedAt, ...fields }, { ...options, source: name })
              const told = `${String(fields['time'])} ${tick.price8}`
              const key = `${tick.asset} ${tick.source}`
              if (newest.get(key) === told) continue
              newest.set(key, told)
              push(tick)
            } catch (cause) {
              const reason = cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause)
              failed(
                new BadPriceError({ origin: `${name}, price ${at}`, text: JSON.stringify(price), reason }, { cause }),
              )
            }
          }
        } catch (error) {
          if (signal.aborted) return
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
