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
import { soakSeeds } from './soak-seeds.ts'

const progressBar = (label: string, unit: string) =>
  createProgressBar({ stream: process.stderr, now: () => performance.now(), label, unit })

/** Simulated runs with fresh seeds in a row from a random one, or the one that is given. @returns whether all held */
export async function soakSimulator(options: {
  readonly seeds: number
  readonly seed: number | undefined
}): Promise<boolean> {
  let tally = emptyTally
  const held = await soakSeeds({
    ...options,
    label: 'simulator',
    play: async (seed) => {
      const result = await runSeed(seed)
      if ('shrunk' in result) return describeBreach(result)
      tally = addToTally(tally, result)
      return null
    },
  })
  if (held === null) return false
  const rows = [
    ['seeds that held', tally.seeds],
    ['events of virtual time', tally.events],
    ...Object.entries(tally.met).map(([kind, times]) => [`fault: ${kind}`, times] as const),
    ...Object.entries(tally.covered).map(([what, times]) => [`covered: ${what}`, times] as const),
    ['seconds', held.seconds],
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
      `SEED=${seed}: held, ${hits} of ${kills} processes killed, ${report.rolledBack} between two parts of a checkpoint, ` +
        `${report.records} records, ${report.outputs} outputs; ` +
        `ms after the start of the process or the opening of its job: ${moments.join(', ')}\n`,
    )
    return true
  } catch (error) {
    bar.end()
    process.stderr.write(`SEED=${seed}: BROKEN ${String(error)}\nKilled at: ${moments.join(', ')}\n`)
    return false
  }
}
