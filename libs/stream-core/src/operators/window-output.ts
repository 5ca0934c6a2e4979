import type { WindowContext, WindowFunction } from '../aggregate.ts'
import type { Timestamp } from '../time.ts'
import { lastTimestampOf, type TimeWindow } from '../time-window.ts'
import type { OperatorContext } from './operator.ts'

/** Before the journaled clock has shown any time it is 0, so that windows have bounds and intervals an end. */
export const processingTimeOf = ({ processingTime }: OperatorContext): Timestamp => Math.max(processingTime, 0)

/**
 * Sends what a window came to downstream, by its function if it has one, with the window's last timestamp. `more` is
 * what the function's context has besides.
 */
export const windowOutput = <Key, Result, Out, More extends object>(
  context: OperatorContext,
  f: WindowFunction<Key, Result, Out, WindowContext & More> | undefined,
  more: More,
): ((result: Result, window: TimeWindow, key: () => Key) => void) => {
  const { main } = context
  let timestamp: Timestamp = 0
  const emit = (value: Out): void => main.emit(value, timestamp)
  const base: WindowContext = {
    get currentWatermark() {
      return context.watermark
    },
    get currentProcessingTime() {
      return processingTimeOf(context)
    },
    output: (tag, value) => context.side(tag.id).emit(value, timestamp),
  }
  const seen = Object.assign(base, more)
  return (result, window, key) => {
    timestamp = lastTimestampOf(window)
    if (f === undefined) main.emit(result, timestamp)
    else f(result, window, key(), emit, seen)
  }
}
