import { describe, expect, expectTypeOf, test } from 'vitest'
import { testDriver } from '../testing/test-driver.ts'
import {
  AsyncFunctionError,
  type KeyedContext,
  type KeyedProcessFunction,
  type OnTimerContext,
  type TimerService,
} from './process-function.ts'
import type { SourceCodec } from './source.ts'
import { stringKey } from './state/key-encoding.ts'
import { StreamBuilder } from './stream.ts'

describe('KeyedContext', () => {
  test('default: a user function is given its key, its time, its state and its outputs, and no way out of the fold', () => {
    type Context = KeyedContext<string, number>
    expectTypeOf<keyof Context>().toEqualTypeOf<'key' | 'timestamp' | 'timers' | 'emit' | 'output' | 'state'>()
    expectTypeOf<keyof OnTimerContext<string, number>>().toEqualTypeOf<keyof Context | 'timeDomain'>()
    expectTypeOf<keyof TimerService>().toEqualTypeOf<
      | 'currentWatermark'
      | 'currentProcessingTime'
      | 'registerEventTimeTimer'
      | 'deleteEventTimeTimer'
      | 'registerProcessingTimeTimer'
      | 'deleteProcessingTimeTimer'
    >()
    expectTypeOf<Context['state']>().returns.not.toEqualTypeOf<Promise<unknown>>()
  })
})

const never: SourceCodec<number> = {
  decode: () => {
    throw new Error('records are pushed')
  },
}

describe('KeyedProcessFunction', () => {
  test('error: one that waits stops the job, for it would go on outside of the fold', () => {
    const waiting = () => Promise.reject(new Error('of no interest'))
    const registering = (_value: number, ctx: KeyedContext<string, number>) => ctx.timers.registerEventTimeTimer(5)
    // The compiler lets it pass where void is asked for; a lint rule does not, unless the type is lost.
    const functions = [{ processElement: waiting }, { processElement: registering, onTimer: waiting }] as unknown
    for (const f of functions as readonly KeyedProcessFunction<string, number, number>[]) {
      const builder = new StreamBuilder({ job: 'waits', version: '1' })
      const source = builder.source('in', { topic: 'in', codec: never, watermarks: { type: 'ascending' } })
      source.keyBy(String, stringKey).process('waits', f)
      const driver = testDriver(builder.build())
      const push = () =>
        driver.push('in', { type: 'element', timestamp: 1, value: 1 }, { type: 'watermark', watermark: 9 })
      expect(push).toThrow(AsyncFunctionError)
    }
  })
})
