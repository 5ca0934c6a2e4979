import { randomInt } from 'node:crypto'
import { BrokenIngestError, runIngestKillStorm, runIngestStorm } from '@tocsin/ingestor/testing'
import { createProgressBar } from '@tocsin/service-kit'
import { soakSeeds } from './soak-seeds.ts'

/** Storms of the ingestor over simulated nodes with fresh seeds in a row, or the one that is given. @returns whether all held */
export async function soakIngest(options: {
  readonly seeds: number
  readonly seed: number | undefined
}): Promise<boolean> {
  const met = new Map<string, number>()
  const add = (what: string, times: number) => met.set(what, (met.get(what) ?? 0) + times)
  let deepest = 0
  const held = await soakSeeds({
    ...options,
    label: 'ingest',
    play: async (seed) => {
      try {
        const report = await runIngestStorm(seed)
        add('blocks in the log', report.blocks)
        add('blocks reverted', report.reverted)
        add('virtual seconds', report.virtualSeconds)
        for (const [kind, times] of report.met) add(`met: ${kind}`, times)
        deepest = Math.max(deepest, report.deepest)
        return null
      } catch (error) {
        if (!(error instanceof BrokenIngestError)) throw error
        return `BROKEN ${error.message}\nPlay it again: npm run soak -- ingest --seed ${seed}`
      }
    },
  })
  if (held === null) return false
  const rows = [
    ['seeds that held', held.seeds],
    ['deepest reorg', deepest],
    ...[...met].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ['seconds', held.seconds],
  ] as const
  process.stdout.write(rows.map(([name, value]) => `${name.padEnd(40)}${String(value).padStart(12)}\n`).join(''))
  return true
}

/** `kill -9` of a real process that follows a node. @returns whether its log is that of one left alone */
export async function soakIngestKills(options: {
  readonly kills: number
  readonly seed: number | undefined
}): Promise<boolean> {
  const { kills, seed = randomInt(2 ** 31) } = options
  process.stdout.write(`${kills} kills from SEED=${seed}\n`)
  const started = performance.now()
  const bar = createProgressBar({
    stream: process.stderr,
    now: () => performance.now(),
    label: 'kill -9',
    unit: 'kills',
  })
  try {
    // The last quarter while the newest blocks are replaced.
    const withReorgs = Math.floor(kills / 4)
    const calm = await runIngestKillStorm({
      ...{ seed, kills: kills - withReorgs },
      onKill: (done) => bar.update({ done, total: kills }),
    })
    const forked = await runIngestKillStorm({
      ...{ seed, kills: withReorgs, reorgs: true },
      onKill: (done) => bar.update({ done: kills - withReorgs + done, total: kills }),
    })
    bar.end()
    const sum = (of: keyof typeof calm) => calm[of] + forked[of]
    process.stdout.write(
      `SEED=${seed}: held, ${sum('hits')} of ${kills} processes killed, ${sum('wrote')} after they had written, ${sum('backfilling')} while workers read far ahead, ${forked.reverted} blocks replaced, ${sum('blocks')} blocks, ${sum('records')} records and facts, as of one left alone, in ${Math.round((performance.now() - started) / 1000)} s\n`,
    )
    return true
  } catch (error) {
    bar.end()
    process.stderr.write(
      `BROKEN ${String(error)}\nPlay it again: npm run soak -- ingest --kills ${kills} --seed ${seed}\n`,
    )
    return false
  }
}
