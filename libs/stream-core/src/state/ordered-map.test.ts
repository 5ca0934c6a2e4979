import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OrderedMap } from './ordered-map.ts'

const sortedEntries = (model: ReadonlyMap<number, string>): [number, string][] => [...model].sort(([a], [b]) => a - b)

describe('OrderedMap', () => {
  test('property: few keys or many, it is a Map in the order of its keys', () => {
    const change = fc.record({ key: fc.integer({ min: 0, max: 80 }), value: fc.option(fc.string(), { nil: null }) })
    const bounds = fc.tuple(fc.integer({ min: -5, max: 85 }), fc.integer({ min: -5, max: 85 }))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200, size: 'max' }), bounds, (changes, [from, to]) => {
        const map = new OrderedMap<number, string>()
        const model = new Map<number, string>()
        for (const [index, { key, value }] of changes.entries()) {
          if (value === null) {
            map.delete(key)
            model.delete(key)
          } else {
            map.set(key, value)
            model.set(key, value)
          }
          expect([map.size, map.get(key), map.has(key)]).toEqual([model.size, model.get(key), model.has(key)])
          if (index % 7 !== 0) continue
          const all = sortedEntries(model)
          const between = all.filter(([each]) => each >= from && each <= to)
          expect(map.keys()).toEqual(all.map(([each]) => each))
          expect([...map.unordered()].sort(([a], [b]) => a - b)).toEqual(all)
          expect([map.first(), map.last()]).toEqual([all[0]?.[0], all.at(-1)?.[0]])
          expect(map.floor(to)).toBe(all.findLast(([each]) => each <= to)?.[0])
          expect(map.hasBetween(from, to)).toBe(between.length > 0)
          const seen: [number, string][] = []
          map.visitBetween(from, to, (each, at) => seen.push([at, each]))
          expect(seen).toEqual(between)
          const joined = map.reduceBetween(from, to, (before, next) => `${before},${next}`)
          expect(joined).toBe(between.length === 0 ? undefined : between.map(([, each]) => each).join(','))
        }
      }),
      { numRuns: 50 },
    )
  })
})
