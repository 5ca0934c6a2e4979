import { jsonStateCodec, seconds, stringKey } from '@tocsin/stream-core'
import { bytesOf, type BenchJob } from './bench-job.ts'
import { inOrder, lineCodec } from './line-source.ts'

const reach = seconds(10)

/** A line: a trade if it says so, else a tick. */
interface Quote {
  readonly kind: string
  readonly ts: number
  readonly token: string
  /** Decimal string with 8 decimals. */
  readonly price: string
  /** Of a trade. */
  readonly tx?: string
}
interface Priced {
  readonly ts: number
  readonly token: string
  readonly tx: string
  /** In units of 10^-8. */
  readonly price: number
}

const isTrade = ({ kind }: Quote): boolean => kind === 'trade'
const pricedOf = ({ ts, token, price, tx = '' }: Quote): Priced => ({ ts, token, tx, price: price8Of(price) })

/** Exact: a whole number below 2^53. */
const price8Of = (decimal: string): number => {
  const point = decimal.indexOf('.')
  return Number(decimal.slice(0, point) + decimal.slice(point + 1))
}

const isFarApart = (price: number, tick: number): boolean => Math.abs(price - tick) * 20 > tick

const answer = (trade: Priced, tick: Priced): string =>
  `{"token":"${trade.token}","tradeTs":${trade.ts},"tx":"${trade.tx}","price":${trade.price},` +
  `"tickTs":${tick.ts},"tick":${tick.price}}`

const tokenOf = ({ token }: Priced): string => token

/** `j3`: trades more than 5 % away from a tick that came at most 10 s before or after. */
export const priceJoin: BenchJob = {
  build(builder, { input, output }) {
    const quotes = builder.source<Quote>('market', { topic: input, codec: lineCodec(), watermarks: inOrder })
    const trades = quotes.filter(isTrade).map(pricedOf).keyBy(tokenOf, stringKey)
    const ticks = quotes
      .filter((quote) => !isTrade(quote))
      .map(pricedOf)
      .keyBy(tokenOf, stringKey)
    const codec = jsonStateCodec<Priced>()
    trades
      .intervalJoin(ticks)
      .between(-reach, reach)
      .process<string>('near', { left: codec, right: codec }, (trade, tick, { emit }) => {
        if (isFarApart(trade.price, tick.price)) emit(answer(trade, tick))
      })
      .sinkPlainTo('answers', { topic: output, codec: { encode: (line) => ({ key: null, value: bytesOf(line) }) } })
  },

  plain(lines) {
    const answers: string[] = []
    const near = new Map<string, { readonly trades: Priced[]; readonly ticks: Priced[] }>()
    for (const line of lines) {
      const quote = JSON.parse(line) as Quote // the file is the bench's own
      const priced = pricedOf(quote)
      let sides = near.get(priced.token)
      if (sides === undefined) near.set(priced.token, (sides = { trades: [], ticks: [] }))
      const [own, others] = isTrade(quote) ? [sides.trades, sides.ticks] : [sides.ticks, sides.trades]
      let past = 0
      while ((others[past]?.ts ?? Infinity) < priced.ts - reach) past += 1
      if (past > 0) others.splice(0, past)
      own.push(priced)
      for (const other of others) {
        const [trade, tick] = isTrade(quote) ? [priced, other] : [other, priced]
        if (isFarApart(trade.price, tick.price)) answers.push(answer(trade, tick))
      }
    }
    return answers
  },
}
