import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { outputTag, session, sliding, tumbling, type SidedElement, type WindowAssigner } from '../index.ts'
import { restartSuite } from '../../testing/restart.suite.ts'
import {
  afterHistory,
  emitted,
  forkedHistory,
  sidedCodec,
  sidedDriver,
  sidedHistory,
  type Sided,
  type SidedRecord,
} from '../../testing/sided-history.ts'

const codecs = { left: sidedCodec, right: sidedCodec }
const late = outputTag<SidedElement<Sided, Sided>>('late')

interface Aligned {
  readonly size: number
  readonly slide: number
}
const aligned: fc.Arbitrary<Aligned> = fc
  .record({ size: fc.integer({ min: 1, max: 20 }), slide: fc.integer({ min: 1, max: 20 }) })
  .map(({ size, slide }) => ({ size, slide: Math.min(size, slide) }))
const assignerOf = ({ size, slide }: Aligned): WindowAssigner =>
  size === slide ? tumbling(size) : sliding(size, slide)

const coGrouped = (assigner: WindowAssigner) =>
  sidedDriver((left, right) =>
    left
      .coGroup(right)
      .window(assigner)
      .sideOutputLateData(late)
      .process<unknown>('group', codecs, (lefts, rights, window, key, emit) =>
        emit([window.start, key, lefts.map(({ n }) => n), rights.map(({ n }) => n)]),
      ),
  )
const joined = (assigner: WindowAssigner) =>
  sidedDriver((left, right) =>
    left
      .windowJoin(right)
      .window(assigner)
      .process<unknown>('join', codecs, (one, other, window, key, emit) => emit([window.start, key, one.n, other.n])),
  )

/** Each window of each key with what came into it before the watermark passed its last timestamp. */
const byDefinition = (records: readonly SidedRecord[], { size, slide }: Aligned) => {
  const groups = new Map<string, { start: number; key: string; lefts: number[]; rights: number[] }>()
  const tooLate: number[] = []
  let watermark = -Infinity
  for (const record of records) {
    if (record.type === 'watermark') watermark = record.watermark
    if (record.type !== 'element') continue
    const { value, timestamp } = record
    let isInWindow = false
    for (let start = Math.floor(timestamp / slide) * slide; start > timestamp - size; start -= slide) {
      if (start + size - 1 <= watermark) continue
      isInWindow = true
      const name = `${start}/${value.key}`
      const group = groups.get(name) ?? { start, key: value.key, lefts: [], rights: [] }
      groups.set(name, group)
      group[value.side === 'left' ? 'lefts' : 'rights'].push(value.n)
    }
    if (!isInWindow) tooLate.push(value.n)
  }
  const inOrder = [...groups.values()].toSorted((a, b) => a.start - b.start || (a.key < b.key ? -1 : 1))
  return {
    groups: inOrder.map(({ start, key, lefts, rights }) => [start, key, lefts, rights]),
    pairs: inOrder.flatMap(({ start, key, lefts, rights }) =>
      lefts.flatMap((left) => rights.map((right) => [start, key, left, right])),
    ),
    tooLate,
  }
}

describe('coGroup', () => {
  test('property: groups are those of the definition, one-sided ones too', () => {
    fc.assert(
      fc.property(sidedHistory, aligned, (records, shape) => {
        const driver = coGrouped(assignerOf(shape))
        driver.push('in', ...records)
        const { groups, tooLate } = byDefinition(records, shape)
        expect(driver.deadLetters()).toEqual([])
        expect(emitted(driver)).toEqual(groups)
        expect(driver.sideOutput('group', late).map(({ value }) => value.value.n)).toEqual(tooLate)
        expect(driver.dump()).toEqual({})
      }),
    )
  })

  test('behavior: elements of either side keep a session open', () => {
    const driver = coGrouped(session(10))
    const element = (side: Sided['side'], at: number): SidedRecord => ({
      type: 'element',
      timestamp: at,
      value: { side, key: 'a', n: at },
    })
    driver.push('in', element('left', 0), element('right', 8), element('left', 16), element('right', 30))
    driver.end()
    expect(emitted(driver)).toEqual([
      [0, 'a', [0, 16], [8]],
      [30, 'a', [], [30]],
    ])
  })

  test('property: reverted epochs leave nothing behind, in sessions too', () => {
    fc.assert(
      fc.property(forkedHistory, fc.oneof(aligned.map(assignerOf), fc.constant(session(5))), (history, assigner) => {
        const create = () => coGrouped(assigner)
        expect(afterHistory(create, history.stormy)).toEqual(afterHistory(create, history.canonical))
      }),
    )
  })

  restartSuite(aligned, (shape) => coGrouped(assignerOf(shape)))
})

describe('windowJoin', () => {
  test('property: pairs are those of the definition, in order', () => {
    fc.assert(
      fc.property(sidedHistory, aligned, (records, shape) => {
        const driver = joined(assignerOf(shape))
        driver.push('in', ...records)
        expect(emitted(driver)).toEqual(byDefinition(records, shape).pairs)
      }),
    )
  })

  test('behavior: a stream joins itself', () => {
    const driver = sidedDriver((left) =>
      left
        .windowJoin(left)
        .window(tumbling(3))
        .process<unknown>('join', codecs, (one, other, _window, _key, emit) => emit([one.n, other.n])),
    )
    const element = (n: number): SidedRecord => ({
      type: 'element',
      timestamp: n,
      value: { side: 'left', key: 'a', n },
    })
    driver.push('in', element(0), element(2), element(3))
    driver.end()
    expect(emitted(driver)).toEqual([
      [0, 0],
      [0, 2],
      [2, 0],
      [2, 2],
      [3, 3],
    ])
  })
})
