/** What a member of the group has when it is asked. */
export interface ShardClaims {
  readonly id: string
  /** Shards that it runs, or was told to run, or has not yet let go. */
  readonly active: readonly number[]
  /** Shards of whose checkpoints it holds a copy, or is making one. */
  readonly standby: readonly number[]
  /** Of these, the copies that are complete. */
  readonly ready: readonly number[]
}

/** What a member is to have from now on. */
export interface ShardAssignment {
  /** Shards to run. */
  readonly active: readonly number[]
  /** Shards to keep a copy of the checkpoints of. */
  readonly standby: readonly number[]
  /** Of these, the ones that it will run once their owners have let go. */
  readonly expected: readonly number[]
}

/**
 * Who runs which shard and who stands by. Pure, and the same for members in any order.
 *
 * The target is balanced: each member runs as many shards as any other, or one more; as few move as that allows. On the
 * way there nobody waits for a restore: a shard leaves a live owner only for a member whose copy is complete, and one
 * whose owner died goes to such a member if there is one, even if that one then has more than its share until the next
 * rebalance. A shard that leaves a live owner belongs to nobody for one rebalance, in which the owner commits and lets go.
 * So a settled group has every shard once, and no shard that stays where it is ever pauses.
 * Sources: Kafka's cooperative sticky assignor (KIP-429), warm-ups of Kafka Streams (KIP-441).
 */
export const assignShards = (
  claims: readonly ShardClaims[],
  { shards, standbys }: { readonly shards: number; readonly standbys: number },
): ReadonlyMap<string, ShardAssignment> => {
  const members = [...claims].sort((a, b) => (a.id < b.id ? -1 : 1)).map((claim) => new Member(claim))
  if (members.length === 0) return new Map()
  const all = Array.from({ length: shards }, (_, shard) => shard)
  const owners = all.map((shard) => members.find(({ claims: { active } }) => active.includes(shard)) ?? null)
  const targets = targetsOf(all, owners, members)
  for (const shard of all) {
    const [owner, target] = [owners[shard] ?? null, targets[shard]]
    if (target === undefined) throw new Error(`assertion: shard ${shard} has a target`)
    if (owner === target) owner.active.push(shard)
    else if (owner !== null) {
      if (target.isReady(shard)) target.expected.push(shard)
      else owner.active.push(shard)
      target.standby.push(shard)
    } else if (target.isReady(shard)) target.active.push(shard)
    else {
      const ready = leastBy(
        members.filter((member) => member.isReady(shard)),
        ({ active }) => active.length,
      )
      if (ready === null) target.active.push(shard)
      else {
        ready.active.push(shard)
        target.standby.push(shard)
      }
    }
  }
  addStandbys(all, owners, members, standbys)
  return new Map(members.map((member) => [member.claims.id, member.assignment()]))
}

class Member {
  readonly claims: ShardClaims
  /** How many shards it runs in the end. */
  quota = 0
  /** How many of these are known. */
  targets = 0
  readonly active: number[] = []
  readonly standby: number[] = []
  readonly expected: number[] = []

  constructor(claims: ShardClaims) {
    this.claims = claims
  }

  isReady(shard: number): boolean {
    return this.claims.ready.includes(shard)
  }
  hasCopy(shard: number): boolean {
    return this.claims.standby.includes(shard)
  }
  get room(): number {
    return this.quota - this.targets
  }
  assignment(): ShardAssignment {
    const sorted = (list: readonly number[]) => list.toSorted((a, b) => a - b)
    return { active: sorted(this.active), standby: sorted(this.standby), expected: sorted(this.expected) }
  }
}

/** Who runs each shard once all copies are made. */
const targetsOf = (
  all: readonly number[],
  owners: readonly (Member | null)[],
  members: readonly Member[],
): readonly Member[] => {
  const owned = (member: Member) => all.filter((shard) => owners[shard] === member)
  // Where not all can have the same, those keep one more who have the most: so fewest move.
  const byOwned = members.toSorted((a, b) => owned(b).length - owned(a).length)
  for (const [index, member] of byOwned.entries()) {
    member.quota = Math.floor(all.length / members.length) + (index < all.length % members.length ? 1 : 0)
  }
  const targets: Member[] = []
  const give = (shard: number, member: Member) => {
    targets[shard] = member
    member.targets += 1
  }
  /** What speaks for `member` as the next owner. */
  const nearness = (member: Member, shard: number) => Number(member.isReady(shard)) + Number(member.hasCopy(shard))
  const wanting = byOwned.filter((member) => owned(member).length < member.quota)
  const movable = (shard: number) => Math.max(0, ...wanting.map((member) => nearness(member, shard)))
  for (const member of members) {
    // What others have copies of is given away first.
    const kept = owned(member).toSorted((a, b) => movable(a) - movable(b) || a - b)
    for (const shard of kept.slice(0, member.quota)) give(shard, member)
  }
  const moving = all.filter((shard) => targets[shard] === undefined)
  for (const wanted of [2, 1, 0]) {
    for (const shard of moving.filter((one) => targets[one] === undefined)) {
      const candidates = members.filter((member) => member.room > 0 && nearness(member, shard) >= wanted)
      const next = leastBy(candidates, ({ room }) => -room)
      if (next !== null) give(shard, next)
    }
  }
  return targets
}

/** Up to `standbys` others for each shard: first those who have a copy, or had the shard, then those with the fewest. */
const addStandbys = (
  all: readonly number[],
  owners: readonly (Member | null)[],
  members: readonly Member[],
  standbys: number,
): void => {
  const fair = Math.ceil((all.length * Math.min(standbys, members.length - 1)) / members.length)
  const missing = (shard: number) => standbys - members.filter(({ standby }) => standby.includes(shard)).length
  const canTake = (member: Member, shard: number) => !member.active.includes(shard) && !member.standby.includes(shard)
  for (const shard of all) {
    const has = members.filter((member) => member.hasCopy(shard) || owners[shard] === member)
    const sticky = has.toSorted((a, b) => Number(b.isReady(shard)) - Number(a.isReady(shard)))
    for (const member of sticky) {
      if (missing(shard) > 0 && canTake(member, shard) && member.standby.length < fair) member.standby.push(shard)
    }
  }
  for (const shard of all) {
    while (missing(shard) > 0) {
      const next = leastBy(
        members.filter((member) => canTake(member, shard)),
        ({ standby, active }) => standby.length * (all.length + 1) + active.length,
      )
      if (next === null) break
      next.standby.push(shard)
    }
  }
}

/** The first of those with the least. */
const leastBy = <T>(list: readonly T[], of: (one: T) => number): T | null =>
  list.reduce<T | null>((least, one) => (least === null || of(one) < of(least) ? one : least), null)
