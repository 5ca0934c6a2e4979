import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { OutputChain } from './output-chain.ts'

const add = (chain: OutputChain, output: Uint8Array): void => {
  chain.words(output.length, 0, 0, 0)
  chain.bytes(output)
  chain.count += 1
}
const proofOf = (outputs: readonly Uint8Array[]) => {
  const chain = new OutputChain()
  for (const output of outputs) add(chain, output)
  return chain.proof
}
const outputsOf = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 })

describe('OutputChain', () => {
  test('default: how many outputs there are, and 128 bits of them as text', () => {
    expect(proofOf([])).toEqual({ count: 0, hash: '00000000000000000000000000000000' })
    expect(proofOf([Buffer.from('{"wallet":"ann"}'), Buffer.from('{}')])).toEqual({
      count: 2,
      hash: 'bfe15ea043b855e6e15cc73c1ca9b0f2',
    })
  })

  test('property: taken up from its proof it goes on as if it had never been put down', () => {
    fc.assert(
      fc.property(outputsOf, outputsOf, (before, after) => {
        const chain = new OutputChain(proofOf(before))
        for (const output of after) add(chain, output)
        expect(chain.proof).toEqual(proofOf([...before, ...after]))
      }),
    )
  })

  test('property: outputs that differ in one bit, in their order or in where one ends have another hash', () => {
    const some = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(some, fc.nat(), fc.nat(7), (outputs, at, bit) => {
        const whole = proofOf(outputs).hash
        const flipped = outputs.map((output) => output.slice())
        const [changed] = flipped.splice(at % outputs.length, 1)
        if (changed !== undefined) changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ (1 << bit)
        expect(proofOf(flipped.toSpliced(at % outputs.length, 0, changed ?? new Uint8Array())).hash).not.toBe(whole)
        const last = outputs.at(-1) ?? new Uint8Array()
        expect(proofOf([...outputs.slice(0, -1), last.subarray(0, -1), last.subarray(-1)]).hash).not.toBe(whole)
        const turned = outputs.toReversed()
        const isSame = turned.every((output, index) => Buffer.compare(output, outputs[index] ?? output) === 0)
        if (!isSame) expect(proofOf(turned).hash).not.toBe(whole)
      }),
    )
  })
})
