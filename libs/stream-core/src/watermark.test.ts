import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WatermarkMultiplexer } from './watermark-multiplexer.ts'
import { RelayedWatermark, WatermarkValve, type WatermarkCombiner } from './watermark.ts'

/** As the task tells an operator how the one upstream stands. */
const tell = (valve: WatermarkCombiner, upstream: WatermarkCombiner): void => {
  if (!upstream.isIdle) valve.setIdle(0, false)
  valve.advance(0, upstream.watermark)
  if (upstream.isIdle) valve.setIdle(0, true)
}

const change = fc.record({
  channel: fc.nat(1),
  to: fc.oneof(fc.nat(9), fc.constantFrom('idle' as const, 'active' as const)),
})

describe('RelayedWatermark', () => {
  for (const [upstream, create] of [
    ['a source', () => new WatermarkMultiplexer([0, 1])],
    ['an operator of two inputs', () => new WatermarkValve(2)],
  ] as const) {
    test(`property: behind ${upstream}, what a valve of one channel is that is told of each change`, () => {
      fc.assert(
        fc.property(fc.array(change), (changes) => {
          const origin: WatermarkCombiner = create()
          const relay = new RelayedWatermark(new RelayedWatermark(origin))
          const told = new WatermarkValve(1)
          expect(relay.snapshot()).toEqual(told.snapshot())
          for (const { channel, to } of changes) {
            if (typeof to === 'number') origin.advance(channel, to)
            else origin.setIdle(channel, to === 'idle')
            tell(told, origin)
            expect(relay.snapshot()).toEqual(told.snapshot())
            expect([relay.watermark, relay.isIdle]).toEqual([told.watermark, told.isIdle])
          }
        }),
      )
    })
  }
})
