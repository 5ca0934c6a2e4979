import { randomInt } from 'node:crypto'
import { BrokenIngestError, runIngestStorm } from '@tocsin/ingestor/testing'
import { createProgressBar } from '@tocsin/service-kit'

/** Storms of the ingestor over simulated nodes with fresh seeds in a row, or the one that is given. @returns whether all held */
export async function soakIngest(options: {
  readonly seeds: number
  readonly seed: number | undefined
}): Promise<boolean> {
  const { seed } = options
  const seeds = seed === undefined ? options.seeds : 1
  const first = seed ?? randomInt(2 ** 31 - seeds)
  process.stdout.write(`${seeds} seeds from SEED=${first}\n`)
  const bar = createProgressBar({
    stream: process.stderr,
    now: () => performance.now(),
    label: 'ingest',
    unit: 'seeds',
  })
  const started = performance.now()
  const met = new Map<string, number>()
  const add = (what: string, times: number) => met.set(what, (met.get(what) ?? 0) + times)
  let deepest = 0
  for (let next = first; next < first + seeds; next++) {
    try {
      const report = await runIngestStorm(next)
      add('blocks in the log', report.blocks)
      add('blocks reverted', report.reverted)
      add('virtual seconds', report.virtualSeconds)
      for (const [kind, times] of report.met) add(`met: ${kind}`, times)
      deepest = Math.max(deepest, report.deepest)
    } catch (error) {
      if (!(error instanceof BrokenIngestError)) throw error
      bar.end()
      process.stderr.write(`BROKEN ${error.message}\nPlay it again: npm run soak -- ingest --seed ${next}\n`)
      return false
    }
    bar.update({ done: next - first + 1, total: seeds })
  }
  bar.end()
  const seconds = (performance.now() - started) / 1000
  const rows = [
    ['seeds that held', seeds],
    ['deepest reorg', deepest],
    ...[...met].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ['seconds', Number(seconds.toFixed(1))],
  ] as const
  process.stdout.write(rows.map(([name, value]) => `${name.padEnd(40)}${String(value).padStart(12)}\n`).join(''))
  return true
}
