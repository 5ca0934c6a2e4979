import { createContext } from 'react'
import type { DetectorDescription } from './api.ts'

/** The unit of a detector's parameter, null where unknown. */
export type UnitOf = (detector: string, parameter: string) => string | null

/** Looks units up in the catalogue; thresholds of alerts name the parameter, not its unit. */
export function unitsOf(detectors: readonly DetectorDescription[]): UnitOf {
  const units = new Map(
    detectors.flatMap(({ id, parameters }) => parameters.map(({ name, unit }) => [`${id}.${name}`, unit] as const)),
  )
  return (detector, parameter) => units.get(`${detector}.${parameter}`) ?? null
}

export const UnitContext = createContext<UnitOf>(() => null)
