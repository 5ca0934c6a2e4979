import { alertSchema, type Alert, type ChainTransaction, type Evidence } from '@tocsin/chain-model'
import { alertOf, evidenceHash, type AlertBody } from './alert.ts'
import { sha256Of } from './alert-id.ts'
import { canonicalJson } from './canonical-json.ts'
import type { ConfiguredDetector, Detector, Finding, Recording, Reference } from './detector.ts'
import { catalogue } from './detectors/catalogue.ts'
import { differences, evidenceOfReference, type ReferenceEvidence } from './evidence.ts'
import { contractRecordsOf } from './features/contract-record.ts'
import { byTime, isUsable, type Price } from './features/price.ts'
import type { PricedTransaction } from './features/priced-transaction.ts'
import { swapLegsOf } from './features/swap-leg.ts'
import { transfersOf } from './features/transfer.ts'
import { ParameterError, type ParameterProblem } from './parameters.ts'
import { userRule } from './rules/user-rule.ts'

export interface VerifyResult {
  readonly holds: boolean
  /** Why not, in plain words; empty where it holds. */
  readonly reasons: readonly string[]
}

type EvidenceOf<Type extends Evidence['type']> = Extract<Evidence, { type: Type }>

/**
 * Derives the alert again from its evidence alone, against a recording: each reference must be what was recorded, in
 * every field; then the same code that makes alerts makes this one, and each field must come out equal. Prices and the
 * detector's earlier state are taken as listed (prices are checked where the recording has them). Status and revision
 * are the chain's doing, not the evidence's.
 */
