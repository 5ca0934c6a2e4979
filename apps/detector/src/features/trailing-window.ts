import {
  listState,
  valueState,
  type DurationMs,
  type KeyedContext,
  type KeyedProcessFunction,
  type Timestamp,
} from '@tocsin/stream-core'
import { DoesNotFireError, type Finding, type Reference } from '../detector.ts'
import { valueCodec } from '../value-codec.ts'

/** Named limit: a trailing window holds so many elements; of more, the oldest go and the evidence says `truncated`. */
const maxTrailingElements = 10_000

export interface TrailingWindowOptions<Element extends Reference> {
  /** Both ends are in it: `[t − length, t]` at each element. */
  readonly length: DurationMs
  readonly amountOf: (element: Element) => bigint
  /** What raises the alarm. It is raised at the element that lifts the sum there, and armed again once it falls back. */
  readonly isAbove: (sum: bigint) => boolean
  /** Whether elements that come while the sum is above are told too, as what `continues`. */
  readonly tellsMore: boolean
}

/**
 * Sums elements of a key over a trailing window and finds where the sum goes above a limit. What it finds has all of the
 * window's elements, in order, and its bounds. State: at most 10,000 elements a key, each gone after `length`.
 */
export function trailingFindings<Key extends string, Element extends Reference>(
  options: TrailingWindowOptions<Element>,
): KeyedProcessFunction<Key, Element, Finding> {
  const { length, amountOf, isAbove, tellsMore } = options
  const recent = listState<Element>('recent', valueCodec())
  const sum = valueState<bigint>('sum', valueCodec())
  const truncated = valueState<number>('truncated', valueCodec())
  type Context = KeyedContext<Key, Finding>

  const dropOldest = (ctx: Context, dropped: number): void => {
    const held = ctx.state(recent)
    const gone = held
      .get()
      .slice(0, dropped)
      .reduce((total, element) => total + amountOf(element), 0n)
    ctx.state(sum).value = (ctx.state(sum).value ?? 0n) - gone
    held.replace(held.get().slice(dropped))
  }
  const dropBefore = (ctx: Context, time: Timestamp): void => {
    const held = ctx.state(recent).get()
    const expired = held.findIndex(({ timestamp }) => timestamp >= time)
    if (expired !== 0 && held.length > 0) dropOldest(ctx, expired === -1 ? held.length : expired)
  }

  return {
    processElement(element, ctx) {
      dropBefore(ctx, element.timestamp - length)
      const held = ctx.state(recent)
      if (held.size === maxTrailingElements) {
        dropOldest(ctx, 1)
        ctx.state(truncated).value = (ctx.state(truncated).value ?? 0) + 1
      }
      const before = ctx.state(sum).value ?? 0n
      const total = before + amountOf(element)
      held.add(element)
      ctx.state(sum).value = total
      ctx.timers.registerEventTimeTimer(element.timestamp + length + 1)
      const continues = isAbove(before)
      if (!isAbove(total) || (continues && !tellsMore)) return
      const lost = ctx.state(truncated).value
      const state = {
        'window-start': `${element.timestamp - length}`,
        'window-end': `${element.timestamp}`,
        ...(continues && { continues: 'true' }),
        ...(lost !== undefined && { truncated: `${lost}` }),
      }
      ctx.emit({ key: ctx.key, references: [...held.get()], prices: [], state })
    },
    onTimer(timestamp, ctx) {
      dropBefore(ctx, timestamp - length)
      if (ctx.state(recent).size > 0) return
      ctx.state(sum).clear()
      ctx.state(truncated).clear()
    },
  }
}

/** The window that a finding says it is of. @throws {DoesNotFireError} it says none. */
export function windowBounds({ state }: Finding): { readonly start: Timestamp; readonly end: Timestamp } {
  const start = Number(state['window-start'])
  const end = Number(state['window-end'])
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end))
    throw new DoesNotFireError('The window has no bounds.')
  return { start, end }
}
