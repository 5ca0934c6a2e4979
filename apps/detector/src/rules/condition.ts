import { RuleEvaluationError } from './record-value.ts'

/**
 * The language of a rule's `where`: comparisons of what a record says, joined by `and`, `or`, `not` and parentheses.
 *
 *   amount > 1_000e18 and receiver != owner
 *   order.items[0].price <= 5 or $actor in [0x…, 0x…]
 *
 * A path begins with an argument's name, or `[n]` for the n-th from 0; `.name` goes into a tuple, `[n]` into a list. What
 * is no argument begins with `$`. Text stands in quotes, addresses and bytes as hex, numbers as integers of any size.
 */
export type Condition =
  | { readonly type: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly type: 'not'; readonly part: Condition }
  | { readonly type: 'compare'; readonly operator: Operator; readonly left: Operand; readonly right: Operand }
  | { readonly type: 'in'; readonly left: Operand; readonly list: readonly Literal[] }

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>='
export type Operand = Path | Literal

export interface Path {
  readonly type: 'path'
  /** As it was written. */
  readonly text: string
  /** Names of arguments and components, and positions from 0. */
  readonly steps: readonly (string | number)[]
}

export interface Literal extends Scalar {
  readonly type: 'literal'
}

/** What may be compared. `hex` is a literal alone: an address or bytes, as what stands on the other side has it. */
export type Kind = 'number' | 'address' | 'bytes' | 'text' | 'bool' | 'hex'

export interface Scalar {
  readonly kind: Kind
  /** Addresses and bytes in lower case. Null: the record does not tell it, so that nothing can be said of it. */
  readonly value: bigint | string | boolean | null
}

const token =
  /\s*(?:(0[xX][0-9a-fA-F]*)|(-?\d[\d_]*(?:\.\d+)?(?:[eE]\d+)?)|("[^"]*"|'[^']*')|(\$?[A-Za-z_][\w$]*)|(==|!=|<=|>=|&&|\|\||[<>=!()[\],.]))/y

interface Token {
  readonly type: 'hex' | 'number' | 'text' | 'name' | 'sign'
  readonly text: string
}

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  while (source.slice(at).trim() !== '') {
    token.lastIndex = at
    const match = token.exec(source)
    if (match === null) throw new TypeError(`${quoted(source.slice(at).trim().slice(0, 12))} is not understood`)
    at = token.lastIndex
    const types = ['hex', 'number', 'text', 'name', 'sign'] as const
    const found = types.findIndex((_, index) => match[index + 1] !== undefined)
    const type = types[found]
    const text = match[found + 1]
    if (type === undefined || text === undefined) throw new TypeError('assertion: a token is one of these')
    tokens.push({ type, text })
  }
  return tokens
}

const quoted = (text: string): string => JSON.stringify(text)

/** Conditions in conditions: whoever goes deeper writes for no reader. */
const maxDepth = 32

/** @throws {TypeError} saying what is wrong. */
export function parseCondition(source: string): Condition {
  const reader = new TokenReader(tokensOf(source))
  const condition = readOr(reader, 0)
  reader.end()
  return condition
}

/** @throws {TypeError} saying what is wrong. */
export function parsePath(source: string): Path {
  const reader = new TokenReader(tokensOf(source))
  const path = readOperand(reader)
  if (path.type !== 'path') throw new TypeError(`${source} is a value, not the name of an argument`)
  reader.end()
  return path
}

/** An integer of any size: `1000`, `1_000`, `1.5e18`. @throws {TypeError} */
export function parseInteger(text: string): bigint {
  const [, sign, whole, fraction = '', exponent = '0'] =
    /^(-?)(\d[\d_]*)(?:\.(\d+))?(?:[eE](\d{1,3}))?$/.exec(text.trim()) ?? []
  if (whole === undefined) throw new TypeError(`${quoted(text)} is no integer`)
  const zeros = Number(exponent) - fraction.replace(/0+$/, '').length
  if (zeros < 0) throw new TypeError(`${text} is no integer`)
  const digits = `${whole.replaceAll('_', '')}${fraction.replace(/0+$/, '')}${'0'.repeat(zeros)}`
  return BigInt(digits) * (sign === '-' ? -1n : 1n)
}

class TokenReader {
  readonly #tokens: readonly Token[]
  #at = 0
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }
  get next(): Token | undefined {
    return this.#tokens[this.#at]
  }
  is(text: string): boolean {
    return this.next?.text === text && (this.next.type === 'sign' || this.next.type === 'name')
  }
  take(text: string): boolean {
    if (!this.is(text)) return false
    this.#at++
    return true
  }
  skip(): void {
    this.#at++
  }
  require(text: string): void {
    if (!this.take(text)) throw new TypeError(`${quoted(text)} is missing ${this.#where()}`)
  }
  end(): void {
    if (this.next !== undefined) throw new TypeError(`${quoted(this.next.text)} is one too many ${this.#where()}`)
  }
  #where(): string {
    const before = this.#tokens[this.#at - 1]
    return before === undefined ? 'at the beginning' : `behind ${quoted(before.text)}`
  }
  wrong(expected: string): TypeError {
    const found = this.next === undefined ? 'it ends' : `there is ${quoted(this.next.text)}`
    return new TypeError(`expected ${expected} ${this.#where()}, but ${found}`)
  }
}

