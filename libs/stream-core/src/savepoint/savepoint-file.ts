import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { utf8ByteString } from '../state/key-encoding.ts'
import type { StoredCell } from '../state/state-store.ts'
import { SavepointError } from './savepoint-error.ts'
import type { SavepointHead } from './savepoint-head.ts'

/** Raised with what a savepoint holds. */
const format = 1

/** Schedules are left out: they follow from the rest. */
export type SavepointLayout = 'values' | 'entries' | 'timers'

/** A cell as `stateCells` gives it, and what kind of table it is of. */
export interface SavepointCell extends StoredCell {
  readonly layout: SavepointLayout
}

/** What ends the file: proof that it is whole. */
export interface SavepointSummary {
  readonly cells: number
  /** SHA-256 of all lines before, hex. */
  readonly sha256: string
}

const bytesAWrite = 1 << 20

/**
 * Writes a savepoint, as lines of JSON so that two can be compared with a diff: the head; for each state a line with its
 * name and layout, then a line a cell; and one that proves the others. Byte strings are written as they are, a char a
 * byte. `cells` come by (table, key, sub). The file stands at `path` whole or not at all.
 *
 *   values    [key, codec version, value]       the value in base64
 *   entries   [key, sub, codec version, value]
 *   timers    [key, time and namespace]
 */
export const writeSavepoint = async (
  path: string,
  head: SavepointHead,
  cells: AsyncIterable<SavepointCell>,
): Promise<SavepointSummary> => {
  const unfinished = `${path}.unfinished`
  const file = await open(unfinished, 'w')
  try {
    const hash = createHash('sha256')
    let count = 0
    let state: string | null = null
    let pending = `${JSON.stringify({ savepoint: format, ...head })}\n`
    const flush = async () => {
      hash.update(pending)
      await file.writeFile(pending)
      pending = ''
    }
    for await (const cell of cells) {
      const { table, layout } = cell
      if (table !== state) pending += `${JSON.stringify({ state: table, layout })}\n`
      state = table
      pending += `${lineOf(cell)}\n`
      count += 1
      if (pending.length > bytesAWrite) await flush()
    }
    await flush()
    const summary = { cells: count, sha256: hash.digest('hex') }
    await file.writeFile(`${JSON.stringify(summary)}\n`)
    await file.sync()
    await file.close()
    await rename(unfinished, path)
    return summary
  } catch (error) {
    await file.close().catch(() => undefined) // told by the first error
    await rm(unfinished, { force: true })
    throw error
  }
}

const lineOf = ({ layout, key, sub, value }: SavepointCell): string => {
  if (layout === 'timers') return JSON.stringify([key, sub])
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const versioned = [bytes.readUInt16BE(0), bytes.toString('base64', 2)]
  return JSON.stringify(layout === 'values' ? [key, ...versioned] : [key, sub, ...versioned])
}

const cellOf = (table: string, layout: SavepointLayout, line: readonly unknown[]): SavepointCell | undefined => {
  const [key, ...rest] = line
  const sub = layout === 'values' ? null : rest.shift()
  const isNamed = typeof key === 'string' && (sub === null || typeof sub === 'string')
  if (layout === 'timers') return isNamed ? { table, layout, key, sub, value: new Uint8Array() } : undefined
  const [version, base64] = rest
  if (!isNamed || typeof version !== 'number' || typeof base64 !== 'string') return undefined
  const value = Buffer.concat([Uint8Array.of(version >> 8, version & 0xff), Buffer.from(base64, 'base64')])
  return { table, layout, key, sub, value }
}

/**
 * Reads a savepoint from its beginning to its end. The head, then the cells in their order, then the summary; only with
 * that is it known that the ones before are as they were written.
 * @throws {SavepointError} if it is no savepoint, cut off, or not as it was written.
 */
export async function* readSavepoint(
  path: string,
): AsyncGenerator<
  | { readonly type: 'head'; readonly head: SavepointHead }
  | { readonly type: 'cell'; readonly cell: SavepointCell }
  | { readonly type: 'summary'; readonly summary: SavepointSummary }
> {
  const hash = createHash('sha256')
  let number = 0
  let count = 0
  let state: { readonly name: string; readonly layout: SavepointLayout } | null = null
  let summary: SavepointSummary | null = null
  for await (const line of linesOf(path)) {
    number += 1
    const refuse = (why: string) => new SavepointError(`Line ${number} of ${path} ${why}.`)
    const parsed = parse(line)
    if (summary !== null) throw refuse('stands behind the last one')
    if (number === 1) {
      const { savepoint, ...head } = asRecord(parsed) ?? {}
      if (typeof savepoint !== 'number') throw new SavepointError(`${path} is not a savepoint.`)
      if (savepoint !== format) {
        throw new SavepointError(`${path} has savepoint format ${savepoint}; this version reads format ${format}.`)
      }
      yield { type: 'head', head: head as unknown as SavepointHead } // `writeSavepoint` wrote it; the summary proves it
    } else if (Array.isArray(parsed)) {
      const cell = state === null ? undefined : cellOf(state.name, state.layout, parsed)
      if (cell === undefined) throw refuse('is no cell')
      count += 1
      yield { type: 'cell', cell }
    } else {
      const { state: name, layout, cells, sha256 } = asRecord(parsed) ?? {}
      if (typeof name === 'string' && isLayout(layout)) state = { name, layout }
      else if (typeof cells !== 'number' || typeof sha256 !== 'string') throw refuse('cannot be read')
      else {
        const now = hash.digest('hex')
        if (cells !== count || sha256 !== now) {
          throw new SavepointError(
            `${path} is not as it was written: it has ${count} cells and SHA-256 ${now}, not ${cells} and ${sha256}.`,
          )
        }
        summary = { cells, sha256 }
        yield { type: 'summary', summary }
        continue
      }
    }
    hash.update(line).update('\n')
  }
  if (summary === null) throw new SavepointError(`${path} is cut off after line ${number}.`)
}

const isLayout = (layout: unknown): layout is SavepointLayout =>
  layout === 'values' || layout === 'entries' || layout === 'timers'
const asRecord = (value: unknown): Readonly<Record<string, unknown>> | null =>
  typeof value === 'object' && value !== null ? { ...value } : null
const parse = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

// Not Node's readline: that ends lines at U+2028 too, which a name may hold.
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: bytesAWrite }) as AsyncIterable<Buffer>) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let from = 0
      for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, from)) {
        yield bytes.toString('utf8', from, end)
        from = end + 1
      }
      rest = bytes.subarray(from)
    }
  } catch (cause) {
    throw new SavepointError(`${path} cannot be read.`, { cause })
  }
  if (rest.length > 0) yield rest.toString('utf8')
}

/** The order of cells in a savepoint. */
export const compareCells = (a: StoredCell, b: StoredCell): number =>
  (a.table === b.table ? 0 : compare(utf8ByteString(a.table), utf8ByteString(b.table))) ||
  compare(a.key, b.key) ||
  compare(a.sub ?? '', b.sub ?? '')
const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)
