import type { Codec, KeyCodec } from '../codec.ts'
import { byteStringsOf, fromByteString, integerKey, type ByteString } from '../state/key-encoding.ts'
import { decodeVersioned, timedVersion } from '../state/versioned.ts'
import type { Timestamp } from '../time.ts'
import { readSavepoint, type SavepointCell, type SavepointLayout, type SavepointSummary } from './savepoint-file.ts'
import type { SavepointHead } from './savepoint-head.ts'

/** What a savepoint holds. */
export interface SavepointInspection extends SavepointSummary {
  readonly head: SavepointHead
  /** In order of their names. */
  readonly states: readonly SavepointState[]
}

/** Of one operator's state or timers. */
export interface SavepointState {
  /** The operator's uid and the state's own name, joined by `/`; names that begin with `#` are the library's. */
  readonly name: string
  readonly layout: SavepointLayout
  readonly keys: number
  readonly cells: number
  /** Of values, without keys. */
  readonly bytes: number
  /** Versions of the codecs that wrote it, ascending; `0x8000` is that of values with times, of a TTL or a bound. */
  readonly codecVersions: readonly number[]
  /** The first and last that is due. Null: no timers. */
  readonly timers: { readonly oldest: Timestamp; readonly newest: Timestamp } | null
}

const integers = byteStringsOf(integerKey)
const integerBytes = 8

/** When a timer's cell is due. */
const dueAt = ({ sub }: SavepointCell): Timestamp => integers.from((sub ?? '').slice(0, integerBytes))

export const versionOf = ({ value }: { readonly value: Uint8Array }): number => ((value[0] ?? 0) << 8) | (value[1] ?? 0)

/** Reads a savepoint once, as much as it is. @throws {SavepointError} if it is none, or not as it was written. */
export const inspectSavepoint = async (path: string): Promise<SavepointInspection> => {
  let head: SavepointHead | null = null
  let summary: SavepointSummary | null = null
  const states: StateInspection[] = []
  for await (const line of readSavepoint(path)) {
    if (line.type === 'head') head = line.head
    else if (line.type === 'cell') {
      let state = states.at(-1)
      if (state?.name !== line.cell.table) states.push((state = new StateInspection(line.cell)))
      state.add(line.cell)
    } else ({ summary } = line)
  }
  if (head === null || summary === null) throw new Error('assertion: what is read to its end is whole')
  return { head, ...summary, states: states.map((state) => state.result()) }
}

class StateInspection {
  readonly name: string
  readonly #layout: SavepointLayout
  readonly #versions = new Set<number>()
  #cells = 0
  #keys = 0
  #bytes = 0
  #lastKey: ByteString | null = null
  #oldest = Infinity
  #newest = -Infinity

  constructor({ table, layout }: SavepointCell) {
    this.name = table
    this.#layout = layout
  }
  add(cell: SavepointCell): void {
    this.#cells += 1
    if (cell.key !== this.#lastKey) this.#keys += 1
    this.#lastKey = cell.key
    if (this.#layout === 'timers') {
      const at = dueAt(cell)
      this.#oldest = Math.min(this.#oldest, at)
      this.#newest = Math.max(this.#newest, at)
      return
    }
    this.#bytes += cell.value.length - 2
    this.#versions.add(versionOf(cell))
  }
  result(): SavepointState {
    return {
      name: this.name,
      layout: this.#layout,
      keys: this.#keys,
      cells: this.#cells,
      bytes: this.#bytes,
      codecVersions: [...this.#versions].sort((a, b) => a - b),
      timers: this.#layout === 'timers' ? { oldest: this.#oldest, newest: this.#newest } : null,
    }
  }
}

/** An inspection for people: where the job stood, and a row a state. */
export const describeSavepoint = ({ head, states, cells, sha256 }: SavepointInspection): string => {
  const { job, version, epoch, inputs } = head
  const versions = ({ codecVersions }: SavepointState) =>
    codecVersions.map((one) => (one === timedVersion ? 'timed' : `${one}`)).join(' ')
  const due = ({ timers }: SavepointState) => (timers === null ? '' : `due ${timers.oldest} to ${timers.newest}`)
  return [
    `Savepoint of job ${job}, version ${version}${epoch === null ? '' : `, final up to epoch ${epoch}`}`,
    `${cells} cells, SHA-256 ${sha256}`,
    '',
    ...table([
      ['source', 'position', 'watermark'],
      ...inputs.map(({ source, topic, partition, offset, ordinal, watermark }) => [
        source,
        `${topic}/${partition}@${offset}${ordinal === 0 ? '' : `+${ordinal}`}`,
        watermark === Number.MIN_SAFE_INTEGER ? 'none' : `${watermark}`,
      ]),
    ]),
    '',
    ...table([
      ['state', 'kind', 'keys', 'cells', 'bytes', 'codec', ''],
      ...states.map((state) => [
        state.name,
        state.layout,
        `${state.keys}`,
        `${state.cells}`,
        `${state.bytes}`,
        versions(state),
        due(state),
      ]),
    ]),
  ].join('\n')
}

const table = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/**
 * The values of one state, by key: of a map also its own keys, as their bytes. Give the codecs that the state is declared
 * with; of lists, windows and state with a TTL only what `inspectSavepoint` tells can be had.
 * @throws {SavepointError} if it is no savepoint; {StateCodecMismatchError} if another version wrote a value.
 */
export async function* savepointEntries<Key, T>(
  path: string,
  state: { readonly name: string; readonly key: KeyCodec<Key>; readonly value: Codec<T> },
): AsyncGenerator<{ readonly key: Key; readonly sub: Uint8Array | null; readonly value: T }> {
  const keys = byteStringsOf(state.key)
  for await (const line of readSavepoint(path)) {
    if (line.type !== 'cell' || line.cell.table !== state.name) continue
    const { key, sub, value } = line.cell
    const decoded = decodeVersioned(state.value, value, state.name)
    yield { key: keys.from(key), sub: sub === null ? null : fromByteString(sub), value: decoded }
  }
}
