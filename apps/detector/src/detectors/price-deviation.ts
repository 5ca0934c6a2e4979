import type { Asset, Severity } from '@tocsin/chain-model'
import { days, listState, minutes, seconds, type KeyedCoProcessFunction } from '@tocsin/stream-core'
import { defineDetector, DoesNotFireError, type DetectorStreams, type Finding, type Judgement } from '../detector.ts'
import { displayPercent, displayName, displayUsd } from '../display.ts'
import { byTime, isUsable, outlierPassedOver, priceAt, usd8Of, type Price } from '../features/price.ts'
import { swapLegsOf, type SwapLeg } from '../features/swap-leg.ts'
import { occurrenceOf, type Token } from '../features/transfer.ts'
import {
  choice,
  duration,
  percent,
  percentText,
  usd,
  usdText,
  deviationText,
  type ParametersOf,
} from '../parameters.ts'
import { confidenceOf, oneLower } from '../severity.ts'
import { textKey, valueCodec } from '../value-codec.ts'

const id = 'price-deviation'

const parameters = {
  over: percent({ default: 500n, doc: 'how far a trade may be off the feed; more raises the alarm' }),
  join: choice({
    choices: ['window', 'as-of'],
    default: 'window',
    doc: 'window: trade and tick in one tumbling window of `within`; as-of: the newest tick before, at most `within` old',
  }),
  within: duration({ default: seconds(10), range: [1, minutes(10)], doc: 'of the window, or the age of a tick' }),
  notional: usd({ default: 1_000_00000000n, doc: 'what a trade must be worth; more counts' }),
  coolDown: duration({
    default: minutes(10),
    range: [0, days(30)],
    doc: 'mutes further alerts of a pair for so long; the next one counts them; 0: none',
  }),
}
type Parameters = ParametersOf<typeof parameters>

/** A trade with the two sides named: what the feed prices, and what it was paid in, with the price of that. */
interface Trade {
  readonly leg: SwapLeg
  /** Null: what it was paid in had no price. */
  readonly quotePrice: Price | null
  /** A newer price of that, which is an outlier. */
  readonly passedOver: Price | null
}

/** Named limit: trades of one asset in one window; more are counted and not compared. */
const maxTrades = 10_000
/** How far back the feed is looked at for a jump of its own. */
const jumpWindow = minutes(1)
const jumpBasisPoints = 200n

/**
 * A trade on a DEX at a price far from the feed's: a manipulated pool, a drained one, or someone robbed of the rest.
 * Honest look-alikes: a stale feed, a thin pool, a token that takes a fee. Blind to a feed that follows the pool (a
 * pool's own price is not held against it), and to one that is silent (that is `feed-health`). No trade is held against
 * an outlier of the feed. State: an asset's prices of a minute and the trades of one window.
 * Source: Flink's window join and temporal join, by token.
 */
export const priceDeviation = defineDetector({
  id,
  version: '1.0.0',
  severity: 'medium',
  summary: 'A DEX trade whose price is far from the price feed of the same token.',
  parameters,

  findings({ transactions, prices, tally }, chosen) {
    const feeds = prices.keyBy((price) => price.asset, textKey<Asset>())
    const trades = transactions
      .flatMap((priced): readonly Trade[] =>
        swapLegsOf(priced).map((leg) => ({
          leg,
          quotePrice: priceAt(priced.prices, sidesOf(leg).quote, leg.timestamp),
          passedOver: outlierPassedOver(priced.prices, sidesOf(leg).quote, leg.timestamp),
        })),
      )
      .filter(({ quotePrice, leg }) => {
        const { quoteToken, baseToken } = sidesOf(leg)
        if (quotePrice !== null && quoteToken.decimals !== null && baseToken.decimals !== null) return true
        tally.unpriced(id)
        return false
      })
      .keyBy(({ leg }): Asset => sidesOf(leg).base, textKey<Asset>())
    return feeds.connect(trades).process(`${id}-join`, joinTrades(chosen, tally))
  },

  judge,
  leftOut: () => [],
})

