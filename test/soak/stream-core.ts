import { randomInt } from 'node:crypto'
import {
  addToTally,
  describeBreach,
  emptyTally,
  generatedBlocks,
  recordedTransfers,
  runKillStorm,
  runReorgStorm,
  runSeed,
} from '@tocsin/stream-core/testing'
import { sharedData } from '../shared-data.ts'
import { progressBar } from './progress-bar.ts'

/** Simulated runs with fresh seeds in a row from a random one, or the one that is given. @returns whether all held */
export async function soakSimulator(options: {
  readonly seeds: number
  readonly seed: number | undefined
}): Promise<boolean> {
  const { seed } = options
  const seeds = seed === undefined ? options.seeds : 1
  const first = seed ?? randomInt(2 ** 31 - seeds)
  process.stdout.write(`${seeds} seeds from SEED=${first}\n`)
  const bar = progressBar('seeds', seeds)
  const started = performance.now()
  let tally = emptyTally
  for (let next = first; next < first + seeds; next++) {
    const result = await runSeed(next)
    if ('shrunk' in result) {
      bar.end()
      process.stderr.write(`${describeBreach(result)}\n`)
      return false
    }
    tally = addToTally(tally, result)
    bar.advance(tally.seeds)
  }
  bar.end()
  const seconds = (performance.now() - started) / 1000
  const rows = [
    ['seeds that held', tally.seeds],
    ['events of virtual time', tally.events],
    ...Object.entries(tally.met).map(([kind, times]) => [`fault: ${kind}`, times] as const),
    ...Object.entries(tally.covered).map(([what, times]) => [`covered: ${what}`, times] as const),
    ['seconds', Number(seconds.toFixed(1))],
  ] as const
  process.stdout.write(rows.map(([name, value]) => `${name.padEnd(32)}${String(value).padStart(12)}\n`).join(''))
  return true
}

/** Random reverts of depth 1 to 64 over generated blocks and over recorded ones. */
export async function soakReorgs(options: {
  readonly reverts: number
  readonly seed: number | undefined
}): Promise<boolean> {
  const { reverts, seed = randomInt(2 ** 31) } = options
  const recorded = recordedTransfers(sharedData('chain-data').path)
  const chains = [
    ['generated', generatedBlocks(seed, 300)] as const,
    ...(recorded === undefined ? [] : [['recorded', recorded] as const]),
  ]
  if (recorded === undefined) process.stdout.write('There are no recorded blocks; generated ones alone.\n')
  for (const [name, blocks] of chains) {
    const bar = progressBar(`reverts over ${name} blocks`, reverts)
    try {
      const report = runReorgStorm(blocks, { seed, reverts, maxDepth: 64, onRevert: (made) => bar.advance(made) })
      bar.end()
      process.stdout.write(`${name} blocks, SEED=${seed}: held, ${JSON.stringify(report)}\n`)
    } catch (error) {
      bar.end()
      process.stderr.write(`${name} blocks, SEED=${seed}: BROKEN ${String(error)}\n`)
      return false
    }
  }
  return true
}

/** `kill -9` of a real process on the embedded log. */
export async function soakKills(options: {
  readonly kills: number
  readonly seed: number | undefined
}): Promise<boolean> {
  const { kills, seed = randomInt(2 ** 31) } = options
  const bar = progressBar('kills', kills)
  let done = 0
  const moments: string[] = []
  try {
    const report = await runKillStorm({
      seed,
      kills,
      onKill: ({ after, ms, hit }) => {
        bar.advance((done += 1))
        moments.push(`${after}+${ms}${hit ? '' : ' (had ended)'}`)
      },
    })
    bar.end()
    const hits = report.kills.filter(({ hit }) => hit).length
    process.stdout.write(
      `SEED=${seed}: held, ${hits} of ${kills} processes killed, ${report.records} records, ${report.outputs} outputs; ` +
        `ms after the start of the process or the opening of its job: ${moments.join(', ')}\n`,
    )
    return true
  } catch (error) {
    bar.end()
    process.stderr.write(`SEED=${seed}: BROKEN ${String(error)}\nKilled at: ${moments.join(', ')}\n`)
    return false
  }
}
