import { existsSync, readFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { rounded } from '../measure.ts'
import { cpuSecondsOf } from '../process-usage.ts'

/** Begins a span over a process; the answer is its share of one core, null where it has ended. */
export function watchShare(pid: number | null | undefined): () => number | null {
  const [began, before] = [performance.now(), cpuSecondsOf(pid)]
  return () => {
    if (pid === null || pid === undefined || !existsSync(`/proc/${pid}`)) return null
    const after = cpuSecondsOf(pid)
    return before === null || after === null ? null : rounded(((after - before) * 1000) / (performance.now() - began))
  }
}

/** The processes that it has begun and that still run. */
export const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

/** Of the machine: who measures on a busy one says so. */
export const load = () => ({ loadAverage: rounded(loadavg()[0] ?? 0), cores: cpus().length })