function readOr(reader: TokenReader, depth: number): Condition {
  return readJoined(reader, 'or', '||', () => readJoined(reader, 'and', '&&', () => readNot(reader, depth + 1)))
}

function readJoined(reader: TokenReader, word: 'and' | 'or', sign: string, read: () => Condition): Condition {
  const parts = [read()]
  for (;;) {
    if (reader.is(sign)) throw new TypeError(`write ${word} for ${sign}`)
    if (!reader.take(word)) break
    parts.push(read())
  }
  const [only, second] = parts
  return only !== undefined && second === undefined ? only : { type: word, parts }
}

function readNot(reader: TokenReader, depth: number): Condition {
  if (depth > maxDepth) throw new TypeError(`it goes more than ${maxDepth} deep`)
  if (reader.is('!')) throw new TypeError('write not for !')
  if (reader.take('not')) return { type: 'not', part: readNot(reader, depth + 1) }
  if (!reader.take('(')) return readComparison(reader)
  const inside = readOr(reader, depth + 1)
  reader.require(')')
  return inside
}

const operators: readonly string[] = ['==', '!=', '<', '<=', '>', '>='] satisfies Operator[]

function readComparison(reader: TokenReader): Condition {
  const left = readOperand(reader)
  const isNot = reader.take('not')
  if (reader.take('in')) {
    const listed: Condition = { type: 'in', left, list: readList(reader) }
    return isNot ? { type: 'not', part: listed } : listed
  }
  if (isNot) throw reader.wrong('in')
  const operator = reader.next?.text ?? ''
  if (operator === '=') throw new TypeError('write == for =')
  if (!operators.includes(operator)) throw reader.wrong('a comparison (==, !=, <, <=, >, >= or in)')
  reader.skip()
  return { type: 'compare', operator: operator as Operator, left, right: readOperand(reader) } // the line above is the proof
}

function readList(reader: TokenReader): readonly Literal[] {
  reader.require('[')
  const list: Literal[] = []
  do {
    const operand = readOperand(reader)
    if (operand.type === 'path') throw new TypeError(`${operand.text} in a list: only values may stand there`)
    list.push(operand)
  } while (reader.take(','))
  reader.require(']')
  return list
}

function readOperand(reader: TokenReader): Operand {
  const { next } = reader
  if (next === undefined) throw reader.wrong('an argument or a value')
  if (next.type === 'sign') return next.text === '[' ? readPath(reader) : refuse(reader)
  reader.skip()
  if (next.type === 'hex') {
    if (next.text.length % 2 !== 0) throw new TypeError(`${next.text} has an odd number of hex digits`)
    return { type: 'literal', kind: 'hex', value: next.text.toLowerCase() }
  }
  if (next.type === 'number') return { type: 'literal', kind: 'number', value: parseInteger(next.text) }
  if (next.type === 'text') return { type: 'literal', kind: 'text', value: next.text.slice(1, -1) }
  if (next.text === 'true' || next.text === 'false')
    return { type: 'literal', kind: 'bool', value: next.text === 'true' }
  return readPath(reader, next.text)
}

function refuse(reader: TokenReader): never {
  throw reader.wrong('an argument or a value')
}

/** Goes on behind the name, or begins with a position. */
function readPath(reader: TokenReader, first?: string): Path {
  const steps: (string | number)[] = first === undefined ? [] : [first]
  for (;;) {
    if (reader.take('[')) {
      const position = reader.next
      if (position?.type !== 'number' || !/^\d{1,6}$/.test(position.text)) throw reader.wrong('a position from 0')
      reader.skip()
      reader.require(']')
      steps.push(Number(position.text))
    } else if (reader.take('.')) {
      const name = reader.next
      if (name?.type !== 'name') throw reader.wrong('the name of a component')
      reader.skip()
      steps.push(name.text)
    } else return { type: 'path', text: textOf(steps), steps }
  }
}

const textOf = (steps: readonly (string | number)[]): string =>
  steps.map((step, at) => (typeof step === 'number' ? `[${step}]` : at === 0 ? step : `.${step}`)).join('')

/** Every path that the condition asks, each once, in its order. */
export function pathsOf(condition: Condition): readonly Path[] {
  const all = operandsOf(condition).filter((operand) => operand.type === 'path')
  return all.filter(({ text }, at) => all.findIndex((one) => one.text === text) === at)
}

function operandsOf(condition: Condition): readonly Operand[] {
  switch (condition.type) {
    case 'and':
    case 'or':
      return condition.parts.flatMap(operandsOf)
    case 'not':
      return operandsOf(condition.part)
    case 'compare':
      return [condition.left, condition.right]
    case 'in':
      return [condition.left]
  }
}

