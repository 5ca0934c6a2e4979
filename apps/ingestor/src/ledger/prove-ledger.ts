import {
  MalformedRecordError,
  transactionsCodec,
  transactionsTopic,
  type TransactionsRecord,
} from '@tocsin/chain-model'
import { readRange, type EventLog } from '@tocsin/event-log'

/** A block that stands in the log and was not taken back. */
export interface ProvenBlock {
  readonly number: number
  readonly hash: string | null
  readonly parentHash: string | null
  /** As they were counted in the log, not as the seal says. */
  readonly transactions: number
  readonly events: number
}

/** A promise of the block ledger that the log breaks. `offset` is where it shows; null: in the range as a whole. */
export interface LedgerFault {
  readonly offset: number | null
  readonly block: number | null
  readonly what: string
}

export interface LedgerProof {
  /** The chain in the log, within the range asked for, oldest first. */
  readonly blocks: readonly ProvenBlock[]
  readonly reverted: readonly { readonly number: number; readonly hash: string | null; readonly offset: number }[]
  /** The newest block that the log calls final. */
  readonly final: number | null
  readonly faults: readonly LedgerFault[]
}

export interface LedgerRange {
  readonly from?: number | undefined
  readonly to?: number | undefined
}

/**
 * Reads a chain's ledger as a stranger would and holds each of its promises: sequence numbers without a gap; each block on
 * its parent by number and hash; its transactions before its seal, in order, and as many of them and of their events as
 * the seal says; reverts newest first and never below what is final; no block missing from the range. Costs memory for
 * each block in the log, some 300 bytes, and the time to parse every record.
 */
export function ledgerFold(range: LedgerRange = {}, isWhole = true) {
  const chain: ProvenBlock[] = []
  const reverted: LedgerProof['reverted'][number][] = []
  const faults: LedgerFault[] = []
  let pending: { readonly block: string | null; readonly index: number; readonly events: number }[] = []
  let sequence: number | null = isWhole ? 0 : null
  let final: number | null = null
  /** A log whose beginning was trimmed away may begin within a block. */
  let isBegun = isWhole

  function inSequence(offset: number, block: number, found: number): void {
    if (sequence !== null && found !== sequence)
      faults.push({ offset, block, what: `its sequence number is ${found}, after ${sequence - 1}` })
    sequence = found + 1
  }

  function seal(offset: number, record: Extract<TransactionsRecord, { type: 'sealed' }>): void {
    const { number, hash, parentHash } = record.block
    const fault = (what: string) => faults.push({ offset, block: number, what })
    inSequence(offset, number, record.sequence)
    const parent = chain.at(-1)
    if (parent !== undefined && number !== parent.number + 1) fault(`it follows block ${parent.number}`)
    else if (parent !== undefined && (hash === null || parentHash === null || parent.hash === null))
      fault('it has no hashes, so that its parent cannot be proven')
    else if (parent !== undefined && parentHash !== parent.hash)
      fault(`its parent is ${parentHash}, and block ${parent.number} before it is ${parent.hash}`)
    const events = pending.reduce((sum, tx) => sum + tx.events, 0)
    if (isBegun) {
      if (pending.length !== record.transactions)
        fault(`${pending.length} transactions stand before its seal, which counts ${record.transactions}`)
      if (events !== record.events) fault(`they hold ${events} events, and its seal counts ${record.events}`)
      if (pending.some((tx) => tx.block !== hash)) fault('a transaction of another block is among its own')
      if (pending.some((tx, at) => at > 0 && tx.index <= (pending[at - 1]?.index ?? -1)))
        fault('its transactions are not in order')
    }
    chain.push({ number, hash, parentHash, transactions: pending.length, events })
    pending = []
    isBegun = true
  }

  return {
    /** The record at the offset; null: bytes that are none. */
    add(offset: number, record: TransactionsRecord | null): void {
      if (record === null) faults.push({ offset, block: null, what: 'these bytes are no record of this topic' })
      else if (record.type === 'transaction')
        pending.push({ block: record.block.hash, index: record.index, events: record.events.length })
      else if (record.type === 'sealed') seal(offset, record)
      else if (record.type === 'reverted') {
        const { number, hash } = record.block
        const fault = (what: string) => faults.push({ offset, block: number, what })
        inSequence(offset, number, record.sequence)
        if (isBegun && pending.length > 0) fault('transactions without a seal stand before its revert')
        pending = []
        const newest = chain.at(-1)
        if (newest?.hash === hash && newest.number === number) chain.pop()
        else if (chain.length > 0 || isWhole)
          fault(`it is reverted, and the newest block is ${newest?.number ?? 'none'}`)
        if (final !== null && number <= final) fault(`it is reverted, and block ${final} is final`)
        reverted.push({ number, hash, offset })
      } else if (record.type === 'finalized') {
        const { number, hash } = record.block
        const known = chain.findLast((block) => block.number === number)
        if (known?.hash !== hash && (known !== undefined || isWhole))
          faults.push({ offset, block: number, what: 'it is called final and is not the block in the log' })
        final = Math.max(final ?? number, number)
      }
    },
    /** What came of it, after the last record. */
    proof(): LedgerProof {
      const { from, to } = range
      const all = [...faults]
      const hole = (what: string, block: number) => all.push({ offset: null, block, what })
      const [oldest, newest] = [chain[0], chain.at(-1)]
      if (isBegun && pending.length > 0)
        all.push({
          offset: null,
          block: null,
          what: `${pending.length} transactions at the end of the log have no seal`,
        })
      if (oldest === undefined || newest === undefined) {
        if (from !== undefined || to !== undefined) hole('the log holds no block', from ?? to ?? 0)
      } else {
        if (from !== undefined && from < oldest.number) hole(`the log begins with block ${oldest.number}`, from)
        if (to !== undefined && to > newest.number) hole(`the log ends with block ${newest.number}`, to)
      }
      const isAsked = (number: number) => number >= (from ?? 0) && number <= (to ?? Infinity)
      return {
        blocks: chain.filter(({ number }) => isAsked(number)),
        reverted: reverted.filter(({ number }) => isAsked(number)),
        final,
        faults: all.filter(({ block }) => block === null || isAsked(block)),
      }
    },
  }
}

/** Proves the ledger of a chain from the log alone. @throws {UnknownTopicError} the chain was never ingested. */
export async function proveLedger(
  log: EventLog,
  at: { readonly prefix: string; readonly chainId: number },
  options: {
    readonly range?: LedgerRange
    readonly onProgress?: (offset: { readonly done: number; readonly total: number }) => void
    readonly signal: AbortSignal
  },
): Promise<LedgerProof> {
  const partition = { topic: transactionsTopic(at.prefix, at.chainId), partition: 0 }
  const { beginning, end } = await log.offsets(partition)
  const fold = ledgerFold(options.range, beginning === 0)
  const from = { ...partition, offset: beginning }
  for await (const { records, nextOffset } of readRange(log, from, end, { maxBytes: 4 << 20 })) {
    options.signal.throwIfAborted()
    for (const { offset, value } of records) fold.add(offset, recordIn(value))
    options.onProgress?.({ done: Math.min(nextOffset, end) - beginning, total: end - beginning })
  }
  return fold.proof()
}

function recordIn(value: Uint8Array): TransactionsRecord | null {
  try {
    return transactionsCodec.decode(value)
  } catch (error) {
    if (error instanceof MalformedRecordError) return null
    throw error
  }
}
