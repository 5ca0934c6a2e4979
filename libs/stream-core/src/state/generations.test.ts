import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { absent, Generations } from './generations.ts'

type Step =
  | { readonly type: 'get' | 'delete' | 'absent'; readonly key: string }
  | { readonly type: 'set'; readonly key: string; readonly value: number }
  | { readonly type: 'start' | 'drop' }

const keys = fc.constantFrom('a', 'b', 'c')
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ type: fc.constantFrom('get' as const, 'delete' as const, 'absent' as const), key: keys }),
    fc.record({ type: fc.constant('set' as const), key: keys, value: fc.integer() }),
    fc.record({ type: fc.constantFrom('start' as const, 'drop' as const) }),
  ),
  { maxLength: 60, size: 'max' },
)

describe('Generations', () => {
  test('property: what was used since the last start outlives what was not, and only that', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const generations = new Generations<number>()
        const model = new Map<string, { value: number | typeof absent; isYoung: boolean }>()
        for (const step of all) {
          switch (step.type) {
            case 'get': {
              const held = model.get(step.key)
              if (held !== undefined) held.isYoung = true
              expect(generations.get(step.key)).toBe(held?.value)
              break
            }
            case 'set':
            case 'absent': {
              const value = step.type === 'set' ? step.value : absent
              model.set(step.key, { value, isYoung: true })
              generations.set(step.key, value)
              break
            }
            case 'delete':
              model.delete(step.key)
              generations.delete(step.key)
              break
            case 'start':
              for (const held of model.values()) held.isYoung = false
              generations.start()
              break
            case 'drop':
              for (const [key, { isYoung }] of model) if (!isYoung) model.delete(key)
              generations.dropOld()
          }
          expect(generations.size).toBe(model.size)
        }
        const held = [...model].filter(([, { value }]) => value !== absent)
        expect(new Map(generations.entries())).toEqual(new Map(held.map(([key, { value }]) => [key, value])))
      }),
    )
  })
})
