import { describe, expectTypeOf, test } from 'vitest'
import type { KeyedContext, OnTimerContext, TimerService } from './process-function.ts'

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
