import { readdir, rm, writeFile } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { fromByteString, joinParts, splitParts, toByteString, utf8ByteString, type ByteString } from './key-encoding.ts'
import { flush, RollbackJournal } from './rollback-journal.ts'
import type { StateStore, StoreWrite } from './state-store.ts'

/** LevelDB's log is read when it is opened: about this much of it at most. */
const writeBufferSize = 8 << 20
const metaKey = fromByteString(joinParts(['meta']))
const cellPart = joinParts(['cell'])
const spillPart = joinParts(['spill'])
/** After all keys that begin with `prefix`: a part ends with 00 01, and nothing is between that and 00 02. */
const endOf = (prefix: string): Uint8Array => fromByteString(`${prefix.slice(0, -1)}\x02`)

export class StoreOpenError extends Error {
  readonly code = 'STREAM_STORE_OPEN'
  readonly handling = 'stop'
  readonly remedy = 'Check that the folder can be written and that no other process has this job open.'
  constructor(folder: string, options: ErrorOptions) {
    super(`The state folder ${folder} cannot be opened.`, options)
  }
}

/** What is kept there is a copy of what the log says: nothing is lost, and it waits. */
export class StoreFullError extends Error {
  readonly code = 'STREAM_STORE_FULL'
  readonly handling = 'retry'
  readonly remedy = 'Make room on the disk; the job tries again.'
  constructor(folder: string, options?: ErrorOptions) {
    super(`No space is left for the state folder ${folder}.`, options)
  }
}

/** After a write that failed, what is written next would be lost by the next start. */
export class StoreWriteError extends Error {
  readonly code = 'STREAM_STORE_WRITE'
  readonly handling = 'retry'
  readonly remedy = 'Make room on the disk; the job tries again. If it has room, restart the job.'
  constructor(folder: string) {
    super(`The state folder ${folder} takes no new log file after a write that failed.`)
  }
}

/** In the words of the system, which LevelDB hands on. */
const noSpace = /No space left on device|Disk quota exceeded|File too large|ENOSPC|EDQUOT|EFBIG/
const isOfFullDisk = (error: unknown): boolean =>
  error instanceof Error && (noSpace.test(error.message) || isOfFullDisk(error.cause))

/** The number of LevelDB's newest log, which names the file. */
const newestLogOf = async (folder: string): Promise<number> =>
  Math.max(0, ...(await readdir(folder)).map((name) => (name.endsWith('.log') ? Number.parseInt(name, 10) : 0)))

/** Fails as long as the disk has no room for what a compaction writes. */
const requireRoom = async (folder: string): Promise<void> => {
  const probe = `${folder}.room`
  try {
    await writeFile(probe, new Uint8Array(2 * writeBufferSize))
  } finally {
    await rm(probe, { force: true })
  }
}

const nothing = (): void => undefined
/**
 * Keys and values of cells that are written at once. To let go of the event loop sooner costs more than it gains: with parts
 * of 1 MiB a job with a million keys, whose checkpoints are about this large, took 1.7 times the CPU.
 */
const defaultPartBytes = 16 << 20

export interface LevelStoreOptions {
  /** A checkpoint with more than this (keys and values; default 16 MiB) is written in parts of so much. */
  readonly partBytes?: number
  /** Told by how many pages of its journal a checkpoint was taken back that the last process left unfinished. */
  readonly onRolledBack?: (pages: number) => void
}