function joinTrades(
  chosen: Parameters,
  tally: DetectorStreams['tally'],
): KeyedCoProcessFunction<Asset, Price, Trade, Finding> {
  const { join, within } = chosen
  const feedState = listState<Price>('feed', valueCodec())
  const tradesState = listState<Trade>('trades', valueCodec())

  const findingsOf = (trade: Trade, feed: readonly Price[]): readonly Finding[] => {
    const { leg, quotePrice, passedOver } = trade
    const { base, quote } = sidesOf(leg)
    const compared = compare(leg, quotePrice, feed, chosen)
    if (compared === null || !compared.fires) return []
    // What the judgement rests on: the tick, each other source's, and what shows that the feed jumped.
    const { tick, others, jumpedFrom, outliers } = compared
    const used = [
      tick,
      ...others,
      ...jumpedFrom,
      ...outliers,
      ...[quotePrice, passedOver].filter((one) => one !== null),
    ]
    return [{ key: `${base}/${quote}`, references: [leg], prices: used, state: {} }]
  }

  return {
    processElement1(price, ctx) {
      const feed = ctx.state(feedState)
      // Trades come in order of time, so the first is the oldest that still waits.
      const [oldest] = ctx.state(tradesState).get()
      const now = Math.min(price.time, oldest?.leg.timestamp ?? price.time)
      feed.replace(recentPrices([...feed.get(), price], now, chosen))
    },
    processElement2(trade, ctx) {
      if (join === 'as-of') {
        for (const finding of findingsOf(trade, ctx.state(feedState).get())) ctx.emit(finding)
        return
      }
      const trades = ctx.state(tradesState)
      if (trades.size === maxTrades) {
        tally.suppressed(id, 'too-many-trades')
        return
      }
      trades.add(trade)
      ctx.timers.registerEventTimeTimer(windowOf(trade.leg.timestamp, within).end - 1)
    },
    /** The window is complete: a tick after the trade may have come. */
    onTimer(timestamp, ctx) {
      const trades = ctx.state(tradesState)
      const feed = ctx.state(feedState).get()
      const due = trades.get().filter(({ leg }) => windowOf(leg.timestamp, within).end - 1 <= timestamp)
      trades.replace(trades.get().filter((trade) => !due.includes(trade)))
      for (const finding of due.flatMap((trade) => findingsOf(trade, feed))) ctx.emit(finding)
    },
  }
}

/** All that a trade still open may be held against, with the minute before; in order of time. Constants stay. */
function recentPrices(prices: readonly Price[], now: number, { within }: Parameters): readonly Price[] {
  const horizon = now - 2 * within - jumpWindow
  return prices.filter(({ time, maxAge }) => time >= horizon || maxAge === null).sort(byTime)
}

const windowOf = (timestamp: number, size: number) => {
  const start = Math.floor(timestamp / size) * size
  return { start, end: start + size }
}

/** The rarer side is what the feed prices; the other is what it was paid in. */
function sidesOf({ tokenIn, tokenOut, amountIn, amountOut, tokens }: SwapLeg) {
  const rank = ({ kind }: Token): number => (kind === 'stablecoin' ? 0 : kind === 'other' ? 2 : 1)
  const inIsBase = rank(tokens.in) === rank(tokens.out) ? tokenIn < tokenOut : rank(tokens.in) > rank(tokens.out)
  const [base, quote] = inIsBase ? [tokenIn, tokenOut] : [tokenOut, tokenIn]
  const [baseAmount, quoteAmount] = inIsBase ? [amountIn, amountOut] : [amountOut, amountIn]
  const [baseToken, quoteToken] = inIsBase ? [tokens.in, tokens.out] : [tokens.out, tokens.in]
  return { base, quote, baseAmount, quoteAmount, baseToken, quoteToken, sold: inIsBase }
}

interface Compared {
  readonly tick: Price
  /** The tick of each other source that is as far off on the same side. */
  readonly others: readonly Price[]
  /** A tick of the same source in the minute before that differs by more than 2 %: the newest such. */
  readonly jumpedFrom: readonly Price[]
  /** The tick that would have joined the trade, were it no outlier. */
  readonly outliers: readonly Price[]
  /** In millionths of a percent, cut: for people. */
  readonly deviation: bigint
  isOffBy(basisPoints: bigint): boolean
  readonly above: boolean
  readonly tradePrice8: bigint
  readonly notional8: bigint
  readonly fires: boolean
}

/**
 * A trade against the prices of its base asset, in order of time. Null: no tick joins it. Pure, and all of the rule: the
 * task decides with it, and verification again. Comparing is by cross-multiplication: nothing is rounded.
 */
