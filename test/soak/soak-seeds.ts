import { randomInt } from 'node:crypto'
import { createProgressBar } from '@tocsin/service-kit'

export interface SoakSeedsOptions {
  readonly label: string
  readonly seeds: number
  /** This one alone; undefined: so many in a row, from a random one on. */
  readonly seed: number | undefined
  /** Plays a seed. @returns what broke, with how to play it again; null: it held */
  readonly play: (seed: number) => Promise<string | null>
}

/** Plays seeds until one breaks, which is told. @returns how many held and the seconds they took; null: one broke */
export async function soakSeeds(
  options: SoakSeedsOptions,
): Promise<{ readonly seeds: number; readonly seconds: number } | null> {
  const { label, seed, play } = options
  const seeds = seed === undefined ? options.seeds : 1
  const first = seed ?? randomInt(2 ** 31 - seeds)
  process.stdout.write(`${seeds} seeds from SEED=${first}\n`)
  const bar = createProgressBar({ stream: process.stderr, now: () => performance.now(), label, unit: 'seeds' })
  const started = performance.now()
  for (let next = first; next < first + seeds; next++) {
    const breach = await play(next)
    if (breach !== null) {
      bar.end()
      process.stderr.write(`${breach}\n`)
      return null
    }
    bar.update({ done: next - first + 1, total: seeds })
  }
  bar.end()
  return { seeds, seconds: Number(((performance.now() - started) / 1000).toFixed(1)) }
}
