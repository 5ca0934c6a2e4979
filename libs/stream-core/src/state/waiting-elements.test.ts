import { describe, expect, test } from 'vitest'
import { WaitingElements } from './waiting-elements.ts'

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
})
