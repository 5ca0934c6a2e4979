import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ClassicLevel } from 'classic-level'
import { afterEach, describe, expect, test } from 'vitest'
import { eventLogSuite } from '../testing/event-log.suite.ts'
import { openEmbeddedLog } from './embedded-log.ts'
import { LogLockedError, LogUnavailableError, LogUnreadableError } from './errors.ts'

eventLogSuite('embedded', async () => {
  const folder = await emptyFolder()
  let log = await openEmbeddedLog(folder)
  return {
    log,
    address: { type: 'embedded', folder },
    reopen: async () => {
      await log.close()
      log = await openEmbeddedLog(folder)
      return log
    },
    dispose: () => log.close(),
  }
})

const folders: string[] = []
async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-log-'))
  folders.push(folder)
  return folder
}
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

describe('openEmbeddedLog', () => {
  const place = { topic: 'topic', partition: 0 }

  test('default: makes the folder, with those above it', async () => {
    const folder = join(await emptyFolder(), 'not', 'yet', 'there')
    const log = await openEmbeddedLog(folder)
    await log.createTopics([{ topic: 'topic', partitions: 1 }])
    await log.close()
    expect((await readdir(folder)).length).toBeGreaterThan(0)
  })

  test('behavior: fsync at each commit keeps the same log', async () => {
    const folder = await emptyFolder()
    const log = await openEmbeddedLog(folder, { fsync: 'commit' })
    await log.createTopics([{ topic: 'topic', partitions: 1 }])
    await (await log.openProducer('id')).append([{ ...place, key: null, value: Buffer.from('kept') }])
    await log.close()
    const later = await openEmbeddedLog(folder)
    expect(await later.offsets(place)).toEqual({ beginning: 0, end: 1 })
    await later.close()
  })

  test('behavior: trimmed records leave the store, also what a trim that was cut short has left', async () => {
    const folder = await emptyFolder()
    const storedKeys = async (change: (level: ClassicLevel<Buffer, Buffer>) => Promise<void>) => {
      const level = new ClassicLevel<Buffer, Buffer>(folder, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
      await change(level)
      const keys = await level.keys({ gte: Buffer.of(5), lt: Buffer.of(6) }).all()
      await level.close()
      return keys.map((key) => key.at(-1))
    }
    const log = await openEmbeddedLog(folder)
    await log.createTopics([{ topic: 'topic', partitions: 1 }])
    const producer = await log.openProducer('id')
    for (let n = 0; n < 10; n += 1) await producer.append([{ ...place, key: null, value: Buffer.from([n]) }])
    await log.trim(place, 7)
    await log.close()
    const leftOver = Buffer.alloc(17)
    leftOver[0] = 5
    leftOver[16] = 3
    expect(await storedKeys((level) => level.put(leftOver, Buffer.alloc(9)))).toEqual([3, 7, 8, 9])
    const later = await openEmbeddedLog(folder)
    await later.trim(place, 8)
    expect(await later.offsets(place)).toEqual({ beginning: 8, end: 10 })
    await later.close()
    expect(await storedKeys(async () => {})).toEqual([8, 9])
  })

  test('behavior: a transaction is read from any of its records, also one of many frames whose first were trimmed', async () => {
    const folder = await emptyFolder()
    const log = await openEmbeddedLog(folder)
    await log.createTopics([{ topic: 'topic', partitions: 1 }])
    const producer = await log.openProducer('id')
    const records = Array.from({ length: 100 }, (_, n) => ({
      ...place,
      key: n % 3 === 0 ? null : Buffer.from(`key ${n}`),
      value: Buffer.alloc((n * 37) % 2000, n),
    }))
    await producer.append(records)
    await log.trim(place, 51)
    for (let offset = 51; offset < 100; offset += 1) {
      const reader = await log.openReader([{ ...place, offset }])
      const [batch] = await reader.poll(0)
      expect(batch?.nextOffset).toBe(100)
      expect(batch?.records.map(({ offset: at }) => at)).toEqual(
        records.slice(offset).map((_, index) => offset + index),
      )
      expect(batch?.records.every((record, index) => recordsEqual(record, records[offset + index]))).toBe(true)
      await reader.close()
    }
    await log.close()
  })

  test('behavior: what an earlier build wrote is read on, and beside it what is appended now', async () => {
    const folder = await emptyFolder()
    const log = await openEmbeddedLog(folder)
    await log.createTopics([{ topic: 'topic', partitions: 1 }])
    await (await log.openProducer('id')).append([{ ...place, key: null, value: Buffer.from('now') }])
    await log.close()
    const stored = async (change: (level: ClassicLevel<Buffer, Buffer>) => Promise<unknown>) => {
      const level = new ClassicLevel<Buffer, Buffer>(folder, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
      const result = await change(level)
      await level.close()
      return result
    }
    // The same record as format 2 had it: the first entry of kind 5 is its frame.
    const frame = Buffer.from('0000000100000000000000036e6f77', 'hex')
    await stored(async (level) => {
      const [key = Buffer.of()] = await level.keys({ gte: Buffer.of(5), lt: Buffer.of(6) }).all()
      await level.batch([
        { type: 'put', key, value: frame },
        { type: 'put', key: Buffer.of(0), value: Buffer.from('[2]') },
      ])
    })
    const later = await openEmbeddedLog(folder)
    await (await later.openProducer('id')).append([{ ...place, key: Buffer.from('key'), value: Buffer.from('later') }])
    const reader = await later.openReader([{ ...place, offset: 0 }])
    const [batch] = await reader.poll(0)
    expect(
      batch?.records.map(({ key, value }) => [key && Buffer.from(key).toString(), Buffer.from(value).toString()]),
    ).toEqual([
      [null, 'now'],
      ['key', 'later'],
    ])
    await later.close()
    expect(await stored((level) => level.get(Buffer.of(0)))).toEqual(Buffer.from('[3]'))
  })

  test('error: a log of a format to come, or long gone', async () => {
    for (const format of [1, 4]) {
      const folder = await emptyFolder()
      const level = new ClassicLevel(folder)
      await level.put('\0', `[${format}]`)
      await level.close()
      await expect(openEmbeddedLog(folder)).rejects.toThrow(`it has format ${format}; this build reads 2 to 3.`)
    }
  })

  test('error: another log has the folder open, with the remedy; it is free after that one is closed', async () => {
    const folder = await emptyFolder()
    const first = await openEmbeddedLog(folder)
    const second = openEmbeddedLog(folder)
    await expect(second).rejects.toThrow(LogLockedError)
    await expect(second).rejects.toMatchObject({ code: 'LOG_LOCKED', remedy: /Another Tocsin runs on this folder/ })
    await first.close()
    await (await openEmbeddedLog(folder)).close()
  })

  test('error: the folder is a file', async () => {
    const path = join(await emptyFolder(), 'file')
    await writeFile(path, 'not a folder')
    await expect(openEmbeddedLog(path)).rejects.toThrow(LogUnavailableError)
  })

  test('error: files that are not a log', async () => {
    const folder = await emptyFolder()
    await writeFile(join(folder, 'CURRENT'), 'MANIFEST-000001\n')
    await writeFile(join(folder, 'MANIFEST-000001'), 'nonsense')
    await expect(openEmbeddedLog(folder)).rejects.toThrow(LogUnreadableError)
  })

  test('error: a folder that may not be written', async () => {
    const closed = join(await emptyFolder(), 'locked')
    await mkdir(closed)
    await chmod(closed, 0o500)
    // Root may write anywhere but there.
    const folder = process.getuid?.() === 0 ? '/sys/tocsin' : closed
    await expect(openEmbeddedLog(folder)).rejects.toThrow(LogUnavailableError)
  })

  // Linux has the command that lifts a limit of another process.
  test.skipIf(process.platform !== 'linux').each([
    ['never', 'a transaction of "id"'],
    // A failed fsync does not say whether it was written, so the owner of the id must open a producer and read back.
    ['commit', 'the producer "id"'],
  ])(
    'error: no space, fsync %s: nothing is written, reading goes on, and so does appending once there is space',
    async (fsync, what) => {
      const folder = await emptyFolder()
      const program = fileURLToPath(new URL('../testing/append-until-full.ts', import.meta.url))
      // A limit on file sizes (in units of 512 bytes) is a full disk that needs no rights. This one falls inside a block of
      // LevelDB's log, so that what is written behind the torn record would be lost, were it written.
      const command = 'ulimit -S -f 2077; exec "$0" "$@"'
      const child = spawn(
        'sh',
        ['-c', command, process.execPath, '--conditions=@tocsin/source', program, folder, fsync],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      )
      const exited = once(child, 'exit')
      const acknowledged: number[] = []
      const full: string[] = []
      for await (const line of createInterface({ input: child.stdout })) {
        const [, n] = /^acknowledged (\d+)$/.exec(line) ?? []
        if (n !== undefined) acknowledged.push(Number(n))
        else {
          full.push(line)
          if (full.length === 3) execFileSync('prlimit', ['--pid', `${child.pid}`, '--fsize=unlimited'])
          child.stdin.write(full.length === 3 ? 'space again\n' : 'try again\n')
        }
      }
      expect(await exited).toEqual([0, null])
      const stopped = acknowledged.length - 4
      expect(stopped).toBeGreaterThan(10)
      for (const line of full) {
        expect(line).toBe(
          `full with ${stopped}, read 1: No space is left for ${what}; nothing of the transaction was written.`,
        )
      }
      expect(full).toHaveLength(3)
      const log = await openEmbeddedLog(folder)
      const reader = await log.openReader([{ ...place, offset: 0 }])
      const numbers: number[] = []
      while (numbers.length < acknowledged.length) {
        const batches = await reader.poll(5000)
        numbers.push(
          ...batches.flatMap(({ records }) => records.map(({ value }) => parseInt(Buffer.from(value).toString(), 10))),
        )
      }
      expect(numbers).toEqual(acknowledged)
      expect(await log.offsets(place)).toEqual({ beginning: 0, end: acknowledged.length })
      await log.close()
    },
  )
})

const recordsEqual = (
  read: { readonly key: Uint8Array | null; readonly value: Uint8Array },
  written: { readonly key: Uint8Array | null; readonly value: Uint8Array } | undefined,
): boolean =>
  written !== undefined &&
  Buffer.compare(read.value, written.value) === 0 &&
  Buffer.compare(read.key ?? Buffer.of(0), written.key ?? Buffer.of(0)) === 0
