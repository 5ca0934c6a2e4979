import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { transactionsTopic } from '@tocsin/chain-model'
import { openEmbeddedLog } from '@tocsin/event-log'
import { readTo, textOf } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { proveLedger } from '../ledger/prove-ledger.ts'
import { readResumePoint } from '../ledger/resume-point.ts'
import { serveHistory } from './serve-history.ts'

const child = resolve(import.meta.dirname, 'chains-until-killed.ts')
const kills = 2
const ids = [31337, 8453] as const
const last = 200
/** Nearer to the end a process is not far behind, and says nothing of its progress. */
const farBehind = 100
/** So many blocks make the last one final by its depth. */
const beyond = 20

/** Runs the process to its end; with `kill` it has none, and is killed once it writes. @returns whether it was killed */
const live = (args: readonly string[], kill: boolean): Promise<boolean> =>
  new Promise((ended, failed) => {
    const running = spawn(process.execPath, ['--conditions=@tocsin/source', child, ...args])
    if (kill) running.stdout.once('data', () => running.kill('SIGKILL'))
    let errors = ''
    running.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    running.on('exit', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') failed(new Error(`The process failed: ${errors}`))
      else ended(signal === 'SIGKILL')
    })
  })

/** Of each chain: its next sequence number and all its records. */
async function read(folder: string) {
  const log = await openEmbeddedLog(folder)
  try {
    return await Promise.all(
      ids.map(async (chainId) => {
        const { nextSequence } = await readResumePoint(log, 'kill', chainId)
        const at = { topic: transactionsTopic('kill', chainId), partition: 0 }
        const records = await readTo(log, { ...at, offset: 0 }, (await log.offsets(at)).end)
        const { signal } = new AbortController()
        const { faults } = await proveLedger(log, { prefix: 'kill', chainId }, { signal })
        return { nextSequence, faults, records: records.map(textOf) }
      }),
    )
  } finally {
    await log.close()
  }
}

/** Whether it is the seal of the last block that both logs must have. */
const isLast = (record: string): boolean => {
  const { type, block } = JSON.parse(record) as { type: string; block?: { number: number } }
  return type === 'sealed' && block?.number === last
}

describe('startIngestor', () => {
  test('behavior: killed with kill -9 while it writes, each of two chains goes on from its own log, to the log of one left alone', async () => {
    const served = await Promise.all(ids.map((chainId) => serveHistory(chainId, last + beyond)))
    const nodes = served.map(({ httpUrl }, at) => `${ids[at]}=${httpUrl}`)
    const root = await mkdtemp(join(tmpdir(), 'chains-kill-'))
    const [killed, calm] = [join(root, 'killed'), join(root, 'calm')]
    try {
      let before = [0, 0]
      for (let kill = 0; kill < kills && before.every((blocks) => blocks < last - farBehind); kill++) {
        expect(await live([killed, 'none', ...nodes], true)).toBe(true)
        const now = (await read(killed)).map(({ nextSequence }) => nextSequence)
        for (const [at, blocks] of now.entries()) expect(blocks).toBeGreaterThan(before[at] ?? 0)
        before = now
      }
      await live([killed, String(last), ...nodes], false)
      await live([calm, String(last), ...nodes], false)
      const [found, expected] = [await read(killed), await read(calm)]
      // Where a `finalized` stands depends on how far the head was at each start; what is final in the end does not.
      const blocks = (chains: typeof found) =>
        chains.map(({ records }) =>
          records.slice(0, records.findIndex(isLast) + 1).filter((record) => !record.startsWith('{"type":"finalized"')),
        )
      expect(blocks(expected).map((records) => records.length > last)).toEqual([true, true])
      expect(found.map(({ faults }) => faults)).toEqual([[], []])
      expect(blocks(found)).toEqual(blocks(expected))
      expect(found.every(({ nextSequence }) => nextSequence >= last)).toBe(true)
    } finally {
      await Promise.all(served.map((node) => node.close()))
      await rm(root, { recursive: true, force: true })
    }
  }, 300_000)
})
