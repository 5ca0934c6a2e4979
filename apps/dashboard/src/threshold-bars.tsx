import { use } from 'react'
import { UnitContext } from './detector-units.ts'
import type { Threshold } from './evidence.ts'
import { approximateRatio, formatQuantity, parseDecimal } from './format.ts'

/** Each limit and what was observed against it, to the same scale. */
export function ThresholdBars({ detector, thresholds }: { detector: string; thresholds: readonly Threshold[] }) {
  const unitOf = use(UnitContext)
  return (
    <ul className="thresholds">
      {thresholds.map((threshold, index) => {
        const unit = unitOf(detector, threshold.parameter)
        const observed = parseDecimal(threshold.observed)
        const limit = parseDecimal(threshold.limit)
        const ratio = observed === undefined || limit === undefined ? null : approximateRatio(observed, limit)
        // A hundredfold excess would make the limit invisible: the bar breaks off beyond five times the limit.
        const scale = ratio === null ? 1 : Math.min(5, Math.max(1, Math.abs(ratio))) * 1.12
        return (
          <li key={index}>
            <div className="threshold-head">
              <code>{threshold.parameter}</code>
              <span className="threshold-observed">{formatQuantity(threshold.observed, unit)}</span>
              <span className="quiet">
                limit {formatQuantity(threshold.limit, unit)}
                {ratio !== null && ratio > 1 && ` · ${ratio.toFixed(2)}×`}
              </span>
            </div>
            {ratio !== null && (
              <svg
                className="threshold-bar"
                viewBox="0 0 1000 12"
                preserveAspectRatio="none"
                role="img"
                aria-label={`${ratio.toFixed(2)} times the limit`}
              >
                <rect className="bar-room" width="1000" height="12" rx="3" />
                <rect className="bar-within" width={(Math.min(Math.abs(ratio), 1) / scale) * 1000} height="12" />
                {Math.abs(ratio) > 1 && (
                  <rect
                    className="bar-over"
                    x={1000 / scale}
                    width={((Math.min(Math.abs(ratio), 5.6) - 1) / scale) * 1000}
                    height="12"
                  />
                )}
                <rect className="bar-limit" x={1000 / scale - 1} width="3" height="12" />
              </svg>
            )}
          </li>
        )
      })}
    </ul>
  )
}
