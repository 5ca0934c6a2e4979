import { rounded } from './measure.ts'

/**
 * Begins to watch what this thread computes between two turns of the event loop, by a timer of 1 ms; the answer ends it and
 * tells the longest such stretch, in ms of CPU: on a machine that others use too, a thread is late by far more.
 */
export const watchStretches = (): (() => number) => {
  let longest = 0
  let last = process.threadCpuUsage()
  const look = () => {
    const { user, system } = process.threadCpuUsage(last)
    last = process.threadCpuUsage()
    longest = Math.max(longest, user + system)
  }
  const timer = setInterval(look, 1)
  return () => {
    clearInterval(timer)
    look()
    return rounded(longest / 1000)
  }
}
