import { decodedCalls, decodedEvents, type DecodedField } from '@tocsin/chain-model'
import { nearest } from '@tocsin/service-kit'
import { misfitsOf, type Kind, type Path } from './condition.ts'
import { kindOfType, missing, recordFields } from './record-value.ts'
import { decodedTypeOf, isTopic, pathsAsked, type RuleParameters } from './rule-parameters.ts'

/** An input of an event or a function, or a component of a tuple, as an ABI declares it. */
export interface AbiInput {
  readonly name: string
  /** Canonical: `(address,uint256)[]`. */
  readonly type: string
  readonly is: AbiInputType
  /** Of an event's. */
  readonly indexed?: boolean
}
type AbiInputType =
  | { readonly kind: 'array'; readonly of: AbiInputType; readonly length: number | null }
  | { readonly kind: 'tuple'; readonly components: readonly AbiInput[] }
  | { readonly kind: 'address' | 'bool' | 'bytes' | 'string' | 'uint' | 'int' | 'fixed-bytes' }

interface AbiItem {
  readonly signature: string
  readonly inputs: readonly AbiInput[]
  /** Tocsin decodes it itself, into an event or a call of its own type: no ABI ever explains one. */
  readonly isTyped?: boolean
}

/** What rules are held against: what records will have. */
export interface KnownAbi {
  /** Its contract's name, or its file's. */
  readonly name: string
  readonly events: readonly AbiItem[]
  readonly functions: readonly AbiItem[]
}

/** What of a rule does not fit the ABIs that are known, each under the name of a parameter. */
export function abiProblems(
  rule: RuleParameters,
  abis: readonly KnownAbi[],
): readonly { readonly name: string; readonly reason: string }[] {
  const { event, call } = rule
  // Raw logs have no arguments, and need no ABI.
  if (isTopic(event)) return []
  const [name, asked] = event === null ? (['call', call ?? ''] as const) : (['event', event] as const)
  const type = decodedTypeOf(asked)
  if (type !== null) {
    const fields = (event === null ? decodedCalls : decodedEvents).get(type) ?? []
    return itemProblems(rule, { signature: asked, inputs: fields.map(inputOf) })
  }
  const items = (of: 'event' | 'call') => abis.flatMap((abi) => (of === 'event' ? abi.events : abi.functions))
  const meant = items(name).filter(({ signature }) => signature === asked || signature.startsWith(`${asked}(`))
  if (meant.length === 0) return [{ name, reason: unknownTarget(name, asked, items, abis.length) }]
  if (meant.every(({ isTyped }) => isTyped === true))
    return [
      {
        name,
        reason: `Tocsin decodes ${asked} itself, under a type of its own: a rule names that, such as tocsin.erc20-transfer.`,
      },
    ]
  const problems = new Map<string, { readonly name: string; readonly reason: string }>()
  for (const item of meant.filter(({ isTyped }) => isTyped !== true))
    for (const problem of itemProblems(rule, item)) {
      // Of several of one name the rule must say which it means, or fit all.
      const of = meant.length === 1 ? '' : ` (${item.signature} is one of ${meant.length} that ${name} names)`
      problems.set(`${problem.name} ${problem.reason}`, { ...problem, reason: `${problem.reason}${of}` })
    }
  return [...problems.values()]
}

/** A field of what Tocsin decodes, as an ABI would declare it. */
function inputOf({ name, type }: DecodedField): AbiInput {
  const kind = kindOfType(type)
  if (kind === null) {
    const item = inputOf({ name: '', type: type.slice(0, -2) })
    return { name, type, is: { kind: 'array', of: item.is, length: null } }
  }
  return { name, type, is: { kind: kind === 'number' ? 'int' : kind === 'text' ? 'string' : kind } }
}

