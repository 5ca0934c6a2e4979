import type { Address } from '@tocsin/chain-model'
import { minutes } from '@tocsin/stream-core'
import type { Transfer } from './transfer.ts'

/** Someone a wallet dealt with, and when last. */
export interface Counterparty {
  readonly address: Address
  readonly direction: 'in' | 'out'
  readonly timestamp: number
}

const hubCounterparties = 10
/** More than a hub needs in each direction tells nothing new. */
const keptCounterparties = 16

/** The counterparties with those of `transfer`, newest last; of more than are kept, the one met longest ago goes. */
export function withCounterparty(
  met: readonly Counterparty[],
  wallet: Address,
  { from, to, timestamp }: Transfer,
): readonly Counterparty[] {
  const direction = to === wallet ? 'in' : 'out'
  const address = to === wallet ? from : to
  let [known, oldest, inDirection] = [-1, -1, 0]
  for (const [index, one] of met.entries()) {
    if (one.direction !== direction) continue
    if (one.address === address) known = index
    if (oldest === -1) oldest = index
    inDirection++
  }
  const leaving = known !== -1 ? known : inDirection >= keptCounterparties ? oldest : -1
  const kept = leaving === -1 ? met.slice() : met.toSpliced(leaving, 1)
  kept.push({ address, direction, timestamp })
  return kept
}

/** A learned label: at least 10 distinct counterparties in *and* out within 10 min. */
export function isHub(met: readonly Counterparty[], time: number): boolean {
  const recent = met.filter(({ timestamp }) => time - timestamp <= minutes(10))
  return (['in', 'out'] as const).every(
    (direction) => recent.filter((one) => one.direction === direction).length >= hubCounterparties,
  )
}
