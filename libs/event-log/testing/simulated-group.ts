import type { Group, GroupMember } from '../src/group.ts'

/** The coordinator of a group whose members live in one process and in whatever time they are given. */
export interface SimulatedGroup {
  /** `wait` is the member's own: a member that cannot run does not come back from it, and is not heard of. */
  member(wait: (ms: number, signal: AbortSignal) => Promise<void>): Group
  /** How many rebalances were completed. */
  readonly rebalances: number
}

export interface SimulatedGroupOptions {
  readonly now: () => number
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** A member that was not heard of does not suspect it: only fencing keeps it from doing what is others' by now. */
  readonly isUnsuspecting?: boolean
}

interface Seat {
  readonly member: GroupMember
  heardAt: number
  /** What it said for the rebalance that is under way; null: it has not come yet. */
  said: Uint8Array | null
  part: Uint8Array | null
}

export const openSimulatedGroup = (options: SimulatedGroupOptions): SimulatedGroup => {
  const { now, sessionTimeoutMs, heartbeatIntervalMs } = options
  const seats = new Map<string, Seat>()
  let isRebalancing = false
  let ids = 0
  let rebalances = 0

  const begin = (): void => {
    isRebalancing = true
    for (const seat of seats.values()) seat.said = seat.part = null
  }
  const dropSilent = (): void => {
    for (const [id, { heardAt }] of seats) {
      if (now() - heardAt < sessionTimeoutMs) continue
      seats.delete(id)
      begin()
    }
  }
  const completeIfAllCame = (): void => {
    const said = [...seats].flatMap(([id, seat]) => (seat.said === null ? [] : [{ id, metadata: seat.said }]))
    const [leader] = seats.values()
    if (!isRebalancing || leader === undefined || said.length < seats.size) return
    isRebalancing = false
    rebalances += 1
    const parts = leader.member.assign(said)
    for (const [id, seat] of seats) seat.part = parts.get(id) ?? new Uint8Array()
  }

  const member = (wait: (ms: number, signal: AbortSignal) => Promise<void>): Group => {
    let id = ''
    let wantsRejoin = false
    let waiting = new AbortController()
    /** One exchange with the coordinator. */
    const speak = (of: GroupMember): void => {
      dropSilent()
      if (id !== '' && !seats.has(id)) {
        id = ''
        of.lost('it was not heard of')
      }
      if (id === '') {
        id = `member-${(ids += 1)}`
        seats.set(id, { member: of, heardAt: now(), said: null, part: null })
        begin()
      }
      const seat = seats.get(id)
      if (seat === undefined) throw new Error('assertion: a member has a seat')
      seat.heardAt = now()
      if (wantsRejoin && !isRebalancing) begin()
      if (isRebalancing && seat.said === null) {
        wantsRejoin = false
        seat.said = of.metadata()
      }
      completeIfAllCame()
      const { part } = seat
      seat.part = null
      if (part !== null) of.assigned(part)
    }
    return {
      run: async (of, signal) => {
        while (!signal.aborted) {
          speak(of)
          waiting = new AbortController()
          const either = AbortSignal.any([signal, waiting.signal])
          await wait(of.isWaiting() || wantsRejoin ? 1 : heartbeatIntervalMs, either)
        }
        if (seats.delete(id)) begin()
        id = ''
      },
      rejoin: () => {
        wantsRejoin = true
        waiting.abort()
      },
      isMember: () => {
        const seat = seats.get(id)
        if (options.isUnsuspecting === true) return id !== ''
        return seat !== undefined && now() - seat.heardAt < sessionTimeoutMs
      },
    }
  }
  return {
    member,
    get rebalances() {
      return rebalances
    },
  }
}
