import {
  MalformedRecordError,
  maxWatermark,
  transactionsCodec,
  transactionsTopic,
  type Control,
  type Hash,
  type Sealed,
} from '@tocsin/chain-model'
import { readRange, UnknownTopicError, type EventLog } from '@tocsin/event-log'
import type { CanonicalChain, ChainLink } from './advance.ts'

/** Where a chain stands in the log, read from the log alone: there is no second source of truth. */
export interface ResumePoint {
  /** What the next sealed or reverted record gets. 0 where the log is empty. */
  readonly nextSequence: number
  /** Null where the log holds no block with a hash. */
  readonly chain: CanonicalChain | null
  /** False while the chain's first link is only the parent of the first block in the log, and not known to be final. */
  readonly anchorIsFinal: boolean
  readonly lastSealed: Sealed | null
  /** The last watermark is the highest one: a recording was written to its end, nothing may follow. */
  readonly ended: boolean
}

/** A chain's part of the log that does not add up: it was written by something else, or damaged. */
export class LedgerBrokenError extends Error {
  readonly code = 'INGEST_LEDGER_BROKEN'
  readonly handling = 'stop'
  readonly remedy = 'Give this log another topic prefix, or write to an empty one; what is there stays as it is.'
}

/**
 * Reads back from the end of the topic, in ever larger steps, until the newest finalized block and all that was sealed
 * after it are known. Costs reading the unfinalised part of the log; transactions are told by their first bytes and not
 * parsed.
 */
export async function readResumePoint(log: EventLog, prefix: string, chainId: number): Promise<ResumePoint> {
  const at = { topic: transactionsTopic(prefix, chainId), partition: 0 }
  let range: { readonly beginning: number; readonly end: number }
  try {
    range = await log.offsets(at)
  } catch (error) {
    if (!(error instanceof UnknownTopicError)) throw error
    return resumePoint([], true) as ResumePoint // all of nothing was read, so it is decided
  }
  for (let length = 1024; ; length *= 4) {
    const from = Math.max(range.beginning, range.end - length)
    const point = resumePoint(await readControls(log, { ...at, offset: from }, range.end), from === range.beginning)
    if (point !== undefined) return point
  }
}

const transactionStart = new TextEncoder().encode('{"type":"transaction"')

async function readControls(
  log: EventLog,
  position: { readonly topic: string; readonly partition: number; readonly offset: number },
  end: number,
): Promise<readonly Control[]> {
  const controls: Control[] = []
  for await (const { records } of readRange(log, position, end, { maxBytes: 4 << 20 })) {
    for (const { value } of records) {
      if (transactionStart.every((byte, index) => value[index] === byte)) continue
      const control = controlOf(value)
      if (control !== null) controls.push(control)
    }
  }
  return controls
}

/** Null for what is no control. A stranger's bytes are none: the detector puts them aside, and the links still say it all. */
function controlOf(value: Uint8Array): Control | null {
  try {
    const record = transactionsCodec.decode(value)
    return record.type === 'transaction' || record.type === 'price' ? null : record
  } catch (error) {
    if (error instanceof MalformedRecordError) return null
    throw error
  }
}

/** Pure: the point that these controls, the newest of a topic, lead to; undefined if earlier ones are needed. */
export function resumePoint(controls: readonly Control[], fromBeginning: boolean): ResumePoint | undefined {
  const links: (ChainLink & { readonly parentHash: Hash | null })[] = []
  let nextSequence = 0
  let final: ChainLink | null = null
  let finalSealSeen = false
  let lastSealed: Sealed | null = null
  let ended = false
  const sealedNumbers = new Set<number>()
  for (const control of controls) {
    ended = control.type === 'watermark' && control.watermark === maxWatermark
    if (control.type === 'sealed') {
      nextSequence = control.sequence + 1
      lastSealed = control
      sealedNumbers.add(control.block.number)
      const { number, hash, parentHash, timestamp } = control.block
      if (hash !== null) links.push({ number, hash, parentHash, timestamp })
    } else if (control.type === 'reverted') {
      nextSequence = control.sequence + 1
      // Reverts of blocks that were sealed before what was read take nothing away here.
      if (links.at(-1)?.hash === control.block.hash) links.pop()
    } else if (control.type === 'finalized') {
      const { number, hash, timestamp } = control.block
      if (hash !== null) final = { number, hash, timestamp }
      finalSealSeen = sealedNumbers.has(number)
    }
  }
  const lowest = final
  const unfinal = lowest === null ? links : links.filter(({ number }) => number > lowest.number)
  const [first] = unfinal
  const contiguous = lowest !== null && first?.number === lowest.number + 1
  if (!fromBeginning && !finalSealSeen && !contiguous) return undefined
  for (const [at, link] of unfinal.entries()) {
    const parent = unfinal[at - 1] ?? final
    if (parent !== null && (link.number !== parent.number + 1 || link.parentHash !== parent.hash))
      throw new LedgerBrokenError(
        `In the log block ${link.number} (${link.hash}) follows block ${parent.number} (${parent.hash}), which is not its parent.`,
      )
  }
  const anchor =
    final ??
    (first === undefined || first.parentHash === null
      ? null
      : { number: first.number - 1, hash: first.parentHash, timestamp: first.timestamp })
  return {
    nextSequence,
    chain:
      anchor === null ? null : [anchor, ...unfinal.map(({ number, hash, timestamp }) => ({ number, hash, timestamp }))],
    anchorIsFinal: final !== null,
    lastSealed,
    ended,
  }
}
