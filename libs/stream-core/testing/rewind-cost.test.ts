import { describe, expect, test, vi } from 'vitest'
import { JoinTable } from '../src/state/join-table.ts'
import { NestedTable } from '../src/state/nested-table.ts'
import { PaneTable } from '../src/state/pane-table.ts'
import { ValueTable } from '../src/state/value-table.ts'
import { Schedule } from '../src/schedule.ts'
import { Task } from '../src/task/task.ts'
import { Timers } from '../src/timers.ts'
import { answersAtOnce } from './answers-at-once.ts'
import { blockMs, watchAnswers, watchTopology, type Transfer } from './simulation/market.ts'

/** What a revert of one block of 30 transfers does, with `keys` wallets in final state before it. */
const costOfRevert = (keys: number) => {
  const topology = watchTopology({ maxFinishedIds: 1e9 })
  const task = new Task({
    topology,
    answerAtOnce: answersAtOnce(topology, watchAnswers),
    partitions: () => 1,
    deadLetters: { topic: 'dead', encode: () => new Uint8Array() },
  })
  const chain = task.inputs.find(({ source }) => source.topic === 'chain')
  const prices = task.inputs.find(({ source }) => source.topic === 'prices')
  const offer = (input: typeof chain, ...records: readonly object[]) => {
    const from = input?.fetchOffset ?? 0
    const values = records.map((record, index) => ({
      offset: from + index,
      key: null,
      value: Buffer.from(JSON.stringify(record)),
    }))
    input?.offer(values, from + values.length)
    let units = 0
    task.advance(Infinity, () => {
      units += 1
      return false
    })
    task.outputs.drain()
    return units
  }
  const block = (epoch: number, transfers: readonly Transfer[]) => [
    // An odd time, after which a wallet's total stays when its timer fires.
    ...transfers.map((value) => ({ type: 'element', timestamp: epoch * blockMs + 1, value })),
    { type: 'sealed', epoch, watermark: epoch * blockMs + 1 },
  ]
  offer(prices, { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER })
  const early = Array.from({ length: keys }, (_, index) => ({ from: `w${index}`, to: `v${index}`, amount: 14 }))
  // Long after it, so that all its windows and timers have fired. What sinks confirm belongs to the epoch after that.
  offer(chain, ...block(1, early), ...block(100, []), { type: 'finalized', epoch: 100 }, ...block(101, []))
  const late = Array.from({ length: 30 }, (_, index) => ({ from: `w${index}`, to: `v${index}`, amount: 16 }))
  offer(chain, ...block(102, late))
  const tables = [ValueTable, NestedTable, JoinTable, PaneTable, Timers, Schedule]
  const restores = tables.map((table) => vi.spyOn(table.prototype, 'restore'))
  try {
    const units = offer(chain, { type: 'reverted', epoch: 102 })
    return { keys: task.keys, restored: restores.reduce((sum, { mock }) => sum + mock.calls.length, 0), units }
  } finally {
    for (const spy of restores) spy.mockRestore()
  }
}

describe('rewind', () => {
  test('behavior: what a revert puts back, and in how many units, does not grow with the state', () => {
    const small = costOfRevert(100)
    const large = costOfRevert(10_000)
    process.stdout.write(`rewind cost ${JSON.stringify({ small, large })}\n`)
    expect(large.keys).toBeGreaterThan(50 * small.keys)
    expect(small.restored).toBeGreaterThan(30)
    expect(large).toMatchObject({ restored: small.restored, units: small.units })
  })
})
