import { randomInt } from 'node:crypto'
import { runStorm, StormError } from '../chaos/storm.ts'

/** Storms over the whole program with fresh seeds, or one seed after the other. @returns whether all held */
export async function soakChaos(options: {
  readonly rounds: number
  readonly steps: number
  readonly seed: number | undefined
}): Promise<boolean> {
  const { rounds, steps, seed: first } = options
  let broken = 0
  for (let round = 1; round <= rounds; round++) {
    const seed = first === undefined ? randomInt(2 ** 31) : first + round - 1
    const started = performance.now()
    try {
      const { events, alerts, retracted, transitions } = await runStorm(seed, steps)
      const seconds = ((performance.now() - started) / 1_000).toFixed(0)
      process.stdout.write(
        `round ${round} SEED=${seed}: held, ${alerts} alerts (${retracted} retracted), ${transitions} transitions, ` +
          `${seconds} s; ${events.join(', ')}\n`,
      )
    } catch (error) {
      if (!(error instanceof StormError)) throw error
      broken++
      process.stderr.write(`round ${round}: BROKEN ${error.message}\n`)
    }
  }
  process.stdout.write(`${rounds - broken} of ${rounds} storms held.\n`)
  return broken === 0
}
