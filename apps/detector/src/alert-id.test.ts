import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { alertId } from './alert-id.ts'
import { canonicalJson } from './canonical-json.ts'

const about = { chainId: 1, detector: 'pass-through', version: '1.0.0', key: '0xa', occurrence: '0xb/2' }

describe('alertId', () => {
  test('default: SHA-256 of chain, detector, major version, key and occurrence', () => {
    const text = '[1,"pass-through",1,"0xa","0xb/2"]'
    expect(alertId(about)).toBe(createHash('sha256').update(text).digest('hex'))
  })
  test('behavior: a minor version keeps it, everything else changes it', () => {
    expect(alertId({ ...about, version: '1.4.2' })).toBe(alertId(about))
    const others = [{ chainId: 2 }, { detector: 'x' }, { version: '2.0.0' }, { key: '0xc' }, { occurrence: '0xb/3' }]
    expect(new Set([about, ...others.map((other) => ({ ...about, ...other }))].map(alertId)).size).toBe(6)
  })
})

describe('canonicalJson', () => {
  test('default: sorted keys, no spaces, bigint as text, absent where undefined', () => {
    expect(canonicalJson({ b: [1, null, 10n ** 30n], a: { d: 'é"', c: undefined } })).toBe(
      '{"a":{"d":"é\\""},"b":[1,null,"1000000000000000000000000000000"]}',
    )
  })
})
