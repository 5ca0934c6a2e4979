import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { outputTag } from '../index.ts'
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
const lateLeft = outputTag<Sided>('late-left')
const lateRight = outputTag<Sided>('late-right')

const inner = () =>
  sidedDriver((left, right) =>
    left
      .temporalJoin(right)
      .sideOutputLeftLateData(lateLeft)
      .sideOutputRightLateData(lateRight)
      .process<unknown>('join', codecs, (element, version, ctx) =>
        ctx.emit([ctx.timestamp, ctx.key, element.n, version.n, ctx.versionTimestamp]),
      ),
  )
const outer = () =>
  sidedDriver((left, right) =>
    left
      .temporalJoin(right)
      .leftOuter()
      .process<unknown>('join', codecs, (element, version, ctx) =>
        ctx.emit([ctx.timestamp, ctx.key, element.n, version?.n ?? null, ctx.versionTimestamp]),
      ),
  )

interface At {
  readonly value: Sided
  readonly at: number
}
/** Every version is kept, and each left element looks for its own when the watermark passes it. */
const byDefinition = (records: readonly SidedRecord[]) => {
  const joined: (readonly unknown[])[] = []
  const late: { left: number[]; right: number[] } = { left: [], right: [] }
  const versions: At[] = []
  let waiting: At[] = []
  let watermark = -Infinity
  for (const record of records) {
    if (record.type === 'element') {
      const { value, timestamp: at } = record
      if (value.side === 'left') {
        if (at <= watermark) late.left.push(value.n)
        else waiting.push({ value, at })
      } else if (versions.some((one) => one.value.key === value.key && one.at <= watermark && one.at > at)) {
        late.right.push(value.n)
      } else versions.push({ value, at })
    } else if (record.type === 'watermark') {
      const { watermark: passed } = record
      watermark = passed
      const due = waiting.filter(({ at }) => at <= passed)
      waiting = waiting.filter(({ at }) => at > passed)
      for (const { value, at } of due.toSorted((a, b) => a.at - b.at || (a.value.key < b.value.key ? -1 : 1))) {
        const known = versions.filter((one) => one.value.key === value.key && one.at <= at)
        const last = Math.max(...known.map((one) => one.at))
        const version = known.findLast((one) => one.at === last)
        joined.push([at, value.key, value.n, version?.value.n ?? null, version?.at ?? null])
      }
    }
  }
  return { joined, late }
}

describe('temporalJoin', () => {
  // Elements of one time and key come out in their order of arrival: a stable sort by time and key keeps it.
  const stable = (joined: readonly (readonly unknown[])[]) =>
    joined.toSorted((a, b) => Number(a[0]) - Number(b[0]) || String(a[1]).localeCompare(String(b[1])))

  test('property: a left element meets the version that is valid at its time', () => {
    fc.assert(
      fc.property(sidedHistory, (records) => {
        const { joined, late } = byDefinition(records)
        const [plain, left] = [inner(), outer()]
        plain.push('in', ...records)
        left.push('in', ...records)
        expect(stable(emitted(left) as readonly (readonly unknown[])[])).toEqual(stable(joined))
        expect(emitted(plain)).toEqual(emitted(left).filter((one) => (one as readonly unknown[])[3] !== null))
        expect(plain.sideOutput('join', lateLeft).map(({ value }) => value.n)).toEqual(late.left)
        expect(plain.sideOutput('join', lateRight).map(({ value }) => value.n)).toEqual(late.right)
        expect(plain.lateElements).toBe(late.left.length + late.right.length)
      }),
    )
  })

  test('property: of versions at or before the watermark one a key is kept, of left elements none', () => {
    fc.assert(
      fc.property(sidedHistory, (records) => {
        const driver = inner()
        for (const record of records) {
          driver.push('in', record)
          const { '#left': waiting = {}, '#versions': versions = {} } = driver.state('join')
          const watermark = driver.watermark ?? -Infinity
          const times = (of: unknown) => (of as readonly (readonly [number, unknown])[]).map(([at]) => at)
          for (const of of Object.values(versions)) {
            expect(times(of).filter((at) => at <= watermark).length).toBeLessThanOrEqual(1)
          }
          for (const of of Object.values(waiting))
            expect(times(of)).toSatisfy((all: readonly number[]) => all.every((at) => at > watermark))
        }
      }),
      { numRuns: 50 },
    )
  })

  test('property: reverted epochs leave nothing behind', () => {
    fc.assert(
      fc.property(forkedHistory, fc.boolean(), ({ canonical, stormy }, isOuter) => {
        const create = isOuter ? outer : inner
        expect(afterHistory(create, stormy)).toEqual(afterHistory(create, canonical))
      }),
    )
  })

  restartSuite(fc.constantFrom(inner, outer), (create) => create())

  test('behavior: a function that fails loses its element alone', () => {
    const driver = sidedDriver((left, right) =>
      left.temporalJoin(right).process<unknown>('join', codecs, (element, version, ctx) => {
        if (element.n === 2) throw new Error('an unlucky number')
        ctx.emit([element.n, version.n])
      }),
    )
    const element = (side: Sided['side'], n: number): SidedRecord => ({
      type: 'element',
      timestamp: 5,
      value: { side, key: 'a', n },
    })
    driver.push('in', element('left', 1), element('left', 2), element('left', 3), element('right', 4))
    driver.end()
    expect(emitted(driver)).toEqual([
      [1, 4],
      [3, 4],
    ])
    expect(driver.deadLetters().map(({ operator, reason }) => [operator, reason])).toEqual([
      ['join', 'an unlucky number'],
    ])
  })
})
