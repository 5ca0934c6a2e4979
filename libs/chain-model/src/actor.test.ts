import { describe, expect, test } from 'vitest'
import { actorOf, type Actor } from './actor.ts'
import { parseAddress } from './address.ts'

const [bundler, account, vault, owner] = ['b0', 'a1', '5a', '0e'].map((digits) =>
  parseAddress(`0x${digits.repeat(20)}`),
) as [Actor['address'], Actor['address'], Actor['address'], Actor['address']]
const sender = { address: bundler, by: 'sender' }

describe('actorOf', () => {
  const operation: Actor = { address: account, by: 'user-operation', events: { start: 2, end: 6 }, frame: [1] }
  const inner: Actor = { address: vault, by: 'safe-transaction', events: null, frame: [1, 0, 0] }
  const signed: Actor = { address: owner, by: 'authorization', events: { start: 3, end: 4 }, frame: [1, 0, 1] }
  const tx = { from: bundler, actors: [operation, inner, signed] }

  test('default: an event is its whose span holds it, the last not included, and of several the narrowest', () => {
    expect([1, 2, 3, 5, 6].map((event) => actorOf(tx, { event }))).toEqual([
      sender,
      { address: account, by: 'user-operation' },
      { address: owner, by: 'authorization' },
      { address: account, by: 'user-operation' },
      sender,
    ])
  })

  test('default: what stands below a frame is its actor’s, the frame itself is not, and the innermost counts', () => {
    expect(
      [[], [0], [1], [1, 0], [1, 0, 0], [1, 0, 0, 7], [1, 10]].map((frame) => actorOf(tx, { frame }).address),
    ).toEqual([bundler, bundler, bundler, account, account, vault, account])
  })

  test('behavior: without actors it is the sender, who may be unknown', () => {
    expect(actorOf({ from: bundler, actors: [] }, { event: 0 })).toEqual(sender)
    expect(actorOf({ from: bundler, actors: null }, { frame: [0] })).toEqual(sender)
    expect(actorOf({ from: null, actors: [operation] }, { event: 0 })).toEqual({ address: null, by: 'sender' })
  })
})
