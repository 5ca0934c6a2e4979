import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { chainFacts } from '../knowledge/chains.ts'
import { mergeBlocks } from './assemble-block.ts'
import { FieldError } from './parse-block.ts'
import { RecordingError, valuesOf } from './recording-file.ts'
import { blocksOf, lacks, type Lack, type RecordedBlock } from './recording-shapes.ts'
import type { SourceBlock } from './source-block.ts'

/** A block whose time is known, or estimated and said to be. */
export type TimedBlock = SourceBlock & { readonly timestamp: number }

export interface RecordingOptions {
  /** The chain of files that do not say theirs. Default 1, Ethereum. */
  readonly chainId?: number
  /** Told once for each thing that some file lacks, and once for files of a folder that are no recordings. */
  readonly onNotice?: (notice: RecordingNotice) => void
}

export interface RecordingNotice {
  readonly code: Lack | 'skipped'
  /** The file that lacks it first. */
  readonly file: string
  readonly message: string
}

export interface RecordedChain {
  readonly chainId: number
  readonly blocks: number
  readonly first: number
  readonly last: number
}

/** Blocks from files, whole or in parts, of one chain or several. Every block of it is final. */
export interface Recording {
  /** By chain id. */
  readonly chains: readonly RecordedChain[]
  readonly notices: readonly RecordingNotice[]
  /**
   * The chain's blocks by number, each once: tellings of one block in several files are merged. Files are read as they
   * are reached, so memory is the blocks in hand (and a file whole if its lines are not in order).
   */
  blocks(chainId: number): AsyncIterable<TimedBlock>
}

interface ScannedFile {
  readonly file: string
  readonly chainId: number
  readonly first: number
  readonly ordered: boolean
}

interface ChainScan {
  readonly times: Map<number, number | null>
  readonly files: ScannedFile[]
}

/**
 * Reads through the files and folders once, so that a damaged file is found before anything is written, and so that
 * blocks can be put in order. @throws {RecordingError} naming file and line.
 */
export async function openRecording(paths: readonly string[], options: RecordingOptions = {}): Promise<Recording> {
  const defaultChain = options.chainId ?? 1
  const notices = new Map<string, RecordingNotice>()
  const notice = (code: RecordingNotice['code'], file: string, message: string) => {
    if (notices.has(code)) return
    const first = { code, file, message }
    notices.set(code, first)
    options.onNotice?.(first)
  }
  const chains = new Map<number, ChainScan>()
  const skipped: string[] = []
  for (const { file, named } of await filesOf(paths)) {
    let held = false
    const seen = new Map<number, { first: number; last: number; ordered: boolean }>()
    for await (const { block, lacks: missing } of blocksOfFile(file, defaultChain, named)) {
      held = true
      for (const lack of missing) notice(lack, file, `${file} ${lacks[lack]}.`)
      const chain = chains.get(block.chainId) ?? { times: new Map<number, number | null>(), files: [] }
      chains.set(block.chainId, chain)
      chain.times.set(block.number, chain.times.get(block.number) ?? block.timestamp)
      const known = seen.get(block.chainId)
      if (known === undefined) seen.set(block.chainId, { first: block.number, last: block.number, ordered: true })
      else {
        known.ordered &&= block.number >= known.last
        known.first = Math.min(known.first, block.number)
        known.last = block.number
      }
    }
    for (const [chainId, { first, ordered }] of seen) chains.get(chainId)?.files.push({ file, chainId, first, ordered })
    if (!held) skipped.push(file)
  }
  const [firstSkipped] = skipped
  if (firstSkipped !== undefined) {
    const names = skipped.length > 3 ? [...skipped.slice(0, 3), `${skipped.length - 3} more`] : skipped
    notice('skipped', firstSkipped, `Skipped, being no recordings: ${names.join(', ')}.`)
  }
  if (chains.size === 0)
    throw new RecordingError({
      file: paths.join(', '),
      reason: 'no recorded block is there',
      remedy: 'Name a file or folder of recorded blocks, logs or traces; docs/connectors.md has the shapes.',
    })
  const ids = [...chains.keys()].sort((a, b) => a - b)
  return {
    chains: ids.map((chainId) => {
      const numbers = [...(chains.get(chainId)?.times.keys() ?? [])].sort((a, b) => a - b)
      return { chainId, blocks: numbers.length, first: numbers[0] ?? 0, last: numbers.at(-1) ?? 0 }
    }),
    notices: [...notices.values()],
    blocks: (chainId) => {
      const scan = chains.get(chainId)
      if (scan === undefined)
        throw new RecordingError({ file: paths.join(', '), reason: `no block of chain ${chainId} is there` })
      return orderedBlocks(scan, chainId, defaultChain)
    },
  }
}

async function filesOf(paths: readonly string[]): Promise<readonly { file: string; named: boolean }[]> {
  const files: { file: string; named: boolean }[] = []
  for (const path of paths) {
    try {
      if (!(await stat(path)).isDirectory()) {
        files.push({ file: path, named: true })
        continue
      }
      const entries = await readdir(path, { recursive: true, withFileTypes: true })
      const inside = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      files.push(...inside.sort().map((file) => ({ file, named: false })))
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new RecordingError(
        { file: path, reason: `it cannot be opened (${reason})`, remedy: 'Check the path given with --recording.' },
        { cause },
      )
    }
  }
  return files
}

