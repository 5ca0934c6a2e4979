import type { Attack, Step } from './attack.ts'
import { passThrough } from './attacks/pass-through.ts'
import { priceDeviation } from './attacks/price-deviation.ts'
import { takenBack } from './attacks/reorg.ts'
import { runningTotal } from './attacks/running-total.ts'
import { transferVolume } from './attacks/transfer-volume.ts'
import { foundingBlocks } from './market.ts'

/**
 * A chain begins with a past of 15 minutes, mined in a moment: one block for 20 s. Without it nobody could have sent
 * money slowly by the time the newcomer looks.
 */
export const past = { blocks: 45, blockSeconds: 20 } as const
/** Time between two blocks once the past is over. */
export const blockSeconds = 2
const live = past.blocks + 1

/** An attack and the block at which it begins. */
export interface Incident {
  readonly attack: Attack
  readonly start: number
}

/** All four within 34 s of the first live block; the pass-through that a reorg takes back after 46 s. */
const opening: readonly Incident[] = [
  { attack: runningTotal([0, 2, 40]), start: foundingBlocks + 4 },
  { attack: transferVolume, start: live + 1 },
  { attack: passThrough, start: live + 4 },
  { attack: priceDeviation('v2'), start: live + 8 },
  { attack: takenBack, start: live + 15 },
]

/** Afterwards one incident in three minutes, in turn. */
const rotation: readonly Attack[] = [
  passThrough,
  priceDeviation('v3'),
  takenBack,
  transferVolume,
  runningTotal([0, 75, 150, 225, 300, 375, 450, 525]), // 150 s apart: five of eight parts in ten minutes, 65,625 USD
  priceDeviation('v2'),
]
const cycleBlocks = 90
const firstCycle = live + 60
const longest = Math.max(...rotation.map(({ steps }) => steps.at(-1)?.after ?? 0))

/** The incidents that begin in blocks `from` to `to`, both in, in the order of their starts. */
export function incidentsBetween(from: number, to: number): readonly Incident[] {
  const incidents = opening.filter(({ start }) => start >= from && start <= to)
  for (let cycle = Math.max(0, Math.ceil((from - firstCycle) / cycleBlocks)); ; cycle++) {
    const start = firstCycle + cycle * cycleBlocks
    if (start > to) return incidents
    const attack = rotation[cycle % rotation.length]
    if (attack !== undefined) incidents.push({ attack, start })
  }
}

/** What is staged in `block`: a function of its number alone, so that a restart goes on in the middle of an attack. */
export function stepsAt(block: number): readonly { readonly incident: Incident; readonly step: Step }[] {
  return incidentsBetween(block - longest, block).flatMap((incident) =>
    incident.attack.steps.filter(({ after }) => incident.start + after === block).map((step) => ({ incident, step })),
  )
}

/** The incident whose last step's block, and all after it, are to be reverted once `block` is mined. */
export function takenBackAt(block: number): { readonly incident: Incident; readonly depth: number } | undefined {
  for (const incident of incidentsBetween(block - longest, block)) {
    const { steps, takenBackAfter } = incident.attack
    if (takenBackAfter === undefined) continue
    const last = incident.start + (steps.at(-1)?.after ?? 0)
    if (last + takenBackAfter === block) return { incident, depth: takenBackAfter + 1 }
  }
  return undefined
}

/** Whether no reorg is staged for the blocks just after `block`: anvil can be started anew without cutting one in two. */
export function isCalm(block: number): boolean {
  for (let next = block + 1; next <= block + 2 * past.blocks; next++) {
    const reorg = takenBackAt(next)
    if (reorg !== undefined) return next - reorg.depth > block
  }
  return true
}
