import { headerHash, receiptsRoot, transactionsRoot } from '@tocsin/ingestor/testing'

type Json = Readonly<Record<string, unknown>>

/** A recorded block as a node answers it, with its receipts. */
export interface WholeBlock {
  readonly block: Json & { readonly transactions: readonly Json[] }
  readonly receipts: readonly Json[]
}

/**
 * Recorded blocks served one after the other and over again, as one chain: the block of number n is the recorded one of
 * n modulo their count, with that number, the time of its slot, its parent's hash and, recomputed, its own. Transactions,
 * receipts and their roots stay what they were, so that everything that a client may verify holds.
 */
export interface LoopedBlocks {
  readonly count: number
  /** Text of JSON. */
  block(number: number, full: boolean): string
  receipts(number: number): string
  /** Which of the recorded blocks holds the transaction. */
  indexOf(transactionHash: string): number | undefined
  /** As of the block of this number, which must be one of the transaction's. */
  receipt(transactionHash: string, number: number): string | undefined
  numberOf(hash: string): number | undefined
  /** Transactions and logs of one block. */
  readonly sizes: readonly { readonly transactions: number; readonly logs: number }[]
}

const genesisTime = 1_700_000_000
const slotSeconds = 12
const hex = (value: number) => `0x${value.toString(16)}`

/** Whether all that is hashed is there and gives the recorded hash and roots: others could not be verified. */
export const isVerifiable = ({ block, receipts }: WholeBlock): boolean =>
  headerHash(block) === block['hash'] &&
  block.transactions.length > 0 &&
  block.transactions.length === receipts.length &&
  transactionsRoot(block.transactions) === block['transactionsRoot'] &&
  receiptsRoot(receipts) === block['receiptsRoot']

export function loopedBlocks(recorded: readonly WholeBlock[], count: number): LoopedBlocks {
  const templates = recorded.map(({ block, receipts }) => {
    const own = { number: '@N', hash: '@H', parentHash: '@P', timestamp: '@T' }
    const transactions = block.transactions.map(({ hash }) => hash)
    return {
      raw: block,
      full: template({ ...block, ...own }),
      brief: template({ ...block, transactions, ...own }),
      receipts: template(receipts),
      each: new Map(receipts.map((receipt) => [String(receipt['transactionHash']), template(receipt)])),
    }
  })
  const hashes: string[] = []
  const numbers = new Map<string, number>()
  const at = (number: number) => {
    const found = templates[number % templates.length]
    if (found === undefined) throw new Error('There is no recorded block.')
    return found
  }
  const placeOf = (number: number): Place => ({
    N: hex(number),
    H: hashes[number] ?? '',
    P: hashes[number - 1] ?? `0x${'0'.repeat(64)}`,
    T: hex(genesisTime + slotSeconds * number),
  })
  for (let number = 0; number < count; number++) {
    const { N, P, T } = placeOf(number)
    const hash = headerHash({ ...at(number).raw, number: N, parentHash: P, timestamp: T })
    if (hash === null) throw new Error('A recorded block lacks a field of its header.')
    hashes.push(hash)
    numbers.set(hash, number)
  }
  const indices = new Map(
    templates.flatMap(({ each }, index) => [...each.keys()].map((hash) => [hash, index] as const)),
  )
  return {
    count,
    block: (number, full) => filled(full ? at(number).full : at(number).brief, placeOf(number)),
    receipts: (number) => filled(at(number).receipts, placeOf(number)),
    indexOf: (hash) => indices.get(hash),
    receipt(hash, number) {
      const text = at(number).each.get(hash)
      return text === undefined ? undefined : filled(text, placeOf(number))
    },
    numberOf: (hash) => numbers.get(hash),
    sizes: recorded.map(({ receipts }) => ({
      transactions: receipts.length,
      logs: receipts.reduce((sum, { logs }) => sum + (Array.isArray(logs) ? logs.length : 0), 0),
    })),
  }
}

interface Place {
  readonly N: string
  readonly H: string
  readonly P: string
  readonly T: string
}

/** Text, and at odd places the name of what stands there. */
type Template = readonly string[]

const places: Readonly<Record<string, string>> = { blockNumber: '@N', blockHash: '@H', blockTimestamp: '@T' }

function template(value: unknown): Template {
  const text = JSON.stringify(value, (key, part: unknown) => places[key] ?? part)
  return text.split(/@([NHPT])/)
}

function filled(parts: Template, place: Place): string {
  let text = parts[0] ?? ''
  for (let index = 1; index < parts.length; index += 2)
    text += place[parts[index] as keyof Place] + (parts[index + 1] ?? '') // names as the pattern that split them has
  return text
}
