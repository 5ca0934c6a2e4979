import type { Asset, PriceTick } from '@tocsin/chain-model'
import { backOffDelay } from '@tocsin/service-kit'
import { WebSocket } from 'ws'
import type { Exchange, ExchangeMessage } from './exchange.ts'
import { PriceFeedError } from './http-price-source.ts'
import { BadPriceError, parsePrice8 } from './price-file.ts'
import type { PriceSource } from './price-source.ts'

/** Trades were made that the feed did not tell: no price of theirs is made up. */
export class PriceGapError extends Error {
  readonly code = 'INGEST_PRICE_GAP'
  readonly handling = 'dead-letter'
  readonly remedy = 'None is needed: the next price holds. If it comes often, look at the connection to the exchange.'
  readonly origin: string
  /** The trades that are missing, by number. */
  readonly text: string
  constructor(
    at: { readonly exchange: string; readonly product: string; readonly after: number; readonly count: number },
    options?: ErrorOptions,
  ) {
    const { exchange, product, after, count } = at
    super(`${exchange} left out ${count} trades of ${product} after trade ${after}.`, options)
    this.origin = `${exchange}, ${product}`
    this.text = `${after + 1} to ${after + count}`
  }
}

export interface ExchangePriceSourceOptions {
  readonly exchange: Exchange
  readonly url: string
  readonly chainId: number
  /** The assets that a product is the USD price of. */
  readonly products: ReadonlyMap<string, readonly Asset[]>
  /** How long one of its prices may be used, in ms. */
  readonly maxAgeMs: number
  /** A connection without a word for so long is given up, in ms: both exchanges say something each second. */
  readonly silentAfterMs: number
  readonly random: () => number
  readonly now: () => number
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * The trades of an exchange as prices, over its public WebSocket. A connection that ends or falls silent is opened again
 * with back-off (1 s to 60 s); meanwhile nobody waits for this source. Trades that were left out, also while the
 * connection was away, are told as a gap; one that comes again is let pass.
 */
export function exchangePriceSource(options: ExchangePriceSourceOptions): PriceSource {
  const { exchange, products } = options
  const { name } = exchange
  /** By product: its newest trade that was told or is known to be missed. */
  const newest = new Map<string, number>()
  /** By product: the newest trade that the last heartbeat named. */
  const expected = new Map<string, number>()

  return {
    name,
    async run(push, failed, signal, progress) {
      const miss = (product: string, after: number, count: number) => {
        if (count > 0) failed(new PriceGapError({ exchange: name, product, after, count }))
      }
      /** Tells what is missing before the trade. @returns whether the trade is news */
      const follows = (product: string, tradeId: number): boolean => {
        const before = newest.get(product)
        if (before !== undefined && tradeId <= before) return false
        newest.set(product, tradeId)
        if (before !== undefined) miss(product, before, tradeId - before - 1)
        return true
      }
      /** A trade may come just after the heartbeat that names it: it is missing when the next one comes before it. */
      const expects = (product: string, tradeId: number): void => {
        const [due, before] = [expected.get(product), newest.get(product)]
        expected.set(product, tradeId)
        if (before === undefined) newest.set(product, tradeId)
        if (due === undefined || before === undefined || due <= before) return
        newest.set(product, due)
        miss(product, before, due - before)
      }
      const hear = (message: ExchangeMessage, text: string) => {
        if (message.type === 'refused') {
          failed(new PriceFeedError(`${name} does not take the subscription: ${message.reason}.`))
          return
        }
        const time = message.time ?? options.now()
        if (message.type === 'heartbeat') {
          if (message.last !== null && products.has(message.last.product))
            expects(message.last.product, message.last.tradeId)
          progress?.reached(time)
          return
        }
        const assets = products.get(message.product)
        if (assets === undefined || !follows(message.product, message.tradeId)) return
        try {
          const price8 = parsePrice8(message.price)
          const about = { type: 'price', chainId: options.chainId, price8, source: name, time } as const
          for (const asset of assets) push({ ...about, asset, maxAge: options.maxAgeMs } satisfies PriceTick)
          progress?.reached(time)
        } catch (cause) {
          failed(badPrice(name, text, cause))
        }
      }
      const read = (text: string) => {
        let messages: readonly ExchangeMessage[]
        try {
          messages = exchange.read(text)
        } catch (cause) {
          failed(badPrice(name, text, cause))
          return
        }
        for (const message of messages) hear(message, text)
      }
      for (let attempt = 1; !signal.aborted; attempt++) {
        let hasSpoken = false
        const reason = await connected(options, signal, (text) => {
          hasSpoken = true
          read(text)
        })
        progress?.silent()
        if (signal.aborted) return
        if (hasSpoken) attempt = 1
        failed(new PriceFeedError(`${name} is not connected: ${reason}.`))
        const backOff = { initialDelayMs: 1_000, maxDelayMs: 60_000 }
        await options.wait(backOffDelay(attempt + 1, options.random(), backOff), signal).catch(() => {})
      }
    },
  }
}

const badPrice = (name: string, text: string, cause: unknown) => {
  const reason = cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause)
  return new BadPriceError({ origin: `${name}, a message`, text, reason }, { cause })
}

/** Resolves with the reason when the connection is at its end. */
function connected(
  { url, exchange, products, silentAfterMs }: ExchangePriceSourceOptions,
  signal: AbortSignal,
  hear: (text: string) => void,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { maxPayload: 1 << 20, handshakeTimeout: silentAfterMs })
    let reason = 'the connection ended'
    const silence = () => {
      reason = `it said nothing for ${silentAfterMs} ms`
      socket.terminate()
    }
    let timer = setTimeout(silence, silentAfterMs)
    const stop = () => socket.terminate()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    socket.on('open', () => {
      for (const message of exchange.subscriptions([...products.keys()])) socket.send(message)
    })
    socket.on('message', (data) => {
      clearTimeout(timer)
      timer = setTimeout(silence, silentAfterMs)
      // ws gives a Buffer unless it is told otherwise.
      hear((data as Buffer).toString('utf8'))
    })
    socket.on('error', (error) => {
      if (reason === 'the connection ended') reason = error.message
    })
    socket.on('close', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      resolve(reason)
    })
  })
}
