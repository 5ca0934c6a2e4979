import { nearest } from '@tocsin/service-kit'
import { parseOverrides, type ConfiguredDetector, type Detector, type ParameterOverrides } from './detector.ts'
import { catalogue } from './detectors/catalogue.ts'
import { ParameterError, type ParameterProblem } from './parameters.ts'

/**
 * The detectors of the catalogue by name, all where `names` is empty, with their parameters: defaults, then overrides. Behind
 * them the user's `rules`, all: what they say is their own.
 * @throws {ParameterError} with every wrong name and value at once.
 */
export function configureDetectors(
  names: readonly string[],
  overrides: ParameterOverrides = {},
  rules: readonly Detector[] = [],
): readonly ConfiguredDetector[] {
  const problems: ParameterProblem[] = []
  const known = catalogue.map(({ id }) => id)
  for (const name of new Set([...names, ...Object.keys(overrides)])) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const hint = near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`
    problems.push({ name, reason: `there is no such detector; ${hint}` })
  }
  const chosen = catalogue.filter(({ id }) => names.length === 0 || names.includes(id))
  const configured = catalogue.map((detector) => detector.configure(overrides[detector.id] ?? {}, problems))
  const configuredRules = rules.map((rule) => rule.configure({}, problems))
  if (problems.length > 0) throw new ParameterError(problems)
  return [...configured.filter(({ id }) => chosen.some((detector) => detector.id === id)), ...configuredRules]
}

/** What is wrong with the names of detectors that a user gave, a sentence each. */
export const refusedNames = (names: readonly string[]): readonly string[] => problemsOf(() => configureDetectors(names))

/**
 * What is wrong with the parameters that a user gave as `detector.name=value`, a sentence each. They are read one by one,
 * so that one that cannot be read does not hide what is wrong with the others.
 */
export function refusedParameters(words: readonly string[]): readonly string[] {
  const unreadable = words.flatMap((word) => problemsOf(() => parseOverrides([word])))
  const readable = words.filter((word) => problemsOf(() => parseOverrides([word])).length === 0)
  return [...unreadable, ...problemsOf(() => configureDetectors([], parseOverrides(readable)))]
}

function problemsOf(work: () => unknown): readonly string[] {
  try {
    work()
    return []
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error
    return error.problems.map(({ name, reason }) => `${name}: ${reason}`)
  }
}
