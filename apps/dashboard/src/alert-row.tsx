import type { Alert } from '@tocsin/chain-model'
import { memo, use } from 'react'
import { UnitContext } from './detector-units.ts'
import { keyName, thresholdsOf } from './evidence.ts'
import {
  approximateRatio,
  detectorName,
  formatDay,
  formatQuantity,
  formatQuantityAbove,
  formatTime,
  formatUtc,
  parseDecimal,
} from './format.ts'
import { Copyable, Prose, SeverityMark, StatusPill } from './marks.tsx'

/** One alert in the list. The link covers the row; the key's copy button lies over it. */
export const AlertRow = memo(function AlertRow({
  alert,
  href,
  open,
  arrived,
  newDay,
}: {
  alert: Alert
  href: string
  open: boolean
  arrived: boolean
  /** The row above is of another day: say which one this is. */
  newDay: boolean
}) {
  return (
    <tr
      role="row"
      className={`alert-row row-${alert.status} row-${alert.severity}${arrived ? ' arrived' : ''}`}
      aria-current={open ? 'true' : undefined}
      data-alert-id={alert.id}
      data-status={alert.status}
    >
      <td role="cell" className="cell-severity">
        <SeverityMark severity={alert.severity} />
      </td>
      <td role="cell" className="cell-time" title={formatUtc(alert.eventTime)}>
        <time dateTime={new Date(alert.eventTime).toISOString()}>{formatTime(alert.eventTime)}</time>
        {newDay && <span className="day">{formatDay(alert.eventTime)}</span>}
      </td>
      <td role="cell" className="cell-status">
        <StatusPill status={alert.status} />
      </td>
      <td role="cell" className="cell-detector">
        {detectorName(alert.detector)}
      </td>
      <td role="cell" className="cell-sentence">
        <a className="row-link" href={href} data-row-link>
          <Prose text={alert.sentence} />
        </a>
        {alert.status === 'retracted' && <span className="retraction">Taken back: the chain reverted its block.</span>}
      </td>
      <td role="cell" className="cell-key">
        <Copyable text={alert.key} shown={keyName(alert)} what="key" />
      </td>
      <td role="cell" className="cell-observed">
        <Observed alert={alert} />
      </td>
    </tr>
  )
})

/** What was observed against the limit that it broke: the number an analyst sorts by in the head. */
function Observed({ alert }: { alert: Alert }) {
  const unitOf = use(UnitContext)
  // A rule's condition is a limit in words: the list has numbers.
  const threshold = thresholdsOf(alert).find(({ limit: said }) => parseDecimal(said) !== undefined)
  if (threshold === undefined) return <span className="quiet">–</span>
  const unit = unitOf(alert.detector, threshold.parameter)
  const observed = parseDecimal(threshold.observed)
  const limit = parseDecimal(threshold.limit)
  const ratio = observed === undefined || limit === undefined ? 0 : approximateRatio(observed, limit)
  return (
    <span
      className="observed"
      title={`${threshold.parameter}: ${formatQuantity(threshold.observed, unit)} observed, limit ${formatQuantity(threshold.limit, unit)}`}
    >
      <span className="observed-value">{formatQuantityAbove(threshold.observed, threshold.limit, unit)}</span>
      {ratio > 1 && <span className="observed-ratio">{ratio >= 10 ? Math.floor(ratio) : ratio.toFixed(1)}×</span>}
    </span>
  )
}
