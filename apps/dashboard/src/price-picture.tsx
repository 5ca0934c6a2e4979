import type { Asset } from '@tocsin/chain-model'
import { useRef } from 'react'
import type { Token } from './evidence.ts'
import { formatPrice8, formatSymbol, formatUnits, shortHex } from './format.ts'
import type { PriceGap } from './price-gap.ts'
import { useWidth } from './use-width.ts'

const height = 104

/** The trade's price and the feed's on one line, with the band that the limit allows around the feed's. */
export function PricePicture({
  gap,
  limitBps,
  tokens,
}: {
  gap: PriceGap
  /** The allowed deviation in basis points; null where the evidence doesn't say. */
  limitBps: number | null
  tokens: ReadonlyMap<Asset, Token>
}) {
  const frame = useRef<HTMLDivElement>(null)
  const width = Math.max(280, useWidth(frame, 560))
  const reach = Math.max(Math.abs(gap.deviationBps), limitBps ?? 0) * 1.35 || 100
  const x = (bps: number) => width / 2 + (bps / reach) * (width / 2 - 4)
  const tradeX = x(gap.deviationBps)
  const symbol = formatSymbol(
    tokens.get(gap.asset)?.symbol ?? (gap.asset === 'native' ? 'native' : shortHex(gap.asset)),
  )
  const inward = gap.deviationBps < 0 ? 'start' : 'end'
  const deviation = `${gap.deviationBps < 0 ? '−' : '+'}${formatUnits(BigInt(Math.abs(gap.deviationBps)), 2, { minFraction: 2 })} %`
  return (
    <div ref={frame} className="picture">
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`${symbol} traded at ${formatPrice8(gap.trade8)}, ${deviation} from the price ${formatPrice8(gap.tick.price8)} of ${gap.tick.source}`}
      >
        <line className="axis" x1="0" x2={width} y1="54" y2="54" />
        {limitBps !== null && (
          <>
            <rect className="band" x={x(-limitBps)} y="42" width={x(limitBps) - x(-limitBps)} height="24" rx="3" />
            <text className="axis-text" x={x(-limitBps)} y="80" textAnchor="middle">
              −{limitBps / 100} %
            </text>
            <text className="axis-text" x={x(limitBps)} y="80" textAnchor="middle">
              +{limitBps / 100} %
            </text>
          </>
        )}
        <line className="gap-wire" x1={width / 2} x2={tradeX} y1="54" y2="54" />
        <line className="tick-mark" x1={width / 2} x2={width / 2} y1="36" y2="72" />
        <text className="tick-text" x={width / 2} y="98" textAnchor="middle">
          feed {formatPrice8(gap.tick.price8)}
        </text>
        <circle className="trade-mark" cx={tradeX} cy="54" r="6" />
        <text className="trade-text" x={Math.min(width - 2, Math.max(2, tradeX))} y="16" textAnchor={inward}>
          {symbol} traded at {formatPrice8(gap.trade8)}
        </text>
        <text className="trade-deviation" x={Math.min(width - 2, Math.max(2, tradeX))} y="33" textAnchor={inward}>
          {deviation}
        </text>
      </svg>
    </div>
  )
}
