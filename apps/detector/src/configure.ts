import { nearest } from '@tocsin/service-kit'
import type { ConfiguredDetector, Detector, ParameterOverrides } from './detector.ts'
import { catalogue } from './detectors/catalogue.ts'
import { ParameterError, type ParameterProblem } from './parameters.ts'

/**
 * The detectors of the catalogue by name, all where `names` is empty, with their parameters: defaults, then overrides.
 * @throws {ParameterError} with every wrong name and value at once.
 */
export function configureDetectors(
  names: readonly string[],
  overrides: ParameterOverrides = {},
  available: readonly Detector[] = catalogue,
): readonly ConfiguredDetector[] {
  const problems: ParameterProblem[] = []
  const known = available.map(({ id }) => id)
  for (const name of new Set([...names, ...Object.keys(overrides)])) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const hint = near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`
    problems.push({ name, reason: `there is no such detector; ${hint}` })
  }
  const chosen = available.filter(({ id }) => names.length === 0 || names.includes(id))
  const configured = available.map((detector) => detector.configure(overrides[detector.id] ?? {}, problems))
  if (problems.length > 0) throw new ParameterError(problems)
  return configured.filter(({ id }) => chosen.some((detector) => detector.id === id))
}
