import type { AggregateFunction, ReduceFunction } from '../aggregate.ts'

/** An aggregation as operators use it: an accumulator comes to be with its first element. */
export interface Incremental<T, Acc, Result> {
  add(element: T, before: Acc | undefined): Acc
  merge(a: Acc, b: Acc): Acc
  result(accumulator: Acc): Result
}

export const aggregating = <T, Acc, Result>(f: AggregateFunction<T, Acc, Result>): Incremental<T, Acc, Result> => ({
  add: (element, before) => f.add(element, before === undefined ? f.createAccumulator() : before),
  merge: (a, b) => f.merge(a, b),
  result: (accumulator) => f.getResult(accumulator),
})

export const reducing = <T>(f: ReduceFunction<T>): Incremental<T, T, T> => ({
  add: (element, before) => (before === undefined ? element : f(before, element)),
  merge: f,
  result: (value) => value,
})
