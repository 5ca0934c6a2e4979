import { useRef } from 'react'
import { approximateRatio, formatTime, formatUsd8 } from './format.ts'
import type { RunningSum } from './running-sum.ts'
import { useWidth } from './use-width.ts'

const height = 132
const pad = { left: 8, right: 8, top: 18, bottom: 20 }
/** Of the limit's words, in pixels: enough for any of their digits. */
const glyphWidth = 7

/** The running sum as a staircase in event time, with the limit it crossed. */
export function SumPicture({ sum }: { sum: RunningSum }) {
  const frame = useRef<HTMLDivElement>(null)
  const width = Math.max(280, useWidth(frame, 560))
  const first = sum.steps[0]?.timestamp ?? 0
  const last = sum.steps.at(-1)?.timestamp ?? first
  const top8 = sum.end > sum.limit8 ? sum.end : sum.limit8
  const x = (timestamp: number) =>
    pad.left + (last === first ? 0 : ((timestamp - first) / (last - first)) * (width - pad.left - pad.right - 40))
  const y = (total8: bigint) =>
    height -
    pad.bottom -
    approximateRatio({ units: total8, scale: 8 }, { units: top8, scale: 8 }) * (height - pad.top - pad.bottom)
  const limitY = y(sum.limit8)
  // Left of the step that crosses the limit the stairs are below it: its words stand free above the line there.
  const crossing = x(sum.steps.find(({ total8 }) => total8 > sum.limit8)?.timestamp ?? last)
  const limitText = `limit ${formatUsd8(sum.limit8)}`
  const fitsLeft = crossing - pad.left > limitText.length * glyphWidth
  const line = sum.steps.map(({ timestamp, total8 }, index) =>
    index === 0 ? `M${x(timestamp)} ${height - pad.bottom}V${y(total8)}` : `H${x(timestamp)}V${y(total8)}`,
  )
  const end = width - pad.right
  return (
    <div ref={frame} className="picture">
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`The sum rises to ${formatUsd8(sum.end)}, over the limit of ${formatUsd8(sum.limit8)}`}
      >
        <path className="sum-area" d={`${line.join('')}H${end}V${height - pad.bottom}Z`} />
        <path className="sum-line" d={`${line.join('')}H${end}`} />
        <line className="limit-line" x1={pad.left} x2={end} y1={limitY} y2={limitY} />
        <text
          className="limit-text"
          x={fitsLeft ? pad.left : end}
          y={fitsLeft || height - pad.bottom - limitY < 18 ? limitY - 5 : limitY + 14}
          textAnchor={fitsLeft ? 'start' : 'end'}
        >
          {limitText}
        </text>
        {sum.steps.map(({ timestamp, total8 }, index) => (
          <circle
            key={index}
            className={total8 > sum.limit8 ? 'sum-dot over' : 'sum-dot'}
            cx={x(timestamp)}
            cy={y(total8)}
            r="3"
          >
            <title>{`${formatTime(timestamp)}: ${formatUsd8(total8)}`}</title>
          </circle>
        ))}
        <text className="sum-end" x={end} y={y(sum.end) - 6} textAnchor="end">
          {formatUsd8(sum.end, { maxFraction: 2, markCut: false })}
        </text>
        <line className="axis" x1={pad.left} x2={end} y1={height - pad.bottom} y2={height - pad.bottom} />
        <text className="axis-text" x={pad.left} y={height - 5}>
          {formatTime(first)}
        </text>
        {last !== first && (
          <text className="axis-text" x={x(last)} y={height - 5} textAnchor="middle">
            {formatTime(last)}
          </text>
        )}
      </svg>
    </div>
  )
}
