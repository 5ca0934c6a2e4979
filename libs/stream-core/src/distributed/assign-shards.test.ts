import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assignShards, type ShardAssignment, type ShardClaims } from './assign-shards.ts'

const nothing = { active: [], standby: [], ready: [] }
const assign = (members: readonly Partial<ShardClaims>[], shards: number, standbys = 0) =>
  Object.fromEntries(
    assignShards(
      members.map((member, index) => ({ ...nothing, id: `${index}`, ...member })),
      { shards, standbys },
    ),
  )

/** Each member has done what it was told, and its copies are complete. */
const afterwards = (
  claims: readonly ShardClaims[],
  assignments: ReadonlyMap<string, ShardAssignment>,
): readonly ShardClaims[] =>
  claims.map(({ id }) => {
    const { active, standby } = assignments.get(id) ?? { active: [], standby: [] }
    return { id, active, standby, ready: standby }
  })

const settle = (claims: readonly ShardClaims[], of: { readonly shards: number; readonly standbys: number }) => {
  const rounds: ReadonlyMap<string, ShardAssignment>[] = []
  let now = claims
  for (let round = 0; round < 8; round += 1) {
    const assignments = assignShards(now, of)
    rounds.push(assignments)
    now = afterwards(now, assignments)
  }
  return { now, rounds }
}

