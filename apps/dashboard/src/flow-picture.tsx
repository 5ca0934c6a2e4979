import type { Address, Asset } from '@tocsin/chain-model'
import { useRef } from 'react'
import { layoutFlow } from './flow-layout.ts'
import type { Movement, Token } from './evidence.ts'
import { formatDuration, formatTokenAmount, formatUsd8, formatUtc, shortHex } from './format.ts'
import { useWidth } from './use-width.ts'

/** Transfers in the order of the chain, time running down, with the wallet as the line they come to and go from. */
export function FlowPicture({
  movements,
  tokens,
  wallet,
  labels,
}: {
  movements: readonly Movement[]
  tokens: ReadonlyMap<Asset, Token>
  wallet: Address | null
  labels: ReadonlyMap<Address, string>
}) {
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame, 560)
  const layout = layoutFlow(movements, wallet, Math.max(280, width))
  const narrow = layout.width < 480
  const name = (address: Address | null) => (address === null ? 'new contract' : shortHex(address, narrow ? 2 : 4))
  return (
    <div ref={frame} className="picture">
      <svg
        width={layout.width}
        height={layout.height}
        role="img"
        aria-label={`${movements.length} transfers in order of time; the table of evidence lists them`}
      >
        <line className="lifeline" x1={layout.walletX} x2={layout.walletX} y1="30" y2={layout.height - 6} />
        <g className="node node-wallet">
          <rect x={layout.walletX - layout.nodeWidth / 2} y="4" width={layout.nodeWidth} height="26" rx="6" />
          <text x={layout.walletX} y="21" textAnchor="middle">
            {wallet === null ? 'wallet' : name(wallet)}
            {wallet !== null && <title>{wallet}</title>}
          </text>
        </g>
        {layout.rows.map(({ movement, direction, y, startX, endX, weight, gapMs }, index) => {
          const thickness = 1.5 + weight * 4
          const right = direction === 'in' ? layout.walletX : endX
          const left = direction === 'out' ? layout.walletX : startX
          const middle = (left + right) / 2
          const token = tokens.get(movement.asset)
          const { amount, usd } = wording(movement, token, right - left)
          return (
            <g key={index} className={`flow flow-${direction}`}>
              <title>
                {`${formatUtc(movement.timestamp)}\n${formatTokenAmount(movement.amount, token)}${movement.usd8 === null ? '' : ` = ${formatUsd8(movement.usd8)}`}\nfrom ${movement.from ?? '?'}\nto ${movement.to ?? '?'}`}
              </title>
              {gapMs !== null && gapMs > 0 && (
                <text
                  className="gap"
                  x={layout.walletX + (direction === 'in' ? 8 : -8)}
                  y={y - 15}
                  textAnchor={direction === 'in' ? 'start' : 'end'}
                >
                  +{formatDuration(gapMs)}
                </text>
              )}
              <line
                className="wire"
                x1={startX + (direction === 'out' ? 5 : 2)}
                x2={endX - 9}
                y1={y}
                y2={y}
                strokeWidth={thickness}
              />
              <path className="tip" d={`M${endX - 10} ${y - 5}l9 5-9 5z`} />
              <circle className="moment-dot" cx={layout.walletX} cy={y} r="3.5" />
              <text className="amount" x={middle} y={y - 7} textAnchor="middle">
                {amount}
                {usd !== null && <tspan className="usd"> · {usd}</tspan>}
              </text>
              {direction !== 'in' && (
                <AddressNode
                  address={movement.to}
                  x={layout.width - layout.nodeWidth + 4}
                  y={y}
                  anchor="start"
                  name={name(movement.to)}
                  label={movement.to === null ? null : (labels.get(movement.to) ?? null)}
                />
              )}
              {direction !== 'out' && (
                <AddressNode
                  address={movement.from}
                  x={layout.nodeWidth - 4}
                  y={y}
                  anchor="end"
                  name={name(movement.from)}
                  label={movement.from === null ? null : (labels.get(movement.from) ?? null)}
                />
              )}
            </g>
          )
        })}
        {layout.folded !== null && (
          <g className="folded">
            <rect x={layout.walletX - 4} y={layout.folded.y - 12} width="8" height="24" />
            <text x={layout.width / 2} y={layout.folded.y + 4} textAnchor="middle">
              {layout.folded.count} more transfers
            </text>
          </g>
        )}
      </svg>
    </div>
  )
}

/** What fits above a wire of `room` px: amount and dollars, or the amount alone with ever fewer digits. */
function wording(movement: Movement, token: Token | undefined, room: number): { amount: string; usd: string | null } {
  const fits = (text: string) => text.length * approximateCharacterWidth <= room
  const digits = (maxFraction: number) => ({ maxFraction, markCut: false })
  const amount = formatTokenAmount(movement.amount, token, digits(4))
  const usd = movement.usd8 === null ? null : formatUsd8(movement.usd8, digits(2))
  if (usd !== null && fits(`${amount} · ${usd}`)) return { amount, usd }
  const shorter = [4, 2].map((count) => formatTokenAmount(movement.amount, token, digits(count)))
  return { amount: shorter.find(fits) ?? formatTokenAmount(movement.amount, token, digits(0)), usd: null }
}

// Of the bold 12 px of system fonts; being a little wide only drops a detail that the table below has.
const approximateCharacterWidth = 7

function AddressNode({
  address,
  x,
  y,
  anchor,
  name,
  label,
}: {
  address: Address | null
  x: number
  y: number
  anchor: 'start' | 'end'
  name: string
  label: string | null
}) {
  return (
    <>
      <text className="address" x={x} y={label === null ? y + 4 : y} textAnchor={anchor}>
        {name}
        {address !== null && <title>{address}</title>}
      </text>
      {label !== null && (
        <text className="address-label" x={x} y={y + 13} textAnchor={anchor}>
          {label}
        </text>
      )}
    </>
  )
}
