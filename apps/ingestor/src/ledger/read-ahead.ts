import { BlockWindow, type WindowLimits } from './backfill-plan.ts'

/** What was asked for in an order, handed out in that order. */
export interface ReadAhead<Asked, Read> {
  /**
   * What was read for `asked`; those asked for before it are dropped, and it counts as held until the next is taken.
   * Undefined where it was not asked for, was dropped, or comes after one that failed. @throws what reading it threw
   */
  take(asked: Asked): Promise<Read> | undefined
}

/**
 * Reads all that is wanted ahead of the one who takes it, as much at once as the limits allow, begun in order: so the one
 * that is waited for is always under way. After one that fails no more are begun.
 */
export function readAhead<Asked, Read extends { readonly bytes: number }>(
  wanted: readonly Asked[],
  read: (asked: Asked) => Promise<Read>,
  limits: WindowLimits,
): ReadAhead<Asked, Read> {
  const window = new BlockWindow(limits)
  const places = new Map(wanted.map((asked, at) => [asked, at]))
  /** By place, in order; `bytes` once it has arrived. */
  const underWay = new Map<number, { readonly reading: Promise<Read>; bytes?: number }>()
  let next = 0
  let lowest = 0
  let hasFailed = false

  function start(asked: Asked): void {
    const place = next++
    window.started()
    const reading = read(asked)
    const entry: { readonly reading: Promise<Read>; bytes?: number } = { reading }
    underWay.set(place, entry)
    reading.then(
      ({ bytes }) => {
        window.arrived(bytes)
        entry.bytes = bytes
        if (place < lowest) release(place)
        begin()
      },
      () => {
        hasFailed = true // told to the one who takes it
      },
    )
  }

  function begin(): void {
    for (const asked of wanted.slice(next, next + limits.maxBlocks)) {
      if (hasFailed || !window.mayStart) return
      start(asked)
    }
  }

  function release(place: number): void {
    const bytes = underWay.get(place)?.bytes
    if (bytes === undefined) return // when it arrives
    underWay.delete(place)
    window.released(bytes)
  }

  begin()
  return {
    take(asked) {
      const place = places.get(asked)
      if (place === undefined || place < lowest) return undefined
      for (; lowest < place; lowest++) release(lowest)
      begin()
      // Where the ones before it were passed over while they were under way.
      for (const each of wanted.slice(next, place + 1)) if (!hasFailed) start(each)
      return underWay.get(place)?.reading
    },
  }
}
