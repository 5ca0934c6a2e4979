import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openEmbeddedLog } from '@tocsin/event-log'
import { openLevelStore } from '../src/state/level-store.ts'
import { checkpointedCells } from '../src/task/checkpoint.ts'
import { seededRandom, type SeededRandom } from './seeded-random.ts'
import { verifyLines } from './simulation/laws.ts'
import { chainLogs, priceLog, type ChainStep, type PriceStep } from './simulation/market.ts'

const child = resolve(import.meta.dirname, 'storm-until-killed.ts')

/** When a process was killed: so long after it was started, had opened its job, or had begun its first checkpoint. */
export interface Kill {
  readonly after: keyof typeof longestMs
  readonly ms: number
  /** Whether there was still a process to kill. */
  readonly hit: boolean
}

export interface KillReport {
  readonly kills: readonly Kill[]
  /** Processes that found a checkpoint of which only parts had been written, and took it back. */
  readonly rolledBack: number
  /** Records of the inputs, and of all outputs. */
  readonly records: number
  readonly outputs: number
}

/**
 * Runs a job on the embedded log in a process of its own, kills it with `kill -9` at random moments, also while it starts
 * and recovers, starts it again on the same folder, and at the end holds its output topics and its last checkpoint to
 * those of one that was left alone. Most of them write their checkpoints in small parts. The seed decides the history and the moments; what is under way then is the
 * machine's. @throws {BrokenLawError}
 */
export const runKillStorm = async (options: {
  readonly seed: number
  readonly kills: number
  readonly onKill?: (kill: Kill) => void
}): Promise<KillReport> => {
  const random = seededRandom(options.seed)
  const root = await mkdtemp(join(tmpdir(), 'stream-core-kill-'))
  const [calm, killed, file] = [join(root, 'calm'), join(root, 'killed'), join(root, 'history')]
  const lines = historyOf(random, stepsAKill * options.kills)
  await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\n'))
  const started = performance.now()
  await live(calm, file)
  const lifeMs = performance.now() - started
  const kills: Kill[] = []
  let rolledBack = 0
  for (let n = 0; n < options.kills; n += 1) {
    // Half of the processes die in their start, before or within the recovery.
    const after = random.oneOf(['start', 'start', 'opening', 'checkpoint'] as const)
    const ms = random.integer(0, after === 'start' ? Math.min(lifeMs, longestMs.start) : longestMs[after])
    const partBytes = after === 'checkpoint' ? smallPartBytes : random.oneOf([smallPartBytes, undefined])
    const { hit, isRolledBack } = await live(killed, file, { after, ms }, partBytes)
    if (isRolledBack) rolledBack += 1
    kills.push({ after, ms, hit })
    options.onKill?.({ after, ms, hit })
  }
  if ((await live(killed, file)).isRolledBack) rolledBack += 1
  const [found, expected] = [await leftBy(killed), await leftBy(calm)]
  verifyLines('the outputs after the kills', found.outputs, expected.outputs)
  verifyLines('the checkpoint after the kills', found.state, expected.state)
  await rm(root, { recursive: true, force: true }) // what broke a law stays there to be looked at
  return { kills, rolledBack, records: lines.length, outputs: expected.outputs.length }
}

const stepsAKill = 20
const longestMs = { start: 900, opening: 60, checkpoint: 40 } as const
/** A few cells: a checkpoint of this job then has some ten parts. */
const smallPartBytes = 200

/** Runs the process to its end, or kills it. */
const live = (
  folder: string,
  history: string,
  kill?: Pick<Kill, 'after' | 'ms'>,
  partBytes?: number,
): Promise<{ readonly hit: boolean; readonly isRolledBack: boolean }> =>
  new Promise((ended, failed) => {
    const args = [
      '--conditions=@tocsin/source',
      child,
      folder,
      history,
      ...(partBytes === undefined ? [] : [`${partBytes}`]),
    ]
    const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const killSoon = () => setTimeout(() => running.kill('SIGKILL'), kill?.ms)
    if (kill?.after === 'start') killSoon()
    let told = ''
    const hasComeTo = (after: Kill['after'] | undefined) =>
      (after === 'opening' && told.includes('open\n')) || (after === 'checkpoint' && told.includes('checkpoint\n'))
    running.stdout.on('data', (bytes: Buffer) => {
      const hadComeTo = hasComeTo(kill?.after)
      told += bytes.toString()
      if (!hadComeTo && hasComeTo(kill?.after)) killSoon()
    })
    let errors = ''
    running.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    running.on('close', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') failed(new Error(`The process failed in ${folder}: ${errors}`))
      else ended({ hit: signal === 'SIGKILL', isRolledBack: told.includes('rolled back') })
    })
  })

/** Blocks, reverts and prices in turn, so that both advance together. */
const historyOf = (
  random: SeededRandom,
  steps: number,
): readonly (readonly [topic: string, partition: number, record: string])[] => {
  const names = ['ann', 'bob', 'cyd', 'dan'] as const
  const chain: ChainStep[] = []
  const prices: PriceStep[][] = [[], []]
  for (let n = 0; n < steps; n += 1) {
    const dice = random.fraction()
    if (dice < 0.2) chain.push({ type: 'revert', depth: random.integer(1, 5), again: random.integer(0, 5) })
    else if (dice < 0.4) chain.push({ type: 'finalize', depth: random.integer(0, 6) })
    else {
      const transfer = () => ({
        from: random.oneOf(names),
        to: random.oneOf(names),
        amount: random.integer(1, 20),
        back: random.integer(0, 400),
      })
      chain.push({ type: 'block', transfers: Array.from({ length: random.integer(0, 3) }, transfer) })
    }
    const gap = random.integer(0, 900)
    prices[n % 2]?.push({ type: 'price', gap, back: random.integer(0, 300), token: random.oneOf(names) })
  }
  const logs = [
    ['chain', 0, chainLogs(chain, true).stormy],
    ...prices.map((log, partition) => ['prices', partition, priceLog(partition, log, true)] as const),
  ] as const
  // All logs end together.
  return logs
    .flatMap(([topic, partition, records]) =>
      records.map((record, at) => ({
        at: at / records.length,
        line: [topic, partition, Buffer.from(record).toString()] as const,
      })),
    )
    .sort((a, b) => a.at - b.at)
    .map(({ line }) => line)
}

const leftBy = async (folder: string): Promise<{ readonly outputs: string[]; readonly state: string[] }> => {
  const log = await openEmbeddedLog(`${folder}/log`)
  const outputs: string[] = []
  const topics = [0, 1, 2].map((partition) => ({ topic: 'findings', partition }))
  for (const at of [...topics, { topic: 'outcomes', partition: 0 }, { topic: 'dead-letters', partition: 0 }]) {
    const { end } = await log.offsets(at)
    const reader = await log.openReader([{ ...at, offset: 0 }])
    for (let next = 0; next < end;) {
      for (const { records, nextOffset } of await reader.poll(1000)) {
        for (const { value } of records)
          outputs.push(`${at.topic}/${at.partition} ${Buffer.from(value).toString('latin1')}`)
        next = nextOffset
      }
    }
    await reader.close()
  }
  await log.close()
  const store = await openLevelStore(`${folder}/state`)
  const state: string[] = []
  for await (const { table, key, sub, value } of checkpointedCells(store)) {
    state.push(JSON.stringify([table, key, sub, Buffer.from(value).toString('latin1')]))
  }
  await store.close()
  return { outputs, state }
}
