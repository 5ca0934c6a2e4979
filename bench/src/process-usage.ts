import { readFileSync } from 'node:fs'

/** User and system, of all threads of another process; Linux counts in hundredths. Null elsewhere. Source: proc(5). */
export function cpuSecondsOf(pid: number | null | undefined): number | null {
  if (pid === null || pid === undefined || process.platform !== 'linux') return null
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** What a process holds in memory, MiB; null but on Linux. */
export const rssMiBOf = (pid: number): number | null => memoryMiBOf(pid, 'VmRSS')

/** Of it what no file backs, MiB; null but on Linux. The rest are pages of files that are mapped. Source: proc(5). */
export const anonymousMiBOf = (pid: number): number | null => memoryMiBOf(pid, 'RssAnon')

const memoryMiBOf = (pid: number, field: string): number | null => {
  if (process.platform !== 'linux') return null
  const [, kibibytes] =
    new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return kibibytes === undefined ? null : Math.round(Number(kibibytes) / 1024)
}