function compare(
  leg: SwapLeg,
  quotePrice: Price | null,
  told: readonly Price[],
  { over, notional, join, within }: Parameters,
): Compared | null {
  const { baseAmount, quoteAmount, baseToken, quoteToken } = sidesOf(leg)
  if (quotePrice === null || baseToken.decimals === null || quoteToken.decimals === null) return null
  // A pool is no witness of its own trades, nor is a price that it quotes.
  const witnesses = told.filter(({ source }) => !source.includes(leg.pool))
  const feed = witnesses.filter(({ outlier }) => outlier !== true)
  const tick = joinedTick(feed, leg.timestamp, join, within)
  if (tick === undefined) return null
  const newest = joinedTick(witnesses, leg.timestamp, join, within)

  // paid / bought is the trade's price of one whole unit, in 1e-8 USD like the tick's.
  const paid = quoteAmount * quotePrice.price8 * 10n ** BigInt(baseToken.decimals)
  const bought = baseAmount * 10n ** BigInt(quoteToken.decimals)
  const gap = (price: Price) => paid - price.price8 * bought
  const isOff = (price: Price, basisPoints: bigint) =>
    absolute(gap(price)) * 10_000n > basisPoints * price.price8 * bought
  const notional8 = usd8Of(quoteAmount, quoteToken.decimals, quotePrice.price8)
  const above = gap(tick) > 0n

  const sources = [...new Set(feed.map(({ source }) => source))].filter((source) => source !== tick.source).sort()
  const others = sources
    .map((source) =>
      joinedTick(
        feed.filter((price) => price.source === source),
        leg.timestamp,
        join,
        within,
      ),
    )
    .filter((price) => price !== undefined)
    .filter((price) => isOff(price, over) && gap(price) > 0n === above)
  const jumpedFrom = feed.findLast(
    (price) =>
      price.source === tick.source &&
      price.time <= tick.time &&
      tick.time - price.time <= jumpWindow &&
      absolute(tick.price8 - price.price8) * 10_000n > jumpBasisPoints * price.price8,
  )
  return {
    tick,
    others,
    jumpedFrom: jumpedFrom === undefined ? [] : [jumpedFrom],
    outliers: newest?.outlier === true ? [newest] : [],
    deviation: (absolute(gap(tick)) * 100_000_000n) / (tick.price8 * bought),
    isOffBy: (basisPoints) => isOff(tick, basisPoints),
    above,
    tradePrice8: paid / bought,
    notional8,
    fires: isOff(tick, over) && notional8 > notional,
  }
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value)

/**
 * The tick that a trade at `time` is held against. `window` [0, 10 s): a tick at 10.000 s is not in it; the newest at or
 * before the trade, else the first after. `as-of`: the newest at or before, at most 10 s old. A constant always holds.
 */
function joinedTick(feed: readonly Price[], time: number, join: Parameters['join'], within: number) {
  const { start, end } = windowOf(time, within)
  const inWindow = (price: Price) => price.maxAge === null || (price.time >= start && price.time < end)
  if (join === 'as-of')
    return feed.findLast((price) => isUsable(price, time) && (price.maxAge === null || time - price.time <= within))
  return (
    feed.findLast((price) => price.time <= time && inWindow(price)) ??
    feed.find((price) => price.time > time && inWindow(price))
  )
}

function judge({ key, references, prices }: Finding, chosen: Parameters): Judgement {
  const { over, notional, within, join } = chosen
  const [leg] = references
  const refuse = (reason: string) => new DoesNotFireError(reason)
  if (references.length !== 1 || leg?.type !== 'swap') throw refuse('It rests on one swap.')
  const { base, quote, baseToken, quoteToken } = sidesOf(leg)
  if (key !== `${base}/${quote}`) throw refuse(`The swap is not of ${key}.`)
  const sorted = [...prices].sort(byTime)
  const quotePrice = priceAt(sorted, quote, leg.timestamp)
  const feed = sorted.filter(({ asset }) => asset === base)
  const compared = compare(leg, quotePrice, feed, chosen)
  if (compared === null) throw refuse('No tick joins the trade, or a side of it has no price.')
  const { tick, deviation, tradePrice8, notional8 } = compared
  const off = displayPercent(deviation / 10_000n)
  if (!compared.fires) throw refuse(`It is off by ${off} % only, or worth no more than ${displayUsd(notional)} USD.`)
  const band: Severity = compared.isOffBy(2_500n) ? 'critical' : compared.isOffBy(1_000n) ? 'high' : 'medium'
  const [baseSymbol, quoteSymbol] = [displayName(baseToken.symbol), displayName(quoteToken.symbol)]
  return {
    occurrence: occurrenceOf(leg),
    // A window speaks when it is complete.
    eventTime: join === 'window' ? windowOf(leg.timestamp, within).end - 1 : leg.timestamp,
    severity: notional8 > 10_000_00000000n ? band : oneLower(band),
    confidence: confidenceOf(
      60,
      compared.others.length > 0 ? 20 : 0,
      compared.jumpedFrom.length + compared.outliers.length > 0 ? -30 : 0,
    ),
    title: `${baseSymbol} traded ${off} % ${compared.above ? 'above' : 'below'} its feed`,
    sentence:
      `In ${leg.pool} ${baseSymbol} changed hands for ${quoteSymbol} at ${displayUsd(tradePrice8)} USD, ${off} % ` +
      `${compared.above ? 'above' : 'below'} the ${displayUsd(tick.price8)} USD of ${displayName(tick.source)}; ` +
      `more than ${displayPercent(over)} % is far, and the trade was worth ${displayUsd(notional8)} USD.` +
      (compared.jumpedFrom.length > 0 ? ' The feed itself moved more than 2 % in the minute before.' : '') +
      (compared.outliers.length > 0 ? ' A tick that is marked as an outlier was passed over.' : ''),
    thresholds: [
      { parameter: 'over', limit: percentText(over), observed: deviationText(deviation) },
      { parameter: 'notional', limit: usdText(notional), observed: usdText(notional8) },
    ],
  }
}
