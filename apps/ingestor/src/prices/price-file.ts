import { parseAddress, type Address, type Asset, type PriceTick } from '@tocsin/chain-model'
import { readListFile, rowsOf } from '../knowledge/list-file.ts'

/** A line that tells no price: where it stands, why, and the line itself, for the dead letters. */
export class BadPriceError extends Error {
  readonly code = 'INGEST_BAD_PRICE'
  readonly handling = 'dead-letter'
  readonly remedy = 'A price needs asset (address or native), price (decimal string, USD), time (ms) and source.'
  readonly origin: string
  readonly text: string
  constructor(at: { origin: string; text: string; reason: string }, options?: ErrorOptions) {
    super(`${at.origin}: ${at.reason}.`, options)
    this.origin = at.origin
    this.text = at.text
  }
}

export interface PriceOptions {
  /** The chain of prices that do not say theirs; null: they are none, since it might be any of several. */
  readonly chainId: number | null
  /** How long a price with a time may be used, in ms, where it does not say. Default 60 s. */
  readonly maxAgeMs?: number
  /** Names the source of prices that do not name theirs. */
  readonly source: string
}

/**
 * USD as price8, from a decimal string: `1773.39` is 177339000000. Digits after the eighth are cut off, never rounded
 * up; a price below 1e-8 USD is none. @throws {TypeError}
 */
export function parsePrice8(text: unknown): bigint {
  const match = typeof text === 'string' ? /^(\d{1,40})(?:\.(\d{1,80}))?$/.exec(text.trim()) : null
  if (match === null) throw new TypeError(`price ${JSON.stringify(text)} is no decimal string such as "1773.39"`)
  const price8 = BigInt(`${match[1]}${(match[2] ?? '').slice(0, 8).padEnd(8, '0')}`)
  if (price8 === 0n) throw new TypeError(`price ${JSON.stringify(text)} is not above 0`)
  return price8
}

/** A price from the fields of a row or of a feed's JSON. Without `time` it holds throughout. @throws {TypeError} */
export function parsePrice(fields: Readonly<Record<string, unknown>>, options: PriceOptions): PriceTick {
  if (fields['asset'] === undefined) throw new TypeError('it names no asset')
  const asset: Asset = fields['asset'] === 'native' ? 'native' : parseAddress(fields['asset'])
  const chainId = wholeNumber(fields['chainId'], 'chainId') ?? options.chainId
  if (chainId === null) throw new TypeError('it names no chainId, and several chains are followed')
  const time = wholeNumber(fields['time'], 'time')
  const maxAge = wholeNumber(fields['maxAge'], 'maxAge') ?? (time === null ? null : (options.maxAgeMs ?? 60_000))
  if (maxAge === 0) throw new TypeError('maxAge is 0')
  const source = fields['source'] ?? options.source
  if (typeof source !== 'string') throw new TypeError(`source ${JSON.stringify(source)} is no text`)
  return {
    type: 'price',
    chainId,
    asset,
    price8: parsePrice8(fields['price']),
    source,
    time: time ?? 0,
    maxAge,
  }
}

function wholeNumber(value: unknown, field: string): number | null {
  if (value === undefined || value === null || value === '') return null
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : -1
  if (!Number.isSafeInteger(number) || number < 0)
    throw new TypeError(`${field} ${JSON.stringify(value)} is no whole number`)
  return number
}

export interface PriceFile {
  /** By time, those of one time in the order of the file. */
  readonly ticks: readonly PriceTick[]
  readonly bad: readonly BadPriceError[]
}

/**
 * The prices of a CSV or NDJSON file. If the native coin or the chain's wrapped native token has no price in it, the
 * other's holds for both. @throws {ListFileError} if the file cannot be read.
 */
export async function readPriceFile(
  file: string,
  options: Omit<PriceOptions, 'source'> & {
    readonly source?: string
    /** The wrapped native token of a chain, where one is known. */
    readonly wrappedNative?: (chainId: number) => Address | undefined
  },
): Promise<PriceFile> {
  const ticks: PriceTick[] = []
  const bad: BadPriceError[] = []
  for (const result of rowsOf(await readListFile(file))) {
    const { line, text } = result.ok ? result.row : result
    const refuse = (reason: string, cause?: unknown) =>
      bad.push(new BadPriceError({ origin: `${file}, line ${line}`, text, reason }, { cause }))
    if (!result.ok) {
      refuse(result.reason)
      continue
    }
    try {
      ticks.push(parsePrice(result.row.values, { ...options, source: options.source ?? file }))
    } catch (cause) {
      refuse(cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause), cause)
    }
  }
  const shared = [...new Set(ticks.map(({ chainId }) => chainId))].flatMap((chainId) =>
    shareNative(
      ticks.filter((tick) => tick.chainId === chainId),
      options.wrappedNative?.(chainId),
    ),
  )
  return { ticks: [...ticks, ...shared].sort((a, b) => a.time - b.time), bad }
}

/** The ticks to add so that both the native coin and its wrapped token have a price where one of them has. */
export function shareNative(ticks: readonly PriceTick[], wrapped: Address | undefined): readonly PriceTick[] {
  if (wrapped === undefined) return []
  const of = (asset: Asset) => ticks.filter((tick) => tick.asset === asset)
  const [native, token] = [of('native'), of(wrapped)]
  if (native.length > 0 && token.length === 0) return native.map((tick) => ({ ...tick, asset: wrapped }))
  if (token.length > 0 && native.length === 0) return token.map((tick) => ({ ...tick, asset: 'native' }))
  return []
}