/** The blocks of one file. A file that was not named but found in a folder may be none: then it gives nothing. */
async function* blocksOfFile(file: string, chainId: number, named: boolean): AsyncGenerator<RecordedBlock, void> {
  let held = false
  for await (const { line, value } of valuesOf(file)) {
    let blocks: readonly RecordedBlock[] | null
    try {
      blocks = blocksOf(value, chainId)
    } catch (cause) {
      if (!(cause instanceof FieldError)) throw cause
      throw new RecordingError({ file, line, reason: cause.message }, { cause })
    }
    if (blocks === null) {
      if (!named && !held) return
      throw new RecordingError({ file, line, reason: 'the value is no block, logs or traces in a known shape' })
    }
    held = true
    yield* blocks
  }
  if (named && !held) throw new RecordingError({ file, reason: 'it holds no JSON value' })
}

/** A k-way merge over files by block number, each opened when the merge reaches its first block. */
async function* orderedBlocks(scan: ChainScan, chainId: number, defaultChain: number): AsyncGenerator<TimedBlock> {
  const timeOf = blockTimes(scan.times, chainFacts(chainId).blockTimeMs)
  const waiting = [...scan.files].sort((a, b) => a.first - b.first || (a.file < b.file ? -1 : 1))
  const open: Cursor[] = []
  let previous: TimedBlock | undefined
  try {
    for (;;) {
      let lowest = Math.min(...open.map(({ head }) => head.number))
      for (let next = waiting[0]; next !== undefined && next.first <= lowest; next = waiting[0]) {
        waiting.shift()
        const cursor = await openCursor(next, defaultChain)
        if (cursor !== undefined) open.push(cursor)
        lowest = Math.min(lowest, next.first)
      }
      if (open.length === 0) return
      let merged: SourceBlock | undefined
      for (const cursor of [...open]) {
        while (cursor.head.number === lowest) {
          merged = merged === undefined ? cursor.head : merge(merged, cursor.head, cursor.file)
          if (await cursor.advance()) continue
          open.splice(open.indexOf(cursor), 1)
          break
        }
      }
      if (merged === undefined) return
      const block: TimedBlock = { ...merged, timestamp: merged.timestamp ?? timeOf(merged.number) }
      checkParent(previous, block, scan)
      yield block
      previous = block
    }
  } finally {
    for (const cursor of open) await cursor.close()
  }
}

interface Cursor {
  readonly file: string
  head: SourceBlock
  /** To the next block; false at the end. */
  advance(): Promise<boolean>
  close(): Promise<void>
}

async function openCursor({ file, chainId, ordered }: ScannedFile, defaultChain: number): Promise<Cursor | undefined> {
  const source = ordered ? blocksOfFile(file, defaultChain, true) : sorted(blocksOfFile(file, defaultChain, true))
  const next = async (): Promise<SourceBlock | undefined> => {
    for (;;) {
      const result = await source.next()
      if (result.done === true) return undefined
      if (result.value.block.chainId === chainId) return result.value.block
    }
  }
  const first = await next()
  if (first === undefined) return undefined
  const cursor: Cursor = {
    file,
    head: first,
    advance: async () => {
      const block = await next()
      if (block !== undefined) cursor.head = block
      return block !== undefined
    },
    close: async () => {
      await source.return(undefined)
    },
  }
  return cursor
}

async function* sorted(blocks: AsyncIterable<RecordedBlock>): AsyncGenerator<RecordedBlock, void> {
  const all: RecordedBlock[] = []
  for await (const block of blocks) all.push(block)
  yield* all.sort((a, b) => a.block.number - b.block.number)
}

const oneFork = 'Record one branch of the chain only; a recording is final history.'

function merge(a: SourceBlock, b: SourceBlock, file: string): SourceBlock {
  try {
    return mergeBlocks(a, b)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RecordingError({ file, reason, remedy: oneFork }, { cause })
  }
}

function checkParent(previous: TimedBlock | undefined, block: TimedBlock, scan: ChainScan): void {
  if (previous?.number !== block.number - 1 || previous.hash === null || block.parentHash === null) return
  if (previous.hash === block.parentHash) return
  const file = scan.files.find(({ first }) => first <= block.number)?.file ?? 'the recording'
  const reason = `block ${block.number} names ${block.parentHash} as its parent, but block ${previous.number} is ${previous.hash}`
  throw new RecordingError({ file, reason, remedy: oneFork })
}

/**
 * Times for blocks whose recording has none, in ms: on the line between their neighbours, at the chain's usual distance
 * from the only one, or else at number × distance, so that order and distances hold even where no time is known.
 */
function blockTimes(times: ReadonlyMap<number, number | null>, blockTimeMs: number): (number: number) => number {
  const known = [...times].flatMap(([number, time]) => (time === null ? [] : [{ number, time }]))
  known.sort((a, b) => a.number - b.number)
  return (number) => {
    const before = known.findLast((block) => block.number < number)
    const after = known.find((block) => block.number > number)
    if (before !== undefined && after !== undefined) {
      const share = (number - before.number) / (after.number - before.number)
      return Math.floor(before.time + share * (after.time - before.time))
    }
    if (before !== undefined) return before.time + (number - before.number) * blockTimeMs
    if (after !== undefined) return Math.max(0, after.time - (after.number - number) * blockTimeMs)
    return number * blockTimeMs
  }
}
