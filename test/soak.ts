import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runStorm, StormError } from './chaos/storm.ts'

/** `npm run soak -- chaos --rounds N [--seed S] [--steps M]`: storms with fresh seeds, or one seed after the other. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '10' },
    seed: { type: 'string' },
    steps: { type: 'string', default: '40' },
  },
})
if (positionals.join(' ') !== 'chaos') {
  process.stderr.write('Usage: npm run soak -- chaos [--rounds N] [--seed S] [--steps M]\n')
  process.exit(2)
}
const [rounds, steps] = [Number(values.rounds), Number(values.steps)]
let broken = 0
for (let round = 1; round <= rounds; round++) {
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed) + round - 1
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
process.exitCode = broken === 0 ? 0 : 1
