import { severities, type ParameterValue } from '@tocsin/chain-model'
import { formatDuration } from '@tocsin/service-kit'
import { valueState, type DataStream, type KeyedProcessFunction } from '@tocsin/stream-core'
import {
  defineDetector,
  DoesNotFireError,
  type Detector,
  type DetectorStreams,
  type Finding,
  type Judgement,
  type Recording,
} from '../detector.ts'
import { displayAddress, displayName, displayTime } from '../display.ts'
import { argumentsOf, contractRecordsOf, isContractRecord, type ContractRecord } from '../features/contract-record.ts'
import type { PricedTransaction } from '../features/priced-transaction.ts'
import { trailingFindings, windowBounds } from '../features/trailing-window.ts'
import { occurrenceOf } from '../features/transfer.ts'
import type { ParameterProblem } from '../parameters.ts'
import { textKey, valueCodec } from '../value-codec.ts'
import { holds, pathsOf } from './condition.ts'
import { nameOf, RuleEvaluationError, valueAt } from './record-value.ts'
import { contradictionsIn, decodedTypeOf, isTopic, ruleParameters, type RuleParameters } from './rule-parameters.ts'

/** What a rule says, as its file and its alerts have it. */
export type RuleDefinition = Readonly<Record<string, unknown>>

/**
 * A rule of a user's own over events and calls of contracts whose ABI is given, as a detector: at each that fits, at the
 * one that makes them too many or too much within a span of time, or when none comes any more. What it says are its
 * parameters, so that its alerts tell, and prove, by what rule they were made.
 * State: none; within a span at most 10,000 records a key; for absence the last record of each key.
 */
export function userRule(name: string, definition: RuleDefinition): Detector {
  const detector = defineDetector({
    id: name,
    version: '1.0.0',
    severity: severities.find((severity) => severity === definition['severity']) ?? 'medium',
    summary: summaryOf(definition),
    parameters: ruleParameters,
    check: contradictionsIn,
    findings: (streams, rule) => findingsOf(name, rule, streams),
    judge,
    leftOut: (transaction, { key }, rule) =>
      recordsAsked(rule, transaction).filter((record) => isMatch(rule, record) && keyOf(record, rule) === key),
    contradictions,
  })
  return {
    ...detector,
    describe: () =>
      detector.describe().flatMap((parameter) =>
        // JSON of the file, read as this parameter when it was configured.
        parameter.name in definition ? [{ ...parameter, default: definition[parameter.name] as ParameterValue }] : [],
      ),
    configure: (json, problems: ParameterProblem[]) => detector.configure({ ...definition, ...json }, problems),
  }
}

/** What the rule says, in a line; of one that is not right, what it says at least. */
function summaryOf({ title, event, call, where, keyBy, within, count, sum, over, absentFor }: RuleDefinition): string {
  if (typeof title === 'string') return title
  const said = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  const condition = where === undefined ? '' : ` where ${said(where)}`
  const what = `${said(event ?? call)}${condition}`
  const by = keyBy === undefined ? '' : ` by ${said(keyBy)}`
  if (absentFor !== undefined) return `No ${what}${by} for longer than ${said(absentFor)}.`
  if (within === undefined) return `Each ${what}.`
  const much = sum === undefined ? `${said(count)} times ${what}` : `More than ${said(over)} of ${said(sum)} in ${what}`
  return `${much}${by} within ${said(within)}.`
}

/** Records of the types that the rule may be about. */
function recordsAsked({ event, call }: RuleParameters, transaction: Pick<PricedTransaction, 'transaction'>) {
  const asked = event ?? call ?? ''
  const abiType = event === null ? 'contract-call' : isTopic(event) ? 'log' : 'contract-event'
  const wanted = decodedTypeOf(asked) ?? abiType
  return contractRecordsOf(transaction, (type) => type === wanted)
}

/** @throws {RuleEvaluationError} the record has not what the rule asks. */
const isMatch = (rule: RuleParameters, record: ContractRecord): boolean =>
  isAbout(rule, record) && (rule.where === null || holds(rule.where.is, (path) => valueAt(record, path)) === true)

/** What the record counts for; null: it does not tell. */
function keyOf(record: ContractRecord, { keyBy }: RuleParameters): string | null {
  const { value } = valueAt(record, keyBy)
  return value === null ? null : String(value)
}

function isAbout({ event, call, contract }: RuleParameters, record: ContractRecord): boolean {
  if (contract !== null && !contract.includes(record.address)) return false
  if (record.type === 'raw-log') return event !== null && record.topics[0] === event
  const target = record.type === 'contract-event' ? event : call
  const asked = target && (decodedTypeOf(target) ?? target)
  return asked !== null && (asked === record.signature || record.signature.startsWith(`${asked}(`))
}

