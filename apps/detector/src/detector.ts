import type { ParameterValue, Severity } from '@tocsin/chain-model'
import type { DataStream } from '@tocsin/stream-core'
import type { ProfiledTransfer } from './address-profile.ts'
import type { ContractRecord } from './features/contract-record.ts'
import type { Price } from './features/price.ts'
import type { PricedTransaction } from './features/priced-transaction.ts'
import type { SwapLeg } from './features/swap-leg.ts'
import type { Transfer } from './features/transfer.ts'
import {
  ParameterError,
  readParameters,
  writeParameters,
  type Parameter,
  type ParameterProblem,
  type ParameterSchema,
  type ParametersOf,
} from './parameters.ts'

/** An element that evidence can name and a recording can prove. */
export type Reference = Transfer | SwapLeg | ContractRecord

/** What a detector found: all that its alert rests on, and nothing that can be derived from it. */
export interface Finding {
  /** Of the alert, e.g. the wallet. */
  readonly key: string
  /** In chain order. */
  readonly references: readonly Reference[]
  /** Prices beyond those of the references. */
  readonly prices: readonly Price[]
  /** Values of the detector's state before the element, and the window's bounds. */
  readonly state: Readonly<Record<string, string>>
}

/** What a finding means. Made from the finding and the parameters alone: `verifyAlert` makes it again. */
export interface Judgement {
  /** Transaction hashes, window starts, ordinals: never a block hash or a block-wide log index. */
  readonly occurrence: string
  /** Event time in ms. */
  readonly eventTime: number
  readonly severity: Severity
  /** 1 to 99. */
  readonly confidence: number
  /** For a list. */
  readonly title: string
  /** Who, what, how much, against which limit. */
  readonly sentence: string
  readonly thresholds: readonly {
    readonly parameter: string
    readonly limit: string
    readonly observed: string
  }[]
}

/** The finding does not make the rule fire: in a task our own mistake, in `verifyAlert` what is wrong with the alert. */
export class DoesNotFireError extends Error {
  readonly code = 'DETECTOR_DOES_NOT_FIRE'
  readonly handling = 'dead-letter'
  readonly remedy = 'Report it: a detector found what its own rule refuses. Other elements go on.'
}

/** What a detector may read. Streams are made when first asked for, so an unused one costs nothing. */
export interface DetectorStreams {
  readonly transactions: DataStream<PricedTransaction>
  /** With who was new when it came. */
  profiled(): DataStream<ProfiledTransfer>
  /** Every price, as it comes. */
  readonly prices: DataStream<Price>
  readonly tally: Tally
}

/** Counts for metrics and summaries; no result depends on them. What is reverted or replayed counts again. */
export interface Tally {
  unpriced(detector: string): void
  /** `label` is why: a class, an address, `cool-down`. */
  suppressed(detector: string, label: string): void
}

interface DetectorSpec<Schema extends ParameterSchema & { readonly coolDown: Parameter<number> }> {
  readonly id: string
  /** `major.minor.patch`; the major is part of the alert id: raise it when the same evidence would mean something else. */
  readonly version: string
  /** As a rule; the finding decides. */
  readonly severity: Severity
  /** One sentence for `tocsin detectors`. */
  readonly summary: string
  readonly parameters: Schema
  /** What parameters say together and may not, under the name of one. */
  check?(parameters: ParametersOf<Schema>): readonly ParameterProblem[]
  /** The pure folds that find. Operators' uids begin with the detector's id. */
  findings(streams: DetectorStreams, parameters: ParametersOf<Schema>): DataStream<Finding>
  /** @throws {DoesNotFireError} with the reason. */
  judge(finding: Finding, parameters: ParametersOf<Schema>): Judgement
  /** Among the elements between the first and the last listed reference: is this one that evidence left out? */
  leftOut(transaction: PricedTransaction, finding: Finding, parameters: ParametersOf<Schema>): readonly Reference[]
  /** What the recording says against the finding's state, in plain words. */
  contradictions?(finding: Finding, parameters: ParametersOf<Schema>, recording: Recording): readonly string[]
}

