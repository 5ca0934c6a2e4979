import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { priceHistory, storm, type ChainRecord, type PriceRecord } from '../../testing/storm.ts'
import { StormRun } from '../../testing/savepoint-run.ts'
import { numberCodec, stringKey } from '../index.ts'
import { maxTimestamp } from '../time.ts'
import { describeSavepoint, inspectSavepoint, savepointEntries } from './inspect-savepoint.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 20)

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'savepoint-'))
})
afterAll(() => rm(folder, { recursive: true }))
const file = (name: string) => join(folder, name)

describe('Job.savepoint', () => {
  test('property: any number of shards gives the same bytes, wherever the job is stopped', async () => {
    const histories = [storm, priceHistory(0), priceHistory(1)] as const
    const known = fc.sample(fc.tuple(...histories), { seed: 7, numRuns: 1 })
    let cells = 0
    await fc.assert(
      fc.asyncProperty(
        ...histories,
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 20 }).map((part) => part / 20),
        async ({ stormy }, first, second, shards, share) => {
          const chain = stormy.slice(0, Math.ceil(share * stormy.length))
          const prices = [first, second].map((all) => all.slice(0, Math.ceil(share * all.length)))
          const files: string[] = []
          for (const parallelism of [null, shards]) {
            const run = await StormRun.on(chain, prices)
            const job = await run.open(parallelism)
            await job.runToEnd()
            const path = file(`equal-${parallelism}`)
            cells += (await job.savepoint(path)).cells
            await job.close()
            files.push(await readFile(path, 'utf8'))
          }
          expect(files[1]).toBe(files[0])
        },
      ),
      // One that is known to end with state; what others hold is up to chance.
      { numRuns: runs, examples: known.map((one) => [...one, 3, 1]) },
    )
    expect(cells).toBeGreaterThan(0)
  })

  test('behavior: of a job opened again that had once told only how far it had come', async () => {
    const records: readonly ChainRecord[] = [...block(1, 4), ...block(6, 5)]
    const prices: readonly PriceRecord[] = [
      { type: 'watermark', watermark: 5000 },
      { type: 'watermark', watermark: 7000 },
    ]
    const run = await StormRun.on(records.slice(0, 2), [prices.slice(0, 1)])
    const job = await run.open(2)
    await job.runToEnd()
    // The second block waits for prices: known to come next, and not taken. Nothing is final, so no checkpoint covers it.
    await run.append('chain', 0, records.slice(2))
    await job.runToEnd()
    await run.append('prices', 0, prices.slice(1))
    await job.runToEnd()
    await job.close()
    const again = await run.open(2, { isAgain: true })
    await again.savepoint(file('again'))
    await again.close()
    const whole = await (await StormRun.on(records, [prices])).open(null)
    await whole.runToEnd()
    await whole.savepoint(file('never-stopped'))
    await whole.close()
    expect(await readFile(file('again'), 'utf8')).toBe(await readFile(file('never-stopped'), 'utf8'))
  })

  test('behavior: what comes behind one taken at the end of the epochs is final too', async () => {
    const records: readonly ChainRecord[] = [
      ...block(1, 4),
      { type: 'finalized', epoch: 1 },
      { type: 'watermark', watermark: maxTimestamp },
    ]
    const prices: readonly PriceRecord[] = [
      price,
      { type: 'watermark', watermark: 9000 },
      { type: 'element', timestamp: 9500, value: { token: 'bob', price: 8 } },
    ]
    const [early, late] = [prices.slice(0, 2), prices.slice(2)]
    const run = await StormRun.on(records, [early])
    const job = await run.open(2) // its reading tasks keep no state
    await job.runToEnd()
    await job.savepoint(file('before-prices'))
    await job.close()
    await run.append('prices', 0, late)
    const again = await run.open(2, { isAgain: true })
    await again.runToEnd()
    await again.savepoint(file('behind-prices'))
    await again.close()
    const other = await StormRun.on(records, [early])
    await other.append('prices', 0, late)
    const whole = await other.open(null)
    await whole.runToEnd()
    await whole.savepoint(file('all-at-once'))
    await whole.close()
    expect(await readFile(file('behind-prices'), 'utf8')).toBe(await readFile(file('all-at-once'), 'utf8'))
  })
})