function findingsOf(id: string, rule: RuleParameters, { transactions, tally }: DetectorStreams): DataStream<Finding> {
  const keyed = (record: ContractRecord): string => keyOf(record, rule) ?? '' // without a key it is none of the matches
  const matches = transactions.flatMap((transaction) =>
    recordsAsked(rule, transaction).filter((record) => {
      if (!isMatch(rule, record)) return false
      const hasKey = keyOf(record, rule) !== null
      if (!hasKey) tally.suppressed(id, 'no-key')
      return hasKey
    }),
  )
  const { within, absentFor } = rule
  if (absentFor !== null) return matches.keyBy(keyed, textKey()).process(`${id}-absence`, absences(absentFor))
  if (within === null)
    return matches.map((record): Finding => ({ key: keyed(record), references: [record], prices: [], state: {} }))
  return matches.keyBy(keyed, textKey()).process(
    `${id}-window`,
    trailingFindings<string, ContractRecord>({
      length: within,
      amountOf: (record) => amountOf(rule, record),
      isAbove: (total) => isTooMuch(rule, total),
      tellsMore: false,
    }),
  )
}

const isTooMuch = ({ count, over }: RuleParameters, total: bigint): boolean =>
  count === null ? over !== null && total > over : total >= BigInt(count)

/** What the record adds: 1, or what the argument says that is summed. */
function amountOf({ sum }: RuleParameters, record: ContractRecord): bigint {
  if (sum === null) return 1n
  const { kind, value } = valueAt(record, sum)
  if (value === null) return 0n
  if (typeof value !== 'bigint') throw new RuleEvaluationError(`${sum.text} is no number but ${kind}.`)
  return value
}

/** Tells of the last record of a key after which none came for so long, exactly so long being soon enough. */
function absences(absentFor: number): KeyedProcessFunction<string, ContractRecord, Finding> {
  const last = valueState<ContractRecord>('last', valueCodec())
  const findingOf = (key: string, record: ContractRecord): Finding => ({
    ...{ key, references: [record], prices: [] },
    state: { 'absent-until': `${record.timestamp + absentFor}` },
  })
  return {
    processElement(record, ctx) {
      const before = ctx.state(last).value
      // It came, but too late, and the watermark had not told yet that it would.
      if (before !== undefined && record.timestamp - before.timestamp > absentFor) ctx.emit(findingOf(ctx.key, before))
      ctx.state(last).value = record
      ctx.timers.registerEventTimeTimer(record.timestamp + absentFor)
    },
    onTimer(timestamp, ctx) {
      const before = ctx.state(last).value
      if (before === undefined || before.timestamp + absentFor > timestamp) return
      ctx.emit(findingOf(ctx.key, before))
      ctx.state(last).clear()
    },
  }
}

/** What a finding comes to, apart from what the rule says of all its alerts. */
type Told = Pick<Judgement, 'eventTime' | 'title' | 'sentence' | 'thresholds'>

function judge(finding: Finding, rule: RuleParameters): Judgement {
  const { key, references } = finding
  const records = references.filter(isContractRecord)
  const last = records.at(-1)
  if (last === undefined || records.length !== references.length)
    throw new DoesNotFireError('It rests on events or calls alone.')
  for (const record of records)
    if (!isMatch(rule, record) || keyOf(record, rule) !== key)
      throw new DoesNotFireError(`${nameOf(record)} is not what the rule asks for of ${key}.`)
  const tell = rule.absentFor !== null ? tellAbsence : rule.within !== null ? tellWindow : tellEach
  const { eventTime, title, sentence, thresholds } = tell(finding, records, last, rule)
  return {
    occurrence: occurrenceOf(last),
    eventTime,
    severity: rule.severity,
    confidence: 90,
    title: rule.title ?? `${displayKey(key)}: ${title}`,
    sentence: rule.title === null ? sentence : `${rule.title}: ${sentence}`,
    thresholds: [...observedBy(rule, last), ...thresholds],
  }
}

const conditionOf = ({ where }: RuleParameters): string => (where === null ? '' : ` where ${where.text}`)

function tellEach(_: Finding, records: readonly ContractRecord[], last: ContractRecord, rule: RuleParameters): Told {
  if (records.length !== 1) throw new DoesNotFireError('It rests on one record.')
  return {
    eventTime: last.timestamp,
    title: nameOf(last),
    sentence: `${sayRecord(last)} The rule is about each${conditionOf(rule)}.`,
    thresholds: [],
  }
}

