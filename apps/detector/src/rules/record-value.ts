import type { AbiArgument, AbiValue } from '@tocsin/chain-model'
import { nearest } from '@tocsin/service-kit'
import { argumentsOf, type ContractRecord } from '../features/contract-record.ts'
import type { Kind, Path, Scalar } from './condition.ts'

/** A record has not what a rule asks of it. Told in the dead letters; where the ABI is known, at the start instead. */
export class RuleEvaluationError extends Error {
  readonly code = 'DETECTOR_RULE_EVALUATION'
  readonly handling = 'dead-letter'
  readonly remedy = 'Correct the rule: `tocsin detectors --rules FILE --abi ABI` says what of it does not fit.'
}

/** What a rule may ask of every record beside its arguments. */
export const recordFields = {
  $contract: { kind: 'address', of: 'any', doc: 'the contract that emitted the event, or was called' },
  $actor: { kind: 'address', of: 'any', doc: 'who acted: the account, Safe or signer, else the transaction’s sender' },
  $caller: { kind: 'address', of: 'call', doc: 'who made the call (msg.sender)' },
  $value: { kind: 'number', of: 'call', doc: 'wei sent along' },
} as const satisfies Readonly<Record<string, { kind: Kind; of: 'any' | 'call'; doc: string }>>

/** The kind of a value of an ABI type; null: it is a list or a tuple, of which a part must be named. */
export function kindOfType(type: string): Exclude<Kind, 'hex'> | null {
  if (/[\])]$/.test(type)) return null
  if (/^u?int\d+$/.test(type)) return 'number'
  if (type.startsWith('bytes')) return 'bytes'
  return type === 'address' ? 'address' : type === 'bool' ? 'bool' : 'text'
}

/** What the record says at a path. @throws {RuleEvaluationError} it has no such argument. */
export function valueAt(record: ContractRecord, path: Path): Scalar {
  const [first, ...steps] = path.steps
  if (typeof first === 'string' && first.startsWith('$')) return fieldOf(record, path)
  const found = chosen(argumentsOf(record), first, path)
  let at: { readonly type: string; readonly value: AbiValue; readonly hash?: string | undefined } = found
  for (const step of steps) {
    const { type, value } = at
    if (typeof step === 'number' && type.endsWith(']')) {
      const items = Array.isArray(value) ? (value as readonly AbiValue[]) : []
      // A list has as many items as the transaction gave it: what is not there is not known.
      at = { type: type.slice(0, type.lastIndexOf('[')), value: items[step] ?? null }
    } else if (type.endsWith(')') && (value === null || Array.isArray(value))) {
      // A tuple of which only the hash is told, or that stands in a list behind its end.
      if (value === null) return { kind: 'text', value: null }
      at = chosen(value as readonly AbiArgument[], step, path)
    } else throw new RuleEvaluationError(`${path.text}: a value of ${type} has no part ${JSON.stringify(step)}.`)
  }
  if (at.hash !== undefined) return { kind: 'bytes', value: at.hash }
  const kind = kindOfType(at.type)
  if (at.value === null) return { kind: kind ?? 'text', value: null }
  if (kind === null || typeof at.value === 'object')
    throw new RuleEvaluationError(`${path.text} is of type ${at.type}, of which a part must be named.`)
  return { kind, value: kind === 'number' ? BigInt(at.value) : at.value }
}

function fieldOf(record: ContractRecord, { text, steps }: Path): Scalar {
  if (steps.length === 1) {
    if (text === '$contract') return { kind: 'address', value: record.address }
    if (text === '$actor') return { kind: 'address', value: record.actor }
    if (record.type === 'contract-call' && text === '$caller') return { kind: 'address', value: record.caller }
    if (record.type === 'contract-call' && text === '$value') return { kind: 'number', value: record.value }
  }
  throw new RuleEvaluationError(`${text}: ${nameOf(record)} has no such field.`)
}

function chosen(all: readonly AbiArgument[], step: string | number | undefined, path: Path): AbiArgument {
  const found = typeof step === 'number' ? all[step] : all.find(({ name }) => name === step)
  if (found !== undefined) return found
  throw new RuleEvaluationError(`${path.text}: ${missing(step, all)}`)
}

/** As a sentence: there is no such name among these, and which is near. */
export function missing(step: string | number | undefined, all: readonly { readonly name: string }[]): string {
  const names = all.map(({ name }, at) => (name === '' ? `[${at}]` : name))
  const what = typeof step === 'string' ? step : `[${String(step)}]`
  const near = typeof step === 'string' ? nearest(step, names) : undefined
  if (near !== undefined) return `there is no ${what}; did you mean ${near}?`
  return names.length === 0
    ? `there is no ${what}, nor any other.`
    : `there is no ${what}; there are ${names.join(', ')}.`
}

/** As a sentence calls it: the event's name, or the function's. */
export const nameOf = (record: ContractRecord): string =>
  record.type === 'raw-log' ? `the log ${record.topics[0] ?? 'without topics'}` : record.signature.replace(/\(.*/s, '')