const block = (epoch: number, ...amounts: readonly number[]): readonly ChainRecord[] => [
  ...amounts.map(
    (amount) => ({ type: 'element', timestamp: epoch * 1000, value: { from: 'ann', to: 'bob', amount } }) as const,
  ),
  { type: 'sealed', epoch, watermark: epoch * 1000 + 999 },
]
const price: PriceRecord = { type: 'element', timestamp: 900, value: { token: 'bob', price: 7 } }
const history: readonly ChainRecord[] = [...block(1, 4, 5), { type: 'finalized', epoch: 1 }, ...block(2, 16)]

const taken = async (name: string): Promise<string> => {
  const run = await StormRun.on(history, [[price, { type: 'watermark', watermark: 9000 }]])
  const job = await run.open(null)
  await job.runToEnd()
  await job.savepoint(file(name))
  await job.close()
  return file(name)
}

describe('inspectSavepoint', () => {
  test('default: tells positions, states, codec versions and timers', async () => {
    const inspection = await inspectSavepoint(await taken('inspected'))
    expect(inspection.head).toMatchObject({ job: 'storm', version: '1', epoch: 1 })
    expect(inspection.states).toContainEqual({
      name: 'spending/total',
      layout: 'values',
      keys: 1,
      cells: 1,
      bytes: 8,
      codecVersions: [1],
      timers: null,
    })
    expect(inspection.states.find(({ name }) => name === 'spending/#timers')).toMatchObject({
      layout: 'timers',
      timers: { oldest: 2500, newest: 2500 },
    })
    const text = describeSavepoint(inspection)
    expect(text).toContain('Savepoint of job storm, version 1, final up to epoch 1')
    expect(text).toMatch(/^chain +chain\/0@3 +1999$/m)
    expect(text).toMatch(/^spending\/#timers +timers +1 +1 +0 +due 2500 to 2500$/m)
  })
})

describe('savepointEntries', () => {
  test('default: gives the final values, and not what may yet be reverted', async () => {
    const entries = []
    const state = { name: 'spending/total', key: stringKey, value: numberCodec }
    for await (const entry of savepointEntries(await taken('entries'), state)) entries.push(entry)
    expect(entries).toEqual([{ key: 'ann', sub: null, value: 9 }])
  })
})

describe('readSavepoint', () => {
  test('error: what is cut off, edited or something else is refused, and told apart', async () => {
    const whole = await readFile(await taken('whole'), 'utf8')
    const lines = whole.trimEnd().split('\n')
    const refusal = async (text: string): Promise<string> => {
      await writeFile(file('broken'), text)
      return inspectSavepoint(file('broken')).then(
        () => 'none',
        (error: unknown) => String(error),
      )
    }
    for (let count = 1; count < lines.length; count += 1) {
      expect(await refusal(`${lines.slice(0, count).join('\n')}\n`)).toContain('is cut off after line')
    }
    expect(await refusal('')).toContain('is cut off after line 0')
    expect(await refusal('{}\n')).toContain('is not a savepoint')
    expect(await refusal(whole.replace('"savepoint":1', '"savepoint":2'))).toContain('has savepoint format 2')
    expect(await refusal(whole.replace('"epoch":1', '"epoch":3'))).toContain('is not as it was written')
    expect(await refusal([...lines.slice(0, 3), ...lines.slice(4), ''].join('\n'))).toContain(
      'is not as it was written',
    )
    expect(await refusal(`${whole}{}\n`)).toContain('stands behind the last one')
    expect(await refusal(whole.slice(0, -30))).toMatch(/cannot be read|is cut off/)
    await expect(inspectSavepoint(file('missing'))).rejects.toThrow('cannot be read')
  })
  test('behavior: nothing but the file itself is left', async () => {
    await taken('alone')
    expect((await readdir(folder)).filter((name) => name.startsWith('alone'))).toEqual(['alone'])
  })
})