function tellAbsence(
  { key, state }: Finding,
  records: readonly ContractRecord[],
  last: ContractRecord,
  rule: RuleParameters,
): Told {
  const absentFor = rule.absentFor ?? 0
  const until = last.timestamp + absentFor
  if (records.length !== 1) throw new DoesNotFireError('It rests on the last record alone.')
  if (state['absent-until'] !== `${until}`) throw new DoesNotFireError(`The time was up at ${until}.`)
  const span = formatDuration(absentFor)
  return {
    eventTime: until,
    title: `no ${nameOf(last)} for ${span}`,
    sentence:
      `${sayRecord(last)} Until ${displayTime(until)}, ${span} later, ` +
      `there was no other of ${displayValue(key)}${conditionOf(rule)}.`,
    thresholds: [{ parameter: 'absentFor', limit: `${absentFor}`, observed: `${absentFor}` }],
  }
}

function tellWindow(
  finding: Finding,
  records: readonly ContractRecord[],
  last: ContractRecord,
  rule: RuleParameters,
): Told {
  const refuse = (reason: string) => new DoesNotFireError(reason)
  const { count, sum, over, within } = rule
  const { start, end } = windowBounds(finding)
  if (end - start !== within) throw refuse(`The window is ${end - start} ms long, not ${within}.`)
  if (!records.every(({ timestamp }) => timestamp >= start && timestamp <= end))
    throw refuse('A record lies outside the window.')
  if (last.timestamp !== end) throw refuse('The window ends with its last record.')
  const total = records.reduce((all, record) => all + amountOf(rule, record), 0n)
  const limit = sum === null ? `${count ?? 0}` : `${over ?? 0n}`
  if (!isTooMuch(rule, total)) throw refuse(`${total} is not enough for the limit of ${limit}.`)
  if (isTooMuch(rule, total - amountOf(rule, last))) throw refuse('It was too much before the last record.')
  const lost = finding.state['truncated']
  const told = sum === null ? `${total} times ${nameOf(last)}` : `${sum.text} of ${nameOf(last)} comes to ${total}`
  const span = formatDuration(within)
  return {
    eventTime: end,
    title: `${told} within ${span}`,
    sentence:
      `${displayValue(finding.key)}: ${told}${conditionOf(rule)} within the ${span} from ${displayTime(start)} to ${displayTime(end)}; ` +
      `${sum === null ? `${limit} or more raise` : `more than ${limit} raises`} the alarm. ${sayRecord(last)}` +
      (lost === undefined ? '' : ` ${lost} earlier ones are not counted.`),
    thresholds: [{ parameter: sum === null ? 'count' : 'over', limit, observed: `${total}` }],
  }
}

/** What the condition looked at, of the last record. */
function observedBy({ where }: RuleParameters, record: ContractRecord): Judgement['thresholds'] {
  if (where === null) return []
  const said = pathsOf(where.is).map((path) => `${path.text} = ${displayValue(valueAt(record, path).value)}`)
  return [{ parameter: 'where', limit: where.text, observed: said.join(', ') }]
}

/** Of so many arguments a sentence tells; evidence has all. */
const toldArguments = 8

function sayRecord(record: ContractRecord): string {
  const all = argumentsOf(record)
  const told = all.slice(0, toldArguments).map(({ name, value }, at) => {
    const said = value !== null && typeof value === 'object' ? '…' : displayValue(value)
    return `${name === '' ? `[${at}]` : name} ${said}`
  })
  const more = all.length > toldArguments ? ', …' : ''
  const by = record.actor === null ? '' : `, by ${record.actor}`
  const what = record.type === 'raw-log' ? nameOf(record) : `${nameOf(record)}(${told.join(', ')}${more})`
  return record.type === 'contract-call'
    ? `${record.caller} called ${what} of ${record.address}.`
    : `${record.address} emitted ${what}${by}.`
}

/** Text of a stranger is shown as what it is; numbers and hex are digits. */
function displayValue(value: bigint | string | boolean | null): string {
  if (value === null) return 'unknown'
  if (typeof value !== 'string') return String(value)
  return /^(0x[0-9a-f]*|-?\d+)$/.test(value)
    ? value.length > 82
      ? `${value.slice(0, 78)}…`
      : value
    : displayName(value)
}

const displayKey = (key: string): string =>
  /^(0x[0-9a-f]*|-?\d+|true|false)$/.test(key) ? displayAddress(key) : displayName(key)

/** What came after all, where a rule says that nothing did. */
function contradictions({ key, references }: Finding, rule: RuleParameters, recording: Recording): readonly string[] {
  const last = references.at(-1)
  if (rule.absentFor === null || last === undefined) return []
  let isLater = false
  for (const transaction of recording.between(last.timestamp, last.timestamp + rule.absentFor))
    for (const record of recordsAsked(rule, { transaction })) {
      if (isLater && isMatch(rule, record) && keyOf(record, rule) === key)
        return [`Another came, in ${record.transactionHash}.`]
      isLater ||= record.transactionHash === last.transactionHash && record.ordinal === last.ordinal
    }
  return []
}
