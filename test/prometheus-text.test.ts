import { describe, expect, test } from 'vitest'
import { sampleOf } from './prometheus-text.ts'

const exposition = `# HELP tocsin_a_total What is counted.
# TYPE tocsin_a_total counter
tocsin_a_total{chain="1",code="X"} 2
tocsin_a_total{chain="5",code="X"} 3
tocsin_a_total{chain="5",code="Y"} 40
tocsin_a_total_of_others 500
tocsin_b 0
`

describe('sampleOf', () => {
  test('default: the value of a metric, of several series their sum', () => {
    expect(sampleOf(exposition, 'tocsin_b')).toBe(0)
    expect(sampleOf(exposition, 'tocsin_a_total')).toBe(45)
  })
  test('behavior: of those whose labels hold a text', () => {
    expect(sampleOf(exposition, 'tocsin_a_total', 'code="X"')).toBe(5)
    expect(sampleOf(exposition, 'tocsin_a_total', 'code="Z"')).toBeUndefined()
  })
  test('behavior: what is not there is undefined, and not nothing', () => {
    expect(sampleOf(exposition, 'tocsin_a')).toBeUndefined()
    expect(sampleOf('', 'tocsin_b')).toBeUndefined()
  })
})
