import { severities } from '@tocsin/chain-model'
import { memo } from 'react'
import type { Minute } from './alert-timeline.ts'
import { formatCount, formatTime } from './format.ts'

const height = 44

/** Alerts per minute of event time, stacked by severity, the worst at the foot. A click narrows the list to a minute. */
export const TimelineChart = memo(function TimelineChart({
  minutes,
  onPick,
}: {
  minutes: readonly Minute[]
  onPick: (from: number, to: number) => void
}) {
  const highest = Math.max(4, ...minutes.map(({ total }) => total))
  const total = minutes.reduce((sum, minute) => sum + minute.total, 0)
  const step = 10
  const first = minutes[0]
  const last = minutes.at(-1)
  return (
    <figure className="timeline">
      <figcaption>
        <span>Alerts per minute</span>
        <span className="quiet">
          {formatCount(total)} in {minutes.length} min{minutes.some(({ complete }) => !complete) && ' read so far'}
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${minutes.length * step} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${total} alerts in the last ${minutes.length} minutes, at most ${Math.max(0, ...minutes.map((m) => m.total))} in one`}
      >
        {minutes.map((minute, index) => {
          let top = height
          return (
            <g
              key={minute.start}
              className={minute.total > 0 ? 'minute has-alerts' : 'minute'}
              onClick={minute.total > 0 ? () => onPick(minute.start, minute.start + 60_000) : undefined}
            >
              <title>{`${formatTime(minute.start).slice(0, 5)}: ${describe(minute)}`}</title>
              <rect className="minute-room" x={index * step} y="0" width={step} height={height} />
              <rect
                className={minute.complete ? 'minute-base' : 'minute-base unread'}
                x={index * step + 1}
                y={height - 1.5}
                width={step - 2}
                height="1.5"
              />
              {severities.toReversed().map((severity) => {
                const size = (minute.counts[severity] / highest) * (height - 3)
                top -= size
                return size === 0 ? null : (
                  <rect
                    key={severity}
                    className={`fill-${severity}`}
                    x={index * step + 2}
                    y={top}
                    width={step - 4}
                    height={size}
                  />
                )
              })}
            </g>
          )
        })}
      </svg>
      <div className="timeline-ends" aria-hidden="true">
        <span>{first === undefined ? '' : formatTime(first.start).slice(0, 5)}</span>
        <span>{last === undefined ? '' : formatTime(last.start).slice(0, 5)}</span>
      </div>
    </figure>
  )
})

function describe(minute: Minute): string {
  if (minute.total === 0) return minute.complete ? 'no alerts' : 'not read yet'
  return severities
    .toReversed()
    .filter((severity) => minute.counts[severity] > 0)
    .map((severity) => `${minute.counts[severity]} ${severity}`)
    .join(', ')
}
