import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WaitingElements, type Waiting } from './waiting-elements.ts'

const waiting = (...elements: readonly (readonly [time: number, arrival: number])[]) => {
  const all = new WaitingElements<string>()
  for (const [time, arrival] of elements) all.insert({ time, arrival, value: `${time}/${arrival}` })
  return all
}
const shown = (elements: WaitingElements<string>) => [...elements].map(({ value }) => value)

describe('WaitingElements', () => {
  test('default: they are in order of time, then of arrival, and each is there once', () => {
    const elements = waiting([2, 1], [1, 3], [2, 0], [1, 2], [2, 1], [1, 3], [2, 0])
    expect(shown(elements)).toEqual(['1/2', '1/3', '2/0', '2/1'])
  })

  test('behavior: what left last comes back, part by part', () => {
    const elements = waiting([1, 0], [2, 1], [3, 2], [4, 3])
    const left = elements.takeUpTo(3)
    expect(shown(elements)).toEqual(['4/3'])
    const parts = [...left.inParts(2)]
    expect(parts.map(shown)).toEqual([['1/0', '2/1'], ['3/2']])
    for (const part of parts.toReversed()) elements.putBack(part)
    expect(shown(elements)).toEqual(['1/0', '2/1', '3/2', '4/3'])
  })

  test('property: they come, leave and are undone as in a list that is sorted anew each time', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('add' as const), ahead: fc.nat(6) }),
      fc.record({ type: fc.constant('leave' as const), by: fc.nat(4), max: fc.constantFrom(1, 3, Infinity) }),
      fc.record({ type: fc.constant('undo' as const), changes: fc.nat(8) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const elements = new WaitingElements<string>()
        let model: readonly Waiting<string>[] = []
        const done: (Waiting<string> | WaitingElements<string>)[] = []
        let [arrivals, watermark] = [0, 0]
        for (const one of steps) {
          if (one.type === 'add') {
            const added = { time: watermark + one.ahead, arrival: arrivals++, value: `${arrivals}` }
            elements.add(added.time, added.arrival, added.value)
            model = [...model, added].toSorted((a, b) => a.time - b.time || a.arrival - b.arrival)
            done.push(added)
          } else if (one.type === 'leave') {
            watermark += one.by
            done.push(...elements.takeUpTo(watermark - 1).inParts(one.max))
            model = model.filter(({ time }) => time >= watermark)
          } else {
            for (const last of done.splice(Math.max(0, done.length - one.changes)).toReversed()) {
              if (last instanceof WaitingElements) {
                model = [...last, ...model]
                elements.putBack(last)
              } else {
                model = model.filter(({ arrival }) => arrival !== last.arrival)
                elements.remove(last.time, last.arrival)
              }
            }
            watermark = Math.min(watermark, model[0]?.time ?? watermark)
          }
          expect([...elements]).toEqual(model)
          expect([elements.size, elements.first, elements.lastTime]).toEqual([
            model.length,
            model[0],
            model.at(-1)?.time,
          ])
          expect(elements.at(elements.indexFrom(watermark + 2))).toEqual(
            model.find(({ time }) => time >= watermark + 2),
          )
        }
      }),
      {
        examples: [
          [
            [
              ...[3, 1, 2, 1].map((ahead) => ({ type: 'add' as const, ahead })),
              { type: 'leave', by: 3, max: 1 },
              { type: 'add', ahead: 0 },
              { type: 'undo', changes: 3 },
              { type: 'leave', by: 2, max: Infinity },
              { type: 'undo', changes: 8 },
            ],
          ],
        ],
      },
    )
  })
})
