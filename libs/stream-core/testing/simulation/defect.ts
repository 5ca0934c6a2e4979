import type { EventLog } from '@tocsin/event-log'
import type { Topology } from '../../src/index.ts'
import type { StateStore } from '../../src/state/state-store.ts'

/** A fault of ours, planted for a run: what a job is given is wrapped, or a method broken while the run lasts. */
export interface Defect {
  readonly name: string
  readonly topology?: (topology: Topology) => Topology
  readonly log?: (log: EventLog, owner: string) => EventLog
  readonly store?: (store: StateStore) => StateStore
  /** @returns what mends it */
  readonly breakIn?: () => () => void
}
