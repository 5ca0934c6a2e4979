import { describe, expect, test } from 'vitest'
import { ClockRecordError, clockCodec, encodeClock } from './clock.ts'

describe('clockCodec', () => {
  test('default: it reads what encodeClock wrote', () => {
    expect(Buffer.from(encodeClock(1_700_000_000_000)).toString()).toBe('{"clock":1700000000000}')
    expect(clockCodec.decode(encodeClock(1_700_000_000_000), null)).toEqual({ type: 'clock', time: 1_700_000_000_000 })
  })
  test('error: anything else is refused', () => {
    for (const text of ['', '{', '17', 'null', '{"clock":"17"}', '{"clock":1.5}', '{"clock":1e300}', '{"time":17}']) {
      expect(() => clockCodec.decode(Buffer.from(text), null), text).toThrow(ClockRecordError)
    }
  })
})
