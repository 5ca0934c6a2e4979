import type { Detector } from '../detector.ts'
import { catalogue } from '../detectors/catalogue.ts'
import { readParameters, type ParameterProblem } from '../parameters.ts'
import { abiProblems, type KnownAbi } from './rule-abi.ts'
import { ruleParameters } from './rule-parameters.ts'
import { userRule, type RuleDefinition } from './user-rule.ts'

/** Rules that cannot be used: every mistake, each with its file, rule and parameter. */
export class RuleError extends Error {
  readonly code = 'DETECTOR_RULE'
  readonly handling = 'stop'
  readonly remedy = 'docs/rules.md says what a rule may say; `tocsin detectors --rules FILE --abi ABI` tries it.'
  /** A line each. */
  readonly problems: readonly string[]
  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options)
    this.problems = problems
  }
}

/** A file of rules as it was read. */
export interface RuleFile {
  readonly path: string
  readonly text: string
}

const named = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/
const longestName = 64

/**
 * The rules of the files, as detectors, in their order. A file is a list, or an object with the list as `rules`; a rule is
 * an object with its `name` and what `ruleParameters` lists. Held against `abis`: null where they are not known here.
 * @throws {RuleError} with every mistake.
 */
export function parseRules(files: readonly RuleFile[], abis: readonly KnownAbi[] | null): readonly Detector[] {
  const problems: string[] = []
  const rules = new Map<string, Detector>()
  for (const { path, text } of files) {
    const entries = entriesOf(text)
    if (typeof entries === 'string') {
      problems.push(`${path}: ${entries}`)
      continue
    }
    for (const [at, entry] of entries.entries()) {
      const read = ruleOf(entry, abis)
      const where = `${path}, rule ${read.name ?? `${at + 1}`}`
      problems.push(...read.problems.map((problem) => `${where}, ${problem}`))
      if (read.rule === null) continue
      if (rules.has(read.rule.id)) problems.push(`${where}, name: another rule has it; alerts are told apart by it.`)
      rules.set(read.rule.id, read.rule)
    }
  }
  if (problems.length > 0) throw new RuleError(problems)
  return [...rules.values()]
}

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is wrong with the file, or its rules. */
function entriesOf(text: string): readonly unknown[] | string {
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, '')) // some editors begin with a mark of the byte order
  } catch (error) {
    return `it is no JSON (${error instanceof Error ? error.message : String(error)}).`
  }
  const list = isObject(json) ? json['rules'] : json
  if (!Array.isArray(list)) return 'it holds no rules; expected { "rules": [{ "name": …, "event": … }] }.'
  const more = isObject(json) ? Object.keys(json).filter((key) => key !== 'rules' && key !== '$schema') : []
  if (more.length > 0) return `${more.join(', ')} beside rules is not understood.`
  return list as readonly unknown[]
}

interface RuleRead {
  readonly name: string | null
  /** Null: it cannot be made. */
  readonly rule: Detector | null
  /** Each begins with the parameter's name. */
  readonly problems: readonly string[]
}

function ruleOf(entry: unknown, abis: readonly KnownAbi[] | null): RuleRead {
  if (!isObject(entry))
    return { name: null, rule: null, problems: ['it: a rule is an object, { "name": …, "event": … }.'] }
  const { name, ...definition } = entry
  if (typeof name !== 'string' || !named.test(name) || name.length > longestName) {
    const said = name === undefined ? 'is missing' : `cannot be ${JSON.stringify(name)}`
    const reason = `name: ${said}; expected words of small letters and digits, such as large-withdrawal.`
    return { name: typeof name === 'string' ? name : null, rule: null, problems: [reason] }
  }
  if (catalogue.some(({ id }) => id === name))
    return { name, rule: null, problems: ['name: a detector has it; choose another.'] }
  return { name, rule: userRule(name, definition), problems: problemsOf(name, definition, abis) }
}

function problemsOf(name: string, definition: RuleDefinition, abis: readonly KnownAbi[] | null): readonly string[] {
  const found: ParameterProblem[] = []
  userRule(name, definition).configure({}, found)
  const own = found.map((problem) => `${problem.name.slice(name.length + 1)}: ${problem.reason}`)
  if (own.length > 0 || abis === null) return own
  return abiProblems(readParameters(name, ruleParameters, definition, []), abis).map(
    (problem) => `${problem.name}: ${problem.reason}`,
  )
}