export function verifyAlert(
  alert: Alert,
  recording: Recording,
  detectors: readonly Detector[] = catalogue,
): VerifyResult {
  const malformed = alertSchema.safeParse(JSON.parse(canonicalJson(alert)))
  if (!malformed.success)
    return fails(malformed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}.`))
  // What no detector is called is a user's rule: its parameters are all of it.
  const detector = detectors.find(({ id }) => id === alert.detector) ?? userRule(alert.detector, {})
  if (detector.version !== alert.version)
    return fails([`It was made by version ${alert.version}; this is ${detector.version}.`])
  const problems: ParameterProblem[] = []
  const configured = detector.configure(alert.parameters, problems)
  if (problems.length > 0 && !detectors.includes(detector))
    return fails([`There is no detector ${alert.detector} to derive it with, and its parameters are no rule’s.`])
  if (problems.length > 0) return fails([new ParameterError(problems).message])

  const reasons: string[] = []
  if (evidenceHash(alert) !== alert.evidenceHash)
    reasons.push('Parameters or evidence were changed: they do not have the evidence hash that the alert states.')
  const finding = findingOf(alert, configured, recording, reasons)
  try {
    reasons.push(...sameAlert(alert, alertOf(alert.chainId, configured, finding)))
  } catch (error) {
    reasons.push(`The rule does not fire: ${error instanceof Error ? error.message : String(error)}`)
  }
  reasons.push(...configured.contradictions(finding, recording))
  return { holds: reasons.length === 0, reasons: [...new Set(reasons)] }
}

const fails = (reasons: readonly string[]): VerifyResult => ({ holds: false, reasons })

/** What the detector found, read back from the evidence; what does not agree with the recording goes to `reasons`. */
function findingOf(alert: Alert, detector: ConfiguredDetector, recording: Recording, reasons: string[]): Finding {
  const entries = <Type extends Evidence['type']>(type: Type): readonly EvidenceOf<Type>[] =>
    alert.evidence.filter((entry): entry is EvidenceOf<Type> => entry.type === type)
  const prices = entries('price')
    .map(({ type: _, ...price }): Price => price)
    .sort(byTime)
  for (const price of prices) {
    // The native coin and its wrapped token may share a price.
    const isTwin = (one: Price) => one.asset === 'native' || price.asset === 'native'
    const isKnown = (one: Price) =>
      (one.asset === price.asset || isTwin(one)) &&
      canonicalJson({ ...one, asset: '' }) === canonicalJson({ ...price, asset: '' })
    if (recording.prices !== undefined && !recording.prices.some(isKnown))
      reasons.push(`The price of ${price.asset} at ${price.time} from ${price.source} is not among the prices.`)
  }
  const elementsOf = elementsByTransaction(prices)
  const before: readonly Reference[] = alert.evidence
    .filter((entry) => isReference(entry))
    .flatMap((entry) => recorded(alert, entry, elementsOf, recording, reasons))
  if (!before.every((reference, index) => index === 0 || isAfter(reference, before[index - 1])))
    reasons.push('The references are not in the order of the chain, each once.')
  const finding: Finding = {
    key: alert.key,
    references: before,
    prices,
    state: Object.fromEntries(entries('state').map(({ name, value }) => [name, value])),
  }
  const [range] = entries('range')
  if (range === undefined) return finding
  const at = alert.evidence.filter((entry) => isReference(entry) || entry.type === 'range').indexOf(range)
  const middle = leftOut(detector, finding, at, range, recording, reasons)
  return { ...finding, references: [...before.slice(0, at), ...middle, ...before.slice(at)] }
}

const referenceTypes: readonly Evidence['type'][] = [
  ...(['transaction', 'log', 'frame', 'swap', 'contract-event', 'contract-call', 'raw-log'] as const),
] satisfies ReferenceEvidence['type'][]

const isReference = (entry: Evidence): entry is ReferenceEvidence => referenceTypes.includes(entry.type)

/** The element that the entry names, as the recording has it. */
function recorded(
  alert: Alert,
  entry: ReferenceEvidence,
  elementsOf: ReturnType<typeof elementsByTransaction>,
  recording: Recording,
  reasons: string[],
): readonly Reference[] {
  const name = `${entry.type} ${entry.transactionHash}${'logIndex' in entry ? ` log ${entry.logIndex}` : ''}`
  const transaction = recording.transaction(entry.transactionHash)
  if (transaction === undefined || transaction.chainId !== alert.chainId) {
    reasons.push(`${name}: there is no such transaction of chain ${alert.chainId} in the recording.`)
    return []
  }
  const candidates = elementsOf(transaction).flatMap((elements) => elements.get(placeIn(entry)) ?? [])
  const same = candidates.find((one) => canonicalJson(evidenceOfReference(one)) === canonicalJson(entry))
  const [found] = candidates
  if (same === undefined && found === undefined) reasons.push(`${name}: the transaction has no such element.`)
  if (same === undefined && found !== undefined) reasons.push(...differences(name, entry, evidenceOfReference(found)))
  const reference = same ?? found
  return reference === undefined ? [] : [reference]
}

type Elements = ReadonlyMap<string, Reference>

/**
 * The elements of a transaction by their place in it, under each set of listed prices that may have been known: all that
 * were usable then, and each alone, newest first, because a tick that came late may have missed it. Which price it was
 * is not said beside an element; its value tells.
 */
function elementsByTransaction(prices: readonly Price[]): (transaction: ChainTransaction) => readonly Elements[] {
  const known = new Map<string, readonly Elements[]>()
  return (transaction) => {
    const seen = known.get(transaction.hash)
    if (seen !== undefined) return seen
    const usable = prices.filter((price) => isUsable(price, transaction.block.timestamp))
    const sets = [usable, ...(usable.length > 1 ? usable.toReversed().map((price) => [price]) : []), []]
    const elements = sets.map((set) => {
      const priced: PricedTransaction = { transaction, prices: set, logStart: transaction.block.timestamp }
      const references: readonly Reference[] = [
        ...transfersOf(priced),
        ...swapLegsOf(priced),
        ...contractRecordsOf(priced),
      ]
      return new Map(references.map((reference) => [placeIn(evidenceOfReference(reference)), reference]))
    })
    known.set(transaction.hash, elements)
    return elements
  }
}

/** Names an element within its transaction. */
function placeIn(entry: ReferenceEvidence): string {
  if ('logIndex' in entry) return `${entry.type} ${entry.logIndex}`
  if (entry.type === 'contract-call') return `call ${entry.position}`
  return entry.type === 'frame' ? `frame ${entry.traceAddress.join('.')}` : 'value'
}

/** Does it stand after `earlier` in the chain? Within a transaction: its value, its frames or calls, its logs. */
function isAfter(reference: Reference, earlier: Reference | undefined): boolean {
  if (earlier === undefined) return true
  if (reference.blockNumber !== earlier.blockNumber) return reference.blockNumber > earlier.blockNumber
  if (reference.transactionIndex !== earlier.transactionIndex)
    return reference.transactionIndex > earlier.transactionIndex
  const [a, b] = [pathIn(evidenceOfReference(reference)), pathIn(evidenceOfReference(earlier))]
  const at = a.findIndex((step, index) => step !== b[index])
  return at !== -1 && (a[at] ?? 0) > (b[at] ?? -1)
}

function pathIn(entry: ReferenceEvidence): readonly number[] {
  if ('logIndex' in entry) return [2, entry.logIndex]
  if (entry.type === 'contract-call') return [1, entry.position]
  return entry.type === 'frame' ? [1, ...entry.traceAddress] : [0]
}

/** The elements between the listed ones, read again from the recording. */
function leftOut(
  detector: ConfiguredDetector,
  finding: Finding,
  at: number,
  range: EvidenceOf<'range'>,
  recording: Recording,
  reasons: string[],
): readonly Reference[] {
  const last = finding.references[at - 1]
  const next = finding.references[at]
  if (last === undefined || next === undefined) return []
  const all = [...recording.between(last.timestamp, next.timestamp)].flatMap((transaction) =>
    detector.leftOut(
      {
        transaction,
        prices: finding.prices.filter((price) => isUsable(price, transaction.block.timestamp)),
        logStart: transaction.block.timestamp,
      },
      finding,
    ),
  )
  const names = all.map(nameOf)
  const middle = all.slice(names.indexOf(nameOf(last)) + 1, names.indexOf(nameOf(next)))
  const digest = sha256Of(middle.map(evidenceOfReference))
  if (middle.length !== range.count || digest !== range.sha256)
    reasons.push(
      `The range stands for ${range.count} references with SHA-256 ${range.sha256}; ` +
        `the recording has ${middle.length} there, with ${digest}.`,
    )
  return middle
}

const nameOf = (reference: Reference): string => `${reference.transactionHash}/${reference.type}/${reference.ordinal}`

/** How the alert differs from the one that its evidence makes. */
function sameAlert(alert: Alert, derived: AlertBody): readonly string[] {
  const { revision: _revision, status: _status, evidence, evidenceHash: _hash, ...said } = alert
  const { evidence: expected, evidenceHash: _derivedHash, ...found } = derived
  const entries = Array.from({ length: Math.max(evidence.length, expected.length) }, (_, index) =>
    differences(`evidence ${index}`, evidence[index] ?? {}, expected[index] ?? {}),
  )
  return [...differences('alert', said, found), ...entries.flat()]
}
