import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openEmbeddedLog } from '@tocsin/event-log'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { priceHistory, storm } from './storm.ts'

const kills = Number(process.env['STREAM_KILLS'] ?? 8)
const child = resolve(import.meta.dirname, 'storm-until-killed.ts')

/** Runs the child until it ends or has said `lines` lines and is killed. @returns whether it came to its end */
const runChild = (folder: string, history: string, lines: number): Promise<boolean> =>
  new Promise((ended, failed) => {
    const args = ['--conditions=@tocsin/source', child, folder, history]
    const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    let errors = ''
    running.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    running.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString()
      if (said.split('\n').length > lines) running.kill('SIGKILL')
    })
    running.on('exit', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') failed(new Error(`The child failed: ${errors}`))
      else ended(said.endsWith('done\n'))
    })
  })

const written = async (folder: string): Promise<readonly (readonly string[])[]> => {
  const log = await openEmbeddedLog(`${folder}/log`)
  const topics = [0, 1, 2].map((partition) => ({ topic: 'findings', partition }))
  const all: string[][] = []
  for (const at of [...topics, { topic: 'dead', partition: 0 }]) {
    const { end } = await log.offsets(at)
    const reader = await log.openReader([{ ...at, offset: 0 }])
    const values: string[] = []
    for (let next = 0; next < end;) {
      for (const { records, nextOffset } of await reader.poll(1000)) {
        values.push(...records.map(({ value }) => Buffer.from(value).toString()))
        next = nextOffset
      }
    }
    await reader.close()
    all.push(values)
  }
  await log.close()
  return all
}

describe('openJob', () => {
  test(`behavior: a process killed ${kills} times with kill -9 writes what one that was not killed writes`, async () => {
    const root = await mkdtemp(join(tmpdir(), 'stream-core-kill-'))
    try {
      // Storms differ in length; the longest of some makes each kill find something to interrupt.
      const storms = fc.sample(storm, { numRuns: 60, seed: 7 }).sort((a, b) => b.stormy.length - a.stormy.length)
      const [first = [], second = []] = [0, 1].map(
        (at) => fc.sample(priceHistory(at), { numRuns: 1, seed: 7 })[0] ?? [],
      )
      const history = JSON.stringify([
        { topic: 'prices', partition: 0, records: first },
        { topic: 'prices', partition: 1, records: second },
        { topic: 'chain', partition: 0, records: storms[0]?.stormy },
      ])
      const [calm, killed] = [`${root}/calm`, `${root}/killed`]
      expect(await runChild(calm, history, Infinity)).toBe(true)
      let interrupted = 0
      for (let kill = 0; kill < kills; kill += 1) {
        if (!(await runChild(killed, history, 2 + ((kill * 5) % 13)))) interrupted += 1
      }
      expect(await runChild(killed, history, Infinity)).toBe(true)
      const expected = await written(calm)
      expect(expected.flat().length).toBeGreaterThan(30)
      expect(interrupted).toBeGreaterThan(kills / 2)
      expect(await written(killed)).toEqual(expected)
    } finally {
      await rm(root, { recursive: true, force: true })
    }
  })
})
