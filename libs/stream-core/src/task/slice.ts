/** Between two looks at the clock: each costs some tens of nanoseconds, a unit of work about a microsecond or ten. */
const unitsALook = 8

/**
 * A stretch of folding between two turns of the event loop: so many units of work, or so long by the clock, whichever
 * comes first. It decides when others may go on, never what comes out.
 */
export class Slice {
  readonly #clock: () => number
  readonly #maxUnits: number
  readonly #maxMs: number
  #units = 0
  #endsAt = 0
  #hasEnded = false

  constructor(clock: () => number, bounds: { readonly units: number; readonly ms: number }) {
    this.#clock = clock
    this.#maxUnits = bounds.units
    this.#maxMs = bounds.ms
  }

  /** It was told to end, so there may be more to fold. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }
  begin(): void {
    this.#units = 0
    this.#hasEnded = false
    this.#endsAt = this.#clock() + this.#maxMs
  }
  /** Asked after each unit. */
  readonly isOver = (): boolean => {
    this.#units += 1
    const isLate = this.#units % unitsALook === 0 && this.#clock() >= this.#endsAt
    this.#hasEnded = isLate || this.#units >= this.#maxUnits
    return this.#hasEnded
  }
}
