import { fieldsOf, numberOf, textOf, timeOf, type Exchange } from './exchange.ts'

/**
 * Coinbase Exchange: its `matches` channel, each trade with a `trade_id` that counts by product, and `heartbeat`, which
 * names the newest trade once a second, so that a trade that was left out is seen. Messages of other types are let pass,
 * as its documentation asks. Source: "Exchange WebSocket Overview" and "Exchange WebSocket Channels", docs.cdp.coinbase.com.
 */
export const coinbase = {
  name: 'coinbase',
  subscriptions: (products) => [
    JSON.stringify({ type: 'subscribe', product_ids: products, channels: ['matches', 'heartbeat'] }),
  ],
  read(text) {
    const message = fieldsOf(JSON.parse(text))
    switch (message['type']) {
      case 'match':
      // Sent once after the subscription: the newest trade before it.
      // falls through
      case 'last_match':
        return [
          {
            type: 'trade',
            product: textOf(message, 'product_id'),
            price: textOf(message, 'price'),
            tradeId: numberOf(message, 'trade_id'),
            time: timeOf(message, 'time'),
          },
        ]
      case 'heartbeat': {
        const last = { product: textOf(message, 'product_id'), tradeId: numberOf(message, 'last_trade_id') }
        return [{ type: 'heartbeat', last, time: timeOf(message, 'time') }]
      }
      case 'error': {
        const { message: said, reason } = message
        return [{ type: 'refused', reason: [said, reason].filter((part) => typeof part === 'string').join(': ') }]
      }
      default:
        return []
    }
  },
} as const satisfies Exchange
