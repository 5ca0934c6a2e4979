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
  type ReorgStormOptions,
  type ReorgStormReport,
} from '@tocsin/stream-core/testing'
import { runDetectorReorgStorm } from '@tocsin/detector/testing'
import { createProgressBar } from '@tocsin/service-kit'
import { sharedData } from '../shared-data.ts'

const progressBar = (label: string, unit: string) =>
  createProgressBar({ stream: process.stderr, now: () => performance.now(), label, unit })

/** Simulated runs with fresh seeds in a row from a random one, or the one that is given. @returns whether all held */
export async function soakSimulator(options: {
  readonly seeds: number
  readonly seed: number | undefined
}): Promise<boolean> {
  const { seed } = options
  const seeds = seed === undefined ? options.seeds : 1
  const first = seed ?? randomInt(2 ** 31 - seeds)
  process.stdout.write(`${seeds} seeds from SEED=${first}\n`)
  const bar = progressBar('simulator', 'seeds')
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
    bar.update({ done: tally.seeds, total: seeds })
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

/** A longer storm is several, so that a broken one is soon played again. */
const revertsAStorm = 1000

/** Random reverts of depth 1 to 64: over generated blocks and recorded ones, and of all detectors over recorded ones. */
export async function soakReorgs(options: {
  readonly reverts: number
  readonly seed: number | undefined
}): Promise<boolean> {
  const { reverts, seed: first = randomInt(2 ** 31 - 1_000_000) } = options
  const chainData = sharedData('chain-data')
  if (chainData.missing !== null) process.stdout.write(`${chainData.missing} Generated blocks alone.\n`)
  const recorded = recordedTransfers(chainData.path)
  const storms: readonly (readonly [string, (of: ReorgStormOptions) => ReorgStormReport])[] = [
    ['generated blocks', (of) => runReorgStorm(generatedBlocks(of.seed, 300), of)],
    ...(recorded === undefined
      ? []
      : ([
          ['recorded blocks', (of: ReorgStormOptions) => runReorgStorm(recorded, of)],
          ['all detectors', runDetectorReorgStorm],
        ] as const)),
  ]
  for (const [name, run] of storms) {
    const bar = progressBar(name, 'reverts')
    for (let done = 0, seed = first; done < reverts; seed++) {
      const goal = Math.min(revertsAStorm, reverts - done)
      const before = done
      try {
        const onRevert = (made: number) => bar.update({ done: before + made, total: reverts })
        const report = run({ seed, reverts: goal, maxDepth: 64, onRevert })
        bar.end()
        process.stdout.write(`${name}, SEED=${seed}: held, ${JSON.stringify(report)}\n`)
      } catch (error) {
        bar.end()
        process.stderr.write(`${name}, SEED=${seed}: BROKEN ${String(error)}\n`)
        return false
      }
      done += goal
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
  const bar = progressBar('kill -9', 'kills')
  let done = 0
  const moments: string[] = []
  try {
    const report = await runKillStorm({
      seed,
      kills,
      onKill: ({ after, ms, hit }) => {
        bar.update({ done: (done += 1), total: kills })
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
