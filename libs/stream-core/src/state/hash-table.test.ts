import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HashTable } from './hash-table.ts'

/** Their hashes are all the same, and more of them than may give way to one another. */
const alike = fc
  .array(fc.constantFrom('Aa', 'BB'), { minLength: 7, maxLength: 7 })
  .map((pairs) => `0x${pairs.join('')}`)
const key = fc.oneof(alike, fc.string({ maxLength: 3 }), fc.nat(300).map(String))
const allAlike = Array.from({ length: 128 }, (_, number) =>
  Array.from({ length: 7 }, (__, bit) => ((number >> bit) & 1 ? 'Aa' : 'BB')).join(''),
).map((pairs) => `0x${pairs}`)

type Step = { readonly type: 'get' | 'set' | 'delete'; readonly key: string }
const step: fc.Arbitrary<Step> = fc.record({ type: fc.constantFrom('get', 'set', 'set', 'delete'), key })
const stepsOf = (type: Step['type'], keys: readonly string[]) => keys.map((one) => ({ type, key: one }))

describe('HashTable', () => {
  test('property: it holds what a Map would, also of keys whose hashes are the same', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
        const table = new HashTable<number>()
        const model = new Map<string, number>()
        for (const [number, { type, key: of }] of steps.entries()) {
          switch (type) {
            case 'get':
              expect(table.get(of)).toBe(model.get(of))
              break
            case 'set':
              table.set(of, number)
              model.set(of, number)
              break
            case 'delete':
              expect(table.delete(of)).toBe(model.delete(of))
          }
          expect(table.size).toBe(model.size)
        }
        expect(new Map(table.entries())).toEqual(model)
        for (const [of, number] of model) expect(table.get(of)).toBe(number)
      }),
      {
        examples: [
          [[...stepsOf('set', allAlike), ...stepsOf('delete', allAlike.slice(0, 40)), ...stepsOf('set', allAlike)]],
          [[...stepsOf('set', allAlike), ...stepsOf('delete', allAlike.toReversed()), ...stepsOf('get', allAlike)]],
        ],
      },
    )
  })
})