describe('assignShards', () => {
  test('default: one process runs all shards and nobody stands by', () => {
    expect(assign([{}], 3, 1)).toEqual({ '0': { active: [0, 1, 2], standby: [], expected: [] } })
  })

  test('default: two processes share, and stand by for each other', () => {
    expect(assign([{}, {}], 4, 1)).toEqual({
      '0': { active: [0, 2], standby: [1, 3], expected: [] },
      '1': { active: [1, 3], standby: [0, 2], expected: [] },
    })
  })

  test('behavior: a process that joins copies first, and its shard runs on where it is', () => {
    expect(assign([{ active: [0, 1] }, {}], 2)).toEqual({
      '0': { active: [0, 1], standby: [], expected: [] },
      '1': { active: [], standby: [1], expected: [] },
    })
  })

  test('behavior: with a complete copy the owner lets go, and the shard is nobody’s for one rebalance', () => {
    expect(assign([{ active: [0, 1] }, { standby: [1], ready: [1] }], 2)).toEqual({
      '0': { active: [0], standby: [], expected: [] },
      '1': { active: [], standby: [1], expected: [1] },
    })
    expect(assign([{ active: [0] }, { standby: [1], ready: [1] }], 2)).toEqual({
      '0': { active: [0], standby: [], expected: [] },
      '1': { active: [1], standby: [], expected: [] },
    })
  })

  test('behavior: the shards of a process that died go to those with complete copies, even if one then has more', () => {
    const left = [
      { active: [2, 3], standby: [0, 1], ready: [0, 1] },
      { active: [4, 5], standby: [] },
    ]
    expect(assign(left, 6, 1)).toMatchObject({ '0': { active: [0, 1, 2, 3] }, '1': { active: [4, 5] } })
  })

  const claims = fc
    .record({
      members: fc.integer({ min: 1, max: 7 }),
      shards: fc.integer({ min: 1, max: 24 }),
      standbys: fc.integer({ min: 0, max: 3 }),
    })
    .chain(({ members, shards, standbys }) => {
      const holder = fc.integer({ min: -1, max: members - 1 })
      const copies = fc.array(fc.tuple(holder, fc.boolean()), { maxLength: 3 })
      return fc.array(fc.record({ owner: holder, copies }), { minLength: shards, maxLength: shards }).map((held) => ({
        of: { shards, standbys },
        claims: Array.from({ length: members }, (_, member): ShardClaims => {
          const copied = held.flatMap(({ owner, copies: all }, shard) => {
            const own = all.find(([at]) => at === member)
            return own === undefined || owner === member ? [] : [{ shard, isReady: own[1] }]
          })
          return {
            id: `m${(member * 5) % 7}`,
            active: held.flatMap(({ owner }, shard) => (owner === member ? [shard] : [])),
            standby: copied.map(({ shard }) => shard),
            ready: copied.filter(({ isReady }) => isReady).map(({ shard }) => shard),
          }
        }),
      }))
    })

  test('property: no shard is run by two, and one that has no live owner is run by one at once', () => {
    fc.assert(
      fc.property(claims, ({ of, claims: now }) => {
        const assignments = [...assignShards(now, of).values()]
        for (let shard = 0; shard < of.shards; shard += 1) {
          const runners = assignments.filter(({ active }) => active.includes(shard)).length
          const isMoving = assignments.some(({ expected }) => expected.includes(shard))
          const isOwned = now.some(({ active }) => active.includes(shard))
          expect(runners).toBe(isMoving ? 0 : 1)
          if (!isOwned) expect(isMoving).toBe(false)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('property: a shard changes a live owner only for a complete copy, and each who expects one holds it', () => {
    fc.assert(
      fc.property(claims, ({ of, claims: now }) => {
        const assignments = assignShards(now, of)
        for (const { id, active } of now) {
          for (const shard of active.filter((one) => assignments.get(id)?.active.includes(one) !== true)) {
            const next = now.find((other) => assignments.get(other.id)?.expected.includes(shard) === true)
            expect(next?.ready).toContain(shard)
            expect(assignments.get(next?.id ?? '')?.standby).toContain(shard)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('property: it settles, balanced within one, each shard once, with its standbys, each on a process of its own', () => {
    fc.assert(
      fc.property(claims, ({ of, claims: begin }) => {
        const { now, rounds } = settle(begin, of)
        expect(rounds.at(-1)).toEqual(rounds.at(-2))
        const counts = now.map(({ active }) => active.length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
        expect(now.flatMap(({ active }) => active).toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: of.shards }, (_, shard) => shard),
        )
        for (let shard = 0; shard < of.shards; shard += 1) {
          const standing = now.filter(({ standby }) => standby.includes(shard))
          expect(standing).toHaveLength(Math.min(of.standbys, now.length - 1))
          expect(standing.some(({ active }) => active.includes(shard))).toBe(false)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('property: where copies are everywhere, a rebalance moves the fewest shards that balance allows', () => {
    fc.assert(
      fc.property(claims, ({ of, claims: begin }) => {
        const all = Array.from({ length: of.shards }, (_, shard) => shard)
        const now = begin.map((claim) => {
          const copied = all.filter((shard) => !claim.active.includes(shard))
          return { ...claim, standby: copied, ready: copied }
        })
        const assignments = assignShards(now, of)
        const kept = now.map(
          ({ id, active }) => active.filter((shard) => assignments.get(id)?.active.includes(shard) === true).length,
        )
        const share = Math.floor(of.shards / begin.length)
        const larger = of.shards % begin.length
        const most = begin
          .map(({ active }) => active.length)
          .toSorted((a, b) => b - a)
          .map((owned, index) => Math.min(owned, share + (index < larger ? 1 : 0)))
        expect(kept.reduce((sum, one) => sum + one, 0)).toBe(most.reduce((sum, one) => sum + one, 0))
      }),
      { numRuns: 300 },
    )
  })

  test('property: the order in which the members come does not matter', () => {
    fc.assert(
      fc.property(claims, fc.integer({ min: 0, max: 6 }), ({ of, claims: now }, turn) => {
        const turned = [...now.slice(turn % now.length), ...now.slice(0, turn % now.length)]
        const sorted = (all: ReadonlyMap<string, ShardAssignment>) => [...all].sort(([a], [b]) => (a < b ? -1 : 1))
        expect(sorted(assignShards(turned, of))).toEqual(sorted(assignShards(now, of)))
      }),
      { numRuns: 200 },
    )
  })
})