/** What `verifyAlert` asks a recording. */
export interface Recording {
  transaction(hash: string): PricedTransaction['transaction'] | undefined
  /** With `from <= timestamp <= to`, in chain order. */
  between(from: number, to: number): Iterable<PricedTransaction['transaction']>
  /** The first transaction that names the address. */
  firstNaming(address: string): PricedTransaction['transaction'] | undefined
  /** Where the prices are at hand: what a `price` entry must be one of. */
  readonly prices?: readonly Price[]
}

/** A detector with its parameters bound. */
export interface ConfiguredDetector {
  readonly id: string
  readonly version: string
  /** As an alert carries them. */
  readonly parameters: Readonly<Record<string, ParameterValue>>
  /** In ms; 0: none. */
  readonly coolDown: number
  findings(streams: DetectorStreams): DataStream<Finding>
  judge(finding: Finding): Judgement
  leftOut(transaction: PricedTransaction, finding: Finding): readonly Reference[]
  contradictions(finding: Finding, recording: Recording): readonly string[]
}

/** What `tocsin detectors` shows of a parameter. */
export interface ParameterDescription {
  readonly name: string
  readonly kind: string
  readonly unit: string | null
  /** As JSON, the way `--param` takes it. */
  readonly default: ParameterValue
  readonly expected: string
  readonly doc: string
}

export interface Detector {
  readonly id: string
  readonly version: string
  readonly severity: Severity
  readonly summary: string
  describe(): readonly ParameterDescription[]
  /** Adds to `problems` what does not fit, under `detector.parameter`. */
  configure(json: Readonly<Record<string, unknown>>, problems: ParameterProblem[]): ConfiguredDetector
}

/** A detector from its parts. The type of its parameters stays inside: a catalogue holds detectors of any. */
export function defineDetector<const Schema extends ParameterSchema & { readonly coolDown: Parameter<number> }>(
  spec: DetectorSpec<Schema>,
): Detector {
  const { id, version, severity, summary } = spec
  const defaults = readParameters(id, spec.parameters, {}, [])
  const written = writeParameters(spec.parameters, defaults)
  return Object.freeze({
    id,
    version,
    severity,
    summary,
    describe: () =>
      Object.entries(spec.parameters).map(([name, { kind, unit, expected, doc }]) => ({
        name,
        kind,
        unit,
        // `written` has every name of the schema that has a default to write; who leaves some out describes itself.
        default: written[name] as ParameterValue,
        expected,
        doc,
      })),
    configure: (json, problems) => {
      const before = problems.length
      const parameters = readParameters(id, spec.parameters, json, problems)
      if (problems.length === before)
        for (const { name, reason } of spec.check?.(parameters) ?? []) problems.push({ name: `${id}.${name}`, reason })
      return Object.freeze({
        id,
        version,
        parameters: writeParameters(spec.parameters, parameters),
        // The schema's `coolDown` is a Parameter<number>; TypeScript does not see that through the mapped type.
        coolDown: parameters.coolDown as number,
        findings: (streams) => spec.findings(streams, parameters),
        judge: (finding) => spec.judge(finding, parameters),
        leftOut: (transaction, finding) => spec.leftOut(transaction, finding, parameters),
        contradictions: (finding, recording) => spec.contradictions?.(finding, parameters, recording) ?? [],
      } satisfies ConfiguredDetector)
    },
  } satisfies Detector)
}

/** What the user says about parameters: `detector.parameter` and JSON. */
export type ParameterOverrides = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/**
 * Overrides from words such as `transfer-volume.exclude=[]`: the value is JSON, a bare word is a string. A later one wins.
 * @throws {ParameterError} with every word that is none.
 */
export function parseOverrides(words: readonly string[]): ParameterOverrides {
  const problems: ParameterProblem[] = []
  const overrides: Record<string, Record<string, unknown>> = {}
  for (const word of words) {
    const match = /^([a-z0-9-]+)\.([A-Za-z0-9]+)=(.*)$/s.exec(word)
    if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) {
      problems.push({ name: word, reason: 'expected detector.parameter=value, such as transfer-volume.over=250000.' })
      continue
    }
    overrides[match[1]] = { ...overrides[match[1]], [match[2]]: jsonOrWord(match[3]) }
  }
  if (problems.length > 0) throw new ParameterError(problems)
  return overrides
}

function jsonOrWord(text: string): unknown {
  // A number that JSON would round stays the text it was: an amount is exact or refused.
  if (/^-?\d+(?:\.\d+)?$/.test(text) && String(Number(text)) !== text) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
