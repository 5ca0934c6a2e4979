import { setImmediate } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'
import { fromByteString, joinParts, splitParts, toByteString } from './key-encoding.ts'
import type { StateStore, StoreBatch } from './state-store.ts'

const metaKey = fromByteString(joinParts(['meta']))
const cellPrefix = 'cell'
/** Between two turns of the event loop. */
const cellsASlice = 250
const utf8 = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

const cellKey = (table: string, key: string, sub: string | null): Uint8Array =>
  fromByteString(joinParts(sub === null ? [cellPrefix, table, key] : [cellPrefix, table, key, sub]))

export class StoreOpenError extends Error {
  readonly code = 'STREAM_STORE_OPEN'
  readonly handling = 'stop'
  readonly remedy = 'Check that the folder can be written and that no other process has this job open.'
  constructor(folder: string, options: ErrorOptions) {
    super(`The state folder ${folder} cannot be opened.`, options)
  }
}

/** Checkpoints in a folder, in LevelDB. @throws {StoreOpenError} */
export const openLevelStore = async (folder: string): Promise<StateStore> => {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(folder, { keyEncoding: 'view', valueEncoding: 'view' })
  try {
    await level.open()
  } catch (cause) {
    throw new StoreOpenError(folder, { cause })
  }
  return {
    readMeta: () => level.get(metaKey),
    async *cells() {
      const range = { gt: fromByteString(joinParts([cellPrefix])), lt: fromByteString(joinParts([`${cellPrefix}~`])) }
      for await (const [name, value] of level.iterator({ ...range, highWaterMarkBytes: 1 << 20 })) {
        const [, table = '', key = '', sub = null] = splitParts(toByteString(name))
        yield { table: Buffer.from(table, 'latin1').toString('utf8'), key, sub, value }
      }
    },
    write: async ({ meta, cells }: StoreBatch) => {
      const batch = level.batch()
      const tableNames = new Map<string, string>()
      let left = cellsASlice
      for (const { table, key, sub, value } of cells) {
        let name = tableNames.get(table)
        if (name === undefined) tableNames.set(table, (name = utf8(table)))
        if (value === null) batch.del(cellKey(name, key, sub))
        else batch.put(cellKey(name, key, sub), value)
        left -= 1
        if (left > 0) continue
        await setImmediate()
        left = cellsASlice
      }
      batch.put(metaKey, meta)
      // Synced: the progress topic is trimmed below a checkpoint, so it must outlast a power cut.
      await batch.write({ sync: true })
    },
    close: () => level.close(),
  }
}