/** Checkpoints in a folder, in LevelDB. @throws {StoreOpenError | StoreFullError} */
export const openLevelStore = async (
  folder: string,
  { partBytes = defaultPartBytes, onRolledBack }: LevelStoreOptions = {},
): Promise<StateStore> => {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(folder, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    writeBufferSize,
    cacheSize: 64 << 20,
  })
  let journal: RollbackJournal
  try {
    await level.open()
    const opened = await RollbackJournal.open(level)
    journal = opened.journal
    if (opened.rolledBackPages > 0) onRolledBack?.(opened.rolledBackPages)
    await level.clear({ gte: fromByteString(spillPart), lt: endOf(spillPart) })
  } catch (cause) {
    await level.close() // it may be tried again, and LevelDB opens a folder once
    throw isOfFullDisk(cause) ? new StoreFullError(folder, { cause }) : new StoreOpenError(folder, { cause })
  }
  const prefixes = new Map<string, string>()
  const prefixOf = (table: string): string => {
    const known = prefixes.get(table)
    if (known !== undefined) return known
    const prefix = cellPart + joinParts([utf8ByteString(table)])
    prefixes.set(table, prefix)
    return prefix
  }
  const cellName = (table: string, key: string, sub: string | null): ByteString =>
    prefixOf(table) + joinParts(sub === null ? [key] : [key, sub])

  // A write that fails half-way, as on a full disk, leaves half a record in LevelDB's log. LevelDB goes on behind it, says
  // that later writes are durable, and drops them all when it reads the log again. So a log that failed is left: to compact
  // where nothing lies begins the next one, and makes a table of what the last one held. A compaction that fails is never
  // forgiven by LevelDB, so there must be room for it first.
  const flushed = async (): Promise<void> => {
    await requireRoom(folder)
    await flush(level)
  }
  let hasFailed = false
  let last = Promise.resolve()
  /** One after the other: what LevelDB is given while a write fails, it may put into the log behind that. */
  const write = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(async () => {
      try {
        if (hasFailed) {
          const failed = await newestLogOf(folder)
          await flushed()
          if ((await newestLogOf(folder)) <= failed) throw new StoreWriteError(folder)
          hasFailed = false
        }
        await work()
      } catch (error) {
        hasFailed = true
        throw isOfFullDisk(error) ? new StoreFullError(folder, { cause: error }) : error
      }
    })
    last = done.catch(nothing)
    return done
  }

  return {
    readMeta: () => level.get(metaKey, journal.ofCommitted),
    read: (table, key, sub) => level.getSync(fromByteString(cellName(table, key, sub)), journal.ofCommitted),
    async *cells(ofTable, ofKey) {
      const prefix =
        ofTable === undefined ? cellPart : prefixOf(ofTable) + joinParts(ofKey === undefined ? [] : [ofKey])
      const range = { gte: fromByteString(prefix), lt: endOf(prefix) }
      const committed = journal.hold()
      try {
        for await (const [name, value] of level.iterator({ ...range, ...committed.of, highWaterMarkBytes: 1 << 18 })) {
          const [, table = '', key = '', sub = null] = splitParts(toByteString(name))
          yield { table: Buffer.from(table, 'latin1').toString('utf8'), key, sub, value }
        }
      } finally {
        committed.release()
      }
    },
    begin: (): StoreWrite => {
      let part = { batch: level.batch(), keys: new Array<ByteString>(), bytes: 0 }
      /** Those that were ended, with the journal's generation that they are in. Null: there are none. */
      let parts: Promise<number | null> = Promise.resolve(null)
      let waiting = 0
      let isAbandoned = false

      const writePart = async (before: typeof parts, { batch, keys }: typeof part): Promise<number | null> => {
        waiting += 1
        try {
          let generation = await before
          await write(async () => {
            if (isAbandoned) return
            generation ??= await journal.begin()
            await journal.write(generation, batch, keys)
          })
          return generation
        } finally {
          waiting -= 1
          void batch.close()
        }
      }
      return {
        put: (table, key, sub, value) => {
          const name = cellName(table, key, sub)
          if (value === null) part.batch.del(fromByteString(name))
          else part.batch.put(fromByteString(name), value)
          part.keys.push(name)
          part.bytes += name.length + (value?.length ?? 0)
          if (part.bytes < partBytes) return
          parts = writePart(parts, part)
          parts.catch(nothing) // `commit` tells
          part = { batch: level.batch(), keys: [], bytes: 0 }
        },
        drain: () => (waiting > 0 ? parts.then(nothing, nothing) : null),
        commit: async (meta) => {
          const generation = await parts
          const { batch } = part
          batch.put(metaKey, meta)
          await write(async () => {
            // Synced: the progress topic is trimmed below a checkpoint, so it must outlast a power cut.
            if (generation === null) {
              await journal.begin()
              await batch.write({ sync: true })
            } else {
              await flushed() // LevelDB may have left behind the log that holds the parts
              await journal.commit(generation, batch)
            }
          })
        },
        abandon: () => {
          isAbandoned = true
          void part.batch.close()
        },
      }
    },
    writeSpill: (pages) =>
      write(() =>
        level.batch(
          [...pages].map(([name, page]) => {
            const key = fromByteString(spillPart + joinParts([name]))
            return page === null ? { type: 'del', key } : { type: 'put', key, value: page }
          }),
        ),
      ),
    readSpill: (name) => level.getSync(fromByteString(spillPart + joinParts([name]))),
    close: async () => {
      await last
      await level.close()
    },
  }
}
