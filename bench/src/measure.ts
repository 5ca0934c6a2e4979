import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { anonymousMiBOf } from './process-usage.ts'

/** Over one span: the whole process, its threads included. */
export interface Measure {
  readonly seconds: number
  /** User and system. */
  readonly cpuSeconds: number
  readonly perCpuSecond: number
}

export const rounded = (value: number): number => Math.round(value * 1000) / 1000

/** Begins a span over `events`; the answer ends it. */
export const measure = (events: number): (() => Measure) => {
  const began = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return measureOf(events, (performance.now() - began) / 1000, (user + system) / 1e6)
  }
}

/** What a span took, whoever measured it. */
export const measureOf = (events: number, seconds: number, cpuSeconds: number): Measure => ({
  seconds: rounded(seconds),
  cpuSeconds: rounded(cpuSeconds),
  perCpuSecond: Math.round(events / cpuSeconds),
})

/** The mean of two spans over the same events. */
export const mean = (a: Measure, b: Measure): Measure => {
  const events = a.perCpuSecond * a.cpuSeconds
  return measureOf(events, (a.seconds + b.seconds) / 2, (a.cpuSeconds + b.cpuSeconds) / 2)
}

/** Of an even number the mean of the middle two; 0 of none. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** Spans one after the other, as one over `events`. */
export const total = (events: number, spans: readonly Measure[]): Measure => {
  const sum = (of: (span: Measure) => number): number => spans.reduce((all, span) => all + of(span), 0)
  return measureOf(
    events,
    sum(({ seconds }) => seconds),
    sum(({ cpuSeconds }) => cpuSeconds),
  )
}

const quietShare = 0.05
const lookMs = 100
const mostLooks = 100

/**
 * Collects garbage and waits until the process rests: what ran before (compactions of the log, freed memory) would
 * otherwise be counted to what is measured next.
 */
export const rest = async (): Promise<void> => {
  collectGarbage()
  for (let look = 0; look < mostLooks; look += 1) {
    const before = process.cpuUsage()
    await setTimeout(lookMs)
    const { user, system } = process.cpuUsage(before)
    if ((user + system) / 1000 < quietShare * lookMs) return
  }
}

const collectGarbage = (): void => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void // the flag above puts it there
  collect()
}

/** What the process held in memory over a span, MiB: where it is flat, both halves are alike. */
export interface MemoryMeasure {
  readonly before: number
  readonly firstHalf: number
  readonly secondHalf: number
}

/**
 * `rss` counts the pages of mapped files too, as LevelDB maps its tables: they come as a log is read, and the system takes
 * them back when it needs room. `anonymous` does not; null but on Linux.
 */
export interface MemoryMeasures {
  readonly rss: MemoryMeasure
  readonly anonymous: MemoryMeasure | null
}

const sampleMs = 100
const mebibyte = 2 ** 20
const rssMiB = (): number => Math.round(process.memoryUsage.rss() / mebibyte)

/** Begins to sample resident memory; the answer ends it. */
export const sampleMemory = (): (() => MemoryMeasures) => {
  const rss = [rssMiB()]
  const anonymous = [anonymousMiBOf(process.pid)]
  const look = (): void => {
    rss.push(rssMiB())
    anonymous.push(anonymousMiBOf(process.pid))
  }
  const timer = setInterval(look, sampleMs)
  return () => {
    clearInterval(timer)
    look()
    const known = anonymous.filter((value) => value !== null)
    return { rss: memoryMeasureOf(rss), anonymous: known.length < anonymous.length ? null : memoryMeasureOf(known) }
  }
}

const memoryMeasureOf = ([before = 0, ...samples]: readonly number[]): MemoryMeasure => {
  const middle = samples.length >> 1
  const highest = (from: number, to: number) => Math.max(before, ...samples.slice(from, to))
  return { before, firstHalf: highest(0, middle), secondHalf: highest(middle, samples.length) }
}

/** What JavaScript holds once garbage is collected, its buffers too, MiB. */
export const heldMiB = (): number => {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return Math.round((10 * (heapUsed + external)) / mebibyte) / 10
}
