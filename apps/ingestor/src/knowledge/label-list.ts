import { labelSchema, parseAddress, type Address, type Label } from '@tocsin/chain-model'
import { ListFileError, readBundled, readListFile, reasonOf, rowsOf } from './list-file.ts'

/** A label and the chain it speaks of; null is every chain. */
export interface ListedLabel extends Label {
  readonly chainId: number | null
}

/** @throws {TypeError} naming the field. */
function parseListedLabel(value: unknown, file: string): ListedLabel {
  if (typeof value !== 'object' || value === null) throw new TypeError('a label is an object.')
  const label = value as Readonly<Record<string, unknown>>
  const chainId = integer(label['chainId'], 'chainId')
  const result = labelSchema.safeParse({
    address: parseAddress(label['address']),
    class: label['class'],
    source: label['source'] ?? file,
    confidence: integer(label['confidence'], 'confidence') ?? 50,
    validFrom: integer(label['validFrom'], 'validFrom'),
    validTo: integer(label['validTo'], 'validTo'),
  })
  if (!result.success)
    throw new TypeError(`${result.error.issues[0]?.path.join('.')}: ${result.error.issues[0]?.message}.`)
  return { chainId, ...result.data }
}

function integer(value: unknown, field: string): number | null {
  if (value === undefined || value === null) return null
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
  if (!Number.isSafeInteger(number)) throw new TypeError(`${field}: ${JSON.stringify(value)} is no whole number.`)
  return number
}

/** The labels of the package's `data/labels.json`: facts about well-known contracts, each with its source. */
export function bundledLabels(): readonly ListedLabel[] {
  const json = readBundled('labels.json') as { readonly labels: readonly unknown[] } // our own file, tested
  return json.labels.map((label) => parseListedLabel(label, 'data/labels.json'))
}

/**
 * The labels of a CSV or NDJSON file: `address`, `class`, and optionally `source` (default: the file), `confidence`
 * (default 50), `validFrom` and `validTo` (ms), `chainId` (default: every chain). @throws {ListFileError}
 */
export async function readLabelFile(file: string): Promise<readonly ListedLabel[]> {
  return rowsOf(await readListFile(file)).map((result) => {
    if (!result.ok) throw new ListFileError({ file, line: result.line, reason: `${result.reason}.` })
    try {
      return parseListedLabel(result.row.values, file)
    } catch (cause) {
      throw new ListFileError({ file, line: result.row.line, reason: reasonOf(cause) }, { cause })
    }
  })
}

const none: readonly Label[] = []

/** Answers which labels hold for an address at a time (ms): `validFrom` is inclusive, `validTo` exclusive. */
export function labelsOfChain(
  labels: readonly ListedLabel[],
  chainId: number,
): (address: Address, timestamp: number) => readonly Label[] {
  const byAddress = new Map<Address, Label[]>()
  for (const label of labels) {
    if (label.chainId !== null && label.chainId !== chainId) continue
    const known = byAddress.get(label.address)
    if (known === undefined) byAddress.set(label.address, [label])
    else known.push(label)
  }
  // Nearly all that are asked for have none.
  return (address, timestamp) =>
    byAddress
      .get(address)
      ?.filter(
        ({ validFrom, validTo }) => (validFrom ?? timestamp) <= timestamp && (validTo === null || timestamp < validTo),
      ) ?? none
}
