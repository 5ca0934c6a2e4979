import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JsonWriter } from './json-writer.ts'

const stringified = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part))

const written = (value: unknown): string => {
  const writer = new JsonWriter()
  writer.value(value)
  return new TextDecoder('utf-8', { fatal: true }).decode(writer.take())
}

describe('JsonWriter', () => {
  test('default: bigints are strings, what is undefined is left out of objects and null in lists', () => {
    const value = { a: -5n, b: undefined, c: [undefined, null, true, Number.NaN, 1e21], d: {}, e: [] }
    expect(written(value)).toBe('{"a":"-5","c":[null,null,true,null,1e+21],"d":{},"e":[]}')
  })

  test('behavior: values one behind the other, and nothing after they are taken or cleared', () => {
    const writer = new JsonWriter()
    writer.value('x'.repeat(100_000)) // more than it has room for at first
    writer.value(1)
    expect(writer.length).toBe(100_003)
    expect(writer.take().at(-1)).toBe('1'.charCodeAt(0))
    writer.value(2)
    writer.clear()
    expect(writer.take()).toEqual(new Uint8Array())
  })

  test('property: byte for byte what JSON.stringify writes, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }), // lone surrogates too
      fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\u007f', '\u2028', '\ud800', 'é', '牛', 'a') }),
    )
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.bigInt(),
        fc.double(),
        fc.boolean(),
        fc.constantFrom(null, undefined),
        fc.array(tie('value')),
        fc.dictionary(text, tie('value')),
      ),
    }))
    fc.assert(
      fc.property(
        value.filter((one) => one !== undefined),
        (one) => {
          expect(written(one)).toBe(stringified(one))
        },
      ),
      { numRuns: 500, examples: [['\ud800"\\\u0007é'], [{ __proto__: 1n, ключ: ['牛', -0] }]] },
    )
  })
})
