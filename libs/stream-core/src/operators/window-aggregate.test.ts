import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { testDriver } from '../../testing/index.ts'
import { sliding, StreamBuilder, stringCodec, stringKey, type WindowAssigner } from '../index.ts'
import { cumulative } from '../window.ts'

interface Letter {
  readonly key: string
  readonly letter: string
}

const lettersOf = (assigner: WindowAssigner<Letter>) => {
  const builder = new StreamBuilder({ job: 'letters', version: '1' })
  builder
    .source<Letter>('letters', {
      topic: 'letters',
      codec: { decode: () => ({ type: 'watermark', watermark: 0 }) },
      watermarks: { type: 'in-log' },
    })
    .keyBy(({ key }) => key, stringKey)
    .window(assigner)
    .aggregate<string, string, string>(
      'join',
      {
        createAccumulator: () => '',
        add: ({ letter }, before) => `${before}${letter}`.split('').sort().join(''),
        merge: (a, b) => `${a}${b}`.split('').sort().join(''),
        getResult: (letters) => letters,
      },
      stringCodec,
      (letters, { start, end }, key, emit) => emit(`${start}..${end} ${key} ${letters}`),
    )
    .sinkPlainTo('out', {
      topic: 'out',
      codec: { encode: (line) => ({ key: null, value: Buffer.from(line) }) },
    })
  return builder.build()
}

type Change = (Letter & { readonly at: number }) | { readonly watermark: number }

const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        at: fc.integer({ min: 0, max: 40 }),
        key: fc.constantFrom('a', 'b', 'c'),
        letter: fc.constantFrom('x', 'y', 'z'),
      }),
    },
    { weight: 3, arbitrary: fc.record({ watermark: fc.integer({ min: 0, max: 50 }) }) },
  ),
  { maxLength: 60, size: 'max' },
)

/** Each window for itself, by the definition. */
const byDefinition = (all: readonly Change[], windowsOf: (at: number) => readonly [number, number][]) => {
  const held = new Map<string, { start: number; end: number; key: string; letters: string[] }>()
  const lines: string[] = []
  let watermark = -Infinity
  for (const change of [...all, { watermark: 1000 }]) {
    if (!('watermark' in change)) {
      const { at, key, letter } = change
      for (const [start, end] of windowsOf(at)) {
        if (end - 1 <= watermark) continue
        const name = `${start} ${end} ${key}`
        const window = held.get(name) ?? { start, end, key, letters: [] }
        window.letters.push(letter)
        held.set(name, window)
      }
      continue
    }
    watermark = Math.max(watermark, change.watermark)
    const due = [...held].filter(([, { end }]) => end - 1 <= watermark)
    due.sort(([, a], [, b]) => a.end - b.end || (a.key < b.key ? -1 : 1))
    for (const [name, { start, end, key, letters }] of due) {
      held.delete(name)
      lines.push(`${start}..${end} ${key} ${letters.sort().join('')}`)
    }
  }
  return lines
}

const run = (assigner: WindowAssigner<Letter>, all: readonly Change[]) => {
  const driver = testDriver(lettersOf(assigner))
  for (const change of [...all, { watermark: 1000 }]) {
    if ('watermark' in change) driver.push('letters', { type: 'watermark', watermark: change.watermark })
    else driver.push('letters', { type: 'element', timestamp: change.at, value: change })
  }
  return driver.outputs().map(({ output }) => output)
}

describe('paneWindowOperator', () => {
  test('property: sliding windows hold what each would by itself, however late their elements come', () => {
    const windowsOf = (at: number) =>
      [0, 1, 2, 3, 4]
        .map((back): [number, number] => [at - (at % 2) - 2 * back, at - (at % 2) - 2 * back + 10])
        .filter(([start, end]) => start <= at && at < end)
    fc.assert(
      fc.property(changes, (all) => {
        expect(run(sliding(10, 2), all)).toEqual(byDefinition(all, windowsOf))
      }),
    )
  })

  test('property: so do cumulative ones', () => {
    const windowsOf = (at: number) => {
      const start = at - (at % 12)
      return [4, 8, 12].map((length): [number, number] => [start, start + length]).filter(([, end]) => at < end)
    }
    fc.assert(
      fc.property(changes, (all) => {
        expect(run(cumulative(12, 4), all)).toEqual(byDefinition(all, windowsOf))
      }),
    )
  })
})
