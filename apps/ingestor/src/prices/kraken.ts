import { fieldsOf, numberOf, textOf, timeOf, type Exchange, type ExchangeMessage } from './exchange.ts'

/**
 * Kraken, WebSocket v2: its `trade` channel, each trade with a `trade_id` that counts by symbol, and its `heartbeat`,
 * which comes about once a second while nothing else does and says no more than that. The snapshot of trades before the
 * subscription is not asked for: those are old. Prices are JSON numbers; their digits are read as they stand in the text.
 * Source: "Trade" and "Heartbeat" of the Spot WebSocket v2, docs.kraken.com.
 */
export const kraken = {
  name: 'kraken',
  subscriptions: (products) => [
    JSON.stringify({ method: 'subscribe', params: { channel: 'trade', symbol: products, snapshot: false } }),
  ],
  read(text) {
    const message = fieldsOf(JSON.parse(text, withDigits))
    if (message['method'] === 'subscribe' && message['success'] === false)
      return [{ type: 'refused', reason: String(message['error']) }]
    if (message['channel'] === 'heartbeat') return [{ type: 'heartbeat', last: null, time: null }]
    if (message['channel'] !== 'trade' || message['type'] !== 'update') return []
    const { data } = message
    if (!Array.isArray(data)) throw new TypeError('data is no array')
    return data.map((one): ExchangeMessage => {
      const trade = fieldsOf(one)
      return {
        type: 'trade',
        product: textOf(trade, 'symbol'),
        price: textOf(trade, 'price'),
        tradeId: numberOf(trade, 'trade_id'),
        time: timeOf(trade, 'timestamp'),
      }
    })
  },
} as const satisfies Exchange

/**
 * A price as the digits of its text, since a double has 15 of them: ECMAScript's "JSON.parse source text access", of
 * which the types say nothing yet.
 */
const withDigits = function (key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return key === 'price' && typeof value === 'number' ? plainDigits(context?.source ?? String(value)) : value
}

/** `1.5e-7` as `0.00000015`. */
function plainDigits(text: string): string {
  const match = /^(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,3})$/.exec(text)
  if (match === null) return text
  const [, whole = '', part = ''] = match
  const shift = Number(match[3])
  const digits = `${'0'.repeat(Math.max(0, -shift))}${whole}${part}${'0'.repeat(Math.max(0, shift - part.length))}`
  const point = Math.max(0, -shift) + whole.length + shift
  return point >= digits.length ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
}