/** The comparisons of a condition that two kinds of value may not stand in, each with the reason. */
export function misfitsOf(condition: Condition, kindOf: (path: Path) => Kind | null): readonly string[] {
  const kinds = (operand: Operand): Kind | null => (operand.type === 'path' ? kindOf(operand) : operand.kind)
  const misfit = (operator: Operator, left: Operand, right: Operand): readonly string[] => {
    const [a, b] = [kinds(left), kinds(right)]
    // A path that is not there is told by itself.
    if (a === null || b === null) return []
    const reason = misfitOf(operator, { kind: a, operand: left }, { kind: b, operand: right })
    return reason === null ? [] : [reason]
  }
  switch (condition.type) {
    case 'and':
    case 'or':
      return condition.parts.flatMap((part) => misfitsOf(part, kindOf))
    case 'not':
      return misfitsOf(condition.part, kindOf)
    case 'compare':
      return misfit(condition.operator, condition.left, condition.right)
    case 'in':
      return condition.list.flatMap((literal) => misfit('==', condition.left, literal))
  }
}

interface Side {
  readonly kind: Kind
  readonly operand: Operand
}

const isOrder = (operator: Operator): boolean => operator !== '==' && operator !== '!='

function misfitOf(operator: Operator, left: Side, right: Side): string | null {
  const nameOf = ({ kind, operand }: Side) =>
    operand.type === 'path' ? `${operand.text} (${named[kind]})` : `${textOfScalar(operand)} (${named[kind]})`
  const pair = [left, right]
  if (isOrder(operator) && pair.some(({ kind }) => kind !== 'number'))
    return `${operator} compares numbers, not ${nameOf(pair.find(({ kind }) => kind !== 'number') ?? left)}`
  const hex = pair.find(({ kind }) => kind === 'hex')
  const other = pair.find((side) => side !== hex)
  if (hex !== undefined && other !== undefined) {
    const isAddress = hex.operand.type === 'literal' && String(hex.operand.value).length === 42
    if (other.kind === 'address' && !isAddress)
      return `${textOfScalar(hex.operand)} is no address: it has not 40 digits`
    if (other.kind === 'address' || other.kind === 'bytes' || other.kind === 'hex') return null
  }
  return left.kind === right.kind ? null : `${nameOf(left)} is not compared with ${nameOf(right)}`
}

const named: Readonly<Record<Kind, string>> = {
  number: 'a number',
  address: 'an address',
  bytes: 'bytes',
  text: 'text',
  bool: 'true or false',
  hex: 'hex',
}

const textOfScalar = (operand: Operand): string =>
  operand.type === 'path'
    ? operand.text
    : operand.kind === 'text'
      ? quoted(String(operand.value))
      : String(operand.value)

/**
 * Whether the condition holds of a record: `valueAt` tells what it says at a path. Null: it cannot be said, because the
 * record does not tell what is asked (Kleene's logic, as in SQL: what is unknown is neither so nor otherwise).
 * @throws {RuleEvaluationError} what it says is compared with what it cannot be.
 */
export function holds(condition: Condition, valueAt: (path: Path) => Scalar): boolean | null {
  switch (condition.type) {
    case 'and': {
      const parts = condition.parts.map((part) => holds(part, valueAt))
      return parts.includes(false) ? false : parts.includes(null) ? null : true
    }
    case 'or': {
      const parts = condition.parts.map((part) => holds(part, valueAt))
      return parts.includes(true) ? true : parts.includes(null) ? null : false
    }
    case 'not': {
      const part = holds(condition.part, valueAt)
      return part === null ? null : !part
    }
    case 'compare': {
      const { operator, left, right } = condition
      return compare(operator, sideOf(left, valueAt), sideOf(right, valueAt))
    }
    case 'in': {
      const left = sideOf(condition.left, valueAt)
      const isOne = condition.list.map((one) => compare('==', left, { ...one, operand: one }))
      return left.value === null ? null : isOne.includes(true)
    }
  }
}

const sideOf = (operand: Operand, valueAt: (path: Path) => Scalar): Side & Scalar => ({
  ...(operand.type === 'path' ? valueAt(operand) : operand),
  operand,
})

function compare(operator: Operator, { value: left, ...a }: Side & Scalar, { value: right, ...b }: Side & Scalar) {
  if (left === null || right === null) return null
  // Told at the start where the ABI is known. Elsewhere it would be as if the record differed, in silence.
  if (a.kind !== b.kind || isOrder(operator)) {
    const reason = misfitOf(operator, a, b)
    if (reason !== null) throw new RuleEvaluationError(`${reason}.`)
  }
  switch (operator) {
    case '==':
      return left === right
    case '!=':
      return left !== right
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '>':
      return left > right
    case '>=':
      return left >= right
  }
}