function unknownTarget(
  kind: 'event' | 'call',
  asked: string,
  items: (of: 'event' | 'call') => readonly AbiItem[],
  abis: number,
): string {
  const what = kind === 'event' ? 'event' : 'function'
  if (abis === 0) return `no ABI is given that has the ${what} ${asked}; give it with --abi.`
  const other = kind === 'event' ? 'call' : 'event'
  if (items(other).some(({ signature }) => signature.startsWith(`${asked}(`) || signature === asked))
    return `${asked} is ${other === 'call' ? 'a function: write call for event' : 'an event: write event for call'}.`
  const isWhole = asked.includes('(')
  const known = [...new Set(items(kind).map(({ signature }) => (isWhole ? signature : bare(signature))))]
  const sameName = items(kind).find(({ signature }) => bare(signature) === bare(asked))?.signature
  const near = sameName ?? nearest(asked, known)
  const hint =
    near === undefined
      ? known.length === 0
        ? `they have no ${what}${kind === 'event' ? '' : ' but views'}.`
        : `there are ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}.`
      : `did you mean ${near}?`
  return `no ABI has the ${what} ${asked}; ${hint}`
}

const bare = (signature: string): string => signature.replace(/\(.*/s, '')

function itemProblems(rule: RuleParameters, { signature, inputs }: AbiItem) {
  const problems: { readonly name: string; readonly reason: string }[] = []
  const found = pathsAsked(rule).map(({ parameter, path }) => ({ parameter, path, ...kindAt(inputs, path) }))
  for (const { parameter, path, kind, reason } of found) {
    if (reason !== null) problems.push({ name: parameter, reason: `${path.text} in ${signature}: ${reason}` })
    else if (parameter === 'sum' && kind !== 'number')
      problems.push({ name: parameter, reason: `${path.text} is no number in ${signature}.` })
  }
  const kindOf = (path: Path) => kindAt(inputs, path).kind
  const hashed = inputs.filter(({ name, is, indexed }) => indexed === true && !fitsInTopic(is) && name !== '')
  for (const reason of rule.where === null ? [] : misfitsOf(rule.where.is, kindOf)) {
    const [hash] = hashed.filter(({ name }) => reason.includes(`${name} (`))
    const why = hash === undefined ? '' : `: ${hash.name} is indexed, so that a log has only its Keccak-256`
    problems.push({ name: 'where', reason: `${reason} in ${signature}${why}.` })
  }
  return problems
}

type Found = { readonly kind: Kind; readonly reason: null } | { readonly kind: null; readonly reason: string }

function kindAt(inputs: readonly AbiInput[], { text, steps: [first, ...steps] }: Path): Found {
  const none = (reason: string): Found => ({ kind: null, reason })
  if (typeof first === 'string' && first.startsWith('$')) {
    const known = Object.entries(recordFields).find(([name]) => name === text)
    return known === undefined ? none('there is no such field.') : { kind: known[1].kind, reason: null }
  }
  const input = typeof first === 'number' ? inputs[first] : inputs.find(({ name }) => name === first)
  if (input === undefined) return none(missing(first, inputs))
  if (input.indexed === true && !fitsInTopic(input.is)) {
    // Of what fits in no topic a log has the hash alone.
    return steps.length === 0
      ? { kind: 'bytes', reason: null }
      : none('it is indexed, so that a log has only the Keccak-256 of all of it.')
  }
  let at: { readonly type: string; readonly is: AbiInputType } = input
  for (const step of steps) {
    const { type, is } = at
    if (is.kind === 'array') {
      if (typeof step !== 'number') return none(`${type} is a list: [n] names one of it.`)
      if (is.length !== null && step >= is.length) return none(`${type} has ${is.length} values, from [0].`)
      at = { type: type.slice(0, type.lastIndexOf('[')), is: is.of }
    } else if (is.kind === 'tuple') {
      const component = typeof step === 'number' ? is.components[step] : is.components.find(({ name }) => name === step)
      if (component === undefined) return none(missing(step, is.components))
      at = component
    } else return none(`a value of ${type} has no part ${String(step)}.`)
  }
  const kind = kindOfType(at.type)
  if (kind !== null) return { kind, reason: null }
  return none(
    at.is.kind === 'tuple'
      ? `it is a tuple: name one of ${at.is.components.map(({ name }, index) => (name === '' ? `[${index}]` : name)).join(', ')}.`
      : `${at.type} is a list: [n] names one of it.`,
  )
}

const fitsInTopic = ({ kind }: AbiInputType): boolean =>
  kind === 'address' || kind === 'bool' || kind === 'uint' || kind === 'int' || kind === 'fixed-bytes'
