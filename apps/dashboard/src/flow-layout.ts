import type { Address } from '@tocsin/chain-model'
import type { Movement } from './evidence.ts'

/** A movement as a row of the picture: time runs down, the wallet is the line in the middle. */
export interface FlowRow {
  readonly movement: Movement
  /** Into the wallet, out of it, or between two others. */
  readonly direction: 'in' | 'out' | 'other'
  readonly y: number
  readonly startX: number
  readonly endX: number
  /** 0 to 1: this amount against the largest one shown; 0 where no common measure is known. */
  readonly weight: number
  /** Event time in ms since the row above; null in the first row. */
  readonly gapMs: number | null
}

export interface FlowLayout {
  readonly width: number
  readonly height: number
  readonly walletX: number
  /** The room for an address at either side, in px. */
  readonly nodeWidth: number
  readonly rows: readonly FlowRow[]
  /** Movements left out between the first and last rows, with where the gap stands; null if all are shown. */
  readonly folded: { readonly count: number; readonly y: number } | null
}

const rowHeight = 40
const top = 46
/** A longer story is folded in its middle: the first and last ones tell it, the table below lists all. */
export const maxFlowRows = 14

/**
 * Where the parts of the flow picture stand in `width` px. Transfers keep the order of the evidence. Without any
 * transfer into the wallet the left side would be empty, so the wallet moves to the left.
 */
export function layoutFlow(movements: readonly Movement[], wallet: Address | null, width: number): FlowLayout {
  const nodeWidth = width < 480 ? 88 : 124
  const oneSided = !movements.some(({ to, from }) => to === wallet && from !== wallet)
  const walletX = oneSided ? nodeWidth / 2 + 8 : Math.round(width / 2)
  const half = maxFlowRows / 2
  const fold = movements.length > maxFlowRows
  const shown = fold ? [...movements.slice(0, half), ...movements.slice(-half)] : movements
  const weigh = weighing(shown)
  const rows = shown.map((movement, index): FlowRow => {
    const direction = movement.from === wallet ? 'out' : movement.to === wallet ? 'in' : 'other'
    const before = shown[index - 1]
    const foldShift = fold && index >= half ? rowHeight : 0
    return {
      movement,
      direction,
      y: top + index * rowHeight + foldShift + rowHeight / 2,
      startX: direction === 'out' ? walletX : nodeWidth,
      endX: direction === 'in' ? walletX : width - nodeWidth,
      weight: weigh(movement),
      gapMs: before === undefined ? null : movement.timestamp - before.timestamp,
    }
  })
  return {
    width,
    height: top + (shown.length + (fold ? 1 : 0)) * rowHeight + 14,
    walletX,
    nodeWidth,
    rows,
    folded: fold ? { count: movements.length - shown.length, y: top + half * rowHeight + rowHeight / 2 } : null,
  }
}

/** By USD if every movement has it, by amount if all are of one asset; otherwise nothing can be compared. */
function weighing(movements: readonly Movement[]): (movement: Movement) => number {
  const byUsd = movements.every(({ usd8 }) => usd8 !== null)
  const oneAsset = movements.every(({ asset }) => asset === movements[0]?.asset)
  if (!byUsd && !oneAsset) return () => 0
  const sizeOf = ({ usd8, amount }: Movement) => (byUsd ? (usd8 ?? 0n) : amount)
  const largest = movements.reduce((max, movement) => (sizeOf(movement) > max ? sizeOf(movement) : max), 0n)
  return (movement) => (largest === 0n ? 0 : Number((sizeOf(movement) * 1000n) / largest) / 1000)
}
