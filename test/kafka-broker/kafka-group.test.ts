import { randomUUID } from 'node:crypto'
import { type GroupMember, openKafkaLog } from '@tocsin/event-log'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const broker = await sharedKafkaBroker()
const log = openKafkaLog({ brokers: 'missing' in broker ? ['-'] : [broker.bootstrap], clientId: 'test-group' })
afterAll(() => log.close())

const patience = { timeout: 20_000, interval: 10 }

/** A member that tells all others' names to each. */
const joinAs = (groupId: string, name: string, of: { readonly sessionTimeoutMs?: number } = {}) => {
  const group = log.group({ groupId, sessionTimeoutMs: 6000, heartbeatIntervalMs: 50, ...of })
  const ending = new AbortController()
  const told: string[] = []
  const losses: string[] = []
  const member: GroupMember & { says: string } = {
    says: name,
    metadata() {
      return Buffer.from(member.says)
    },
    assign(members) {
      const all = members.map(({ metadata }) => Buffer.from(metadata).toString()).toSorted()
      return new Map(members.map(({ id }) => [id, Buffer.from(all.join(' '))]))
    },
    assigned: (part) => void told.push(Buffer.from(part).toString()),
    isWaiting: () => false,
    lost: (reason) => void losses.push(reason),
  }
  const running = group.run(member, ending.signal)
  const leave = async () => {
    ending.abort()
    await running
  }
  return { group, member, told, losses, running, leave }
}

describe.skipIf('missing' in broker)(`KafkaLog.group, ${originOf(broker)}`, () => {
  test('default: each member is told what the leader decided from what all have said', async () => {
    const groupId = randomUUID()
    const ann = joinAs(groupId, 'ann')
    await vi.waitFor(() => expect(ann.told).toEqual(['ann']), patience)
    expect(ann.group.isMember()).toBe(true)
    const bob = joinAs(groupId, 'bob')
    await vi.waitFor(() => expect([ann.told.at(-1), bob.told.at(-1)]).toEqual(['ann bob', 'ann bob']), patience)
    await ann.leave()
    expect(ann.group.isMember()).toBe(false)
    await vi.waitFor(() => expect(bob.told.at(-1)).toBe('bob'), patience)
    await bob.leave()
    expect([...ann.losses, ...bob.losses]).toEqual([])
  })

  test('behavior: a member that has news to tell has all decided anew', async () => {
    const groupId = randomUUID()
    const [ann, bob] = [joinAs(groupId, 'ann'), joinAs(groupId, 'bob')]
    await vi.waitFor(() => expect([ann.told.at(-1), bob.told.at(-1)]).toEqual(['ann bob', 'ann bob']), patience)
    for (const [member, other, says] of [
      [ann, bob, 'amy'],
      [bob, ann, 'ben'],
    ] as const) {
      member.member.says = says
      member.group.rejoin()
      // Not the next decision: that may still be one of before.
      await vi.waitFor(() => expect(other.told.at(-1)).toContain(says), patience)
    }
    await Promise.all([ann.leave(), bob.leave()])
  })

  test('behavior: a member that could not run knows that it may be out, is told so, and joins as a new one', async () => {
    const sessionTimeoutMs = 1000
    const ann = joinAs(randomUUID(), 'ann', { sessionTimeoutMs })
    await vi.waitFor(() => expect(ann.told).toEqual(['ann']), patience)
    const beSuspended = () => {
      const until = performance.now() + 1.5 * sessionTimeoutMs
      while (performance.now() < until);
    }
    beSuspended()
    expect(ann.group.isMember()).toBe(false)
    await vi.waitFor(() => {
      // A slow broker may have missed that it was away.
      if (ann.losses.length === 0) beSuspended()
      expect(ann.told.length).toBeGreaterThan(1)
    }, patience)
    expect(ann.losses).toEqual(['it was not heard of for 1000 ms'])
    expect(ann.group.isMember()).toBe(true)
    await ann.leave()
  })

  test('error: a session timeout that the brokers do not allow ends it, with what to set', async () => {
    const refused = joinAs(randomUUID(), 'ann', { sessionTimeoutMs: 10 })
    await expect(refused.running).rejects.toMatchObject({
      code: 'LOG_GROUP_REFUSED',
      message: expect.stringContaining('INVALID_SESSION_TIMEOUT'),
    })
  })
})
