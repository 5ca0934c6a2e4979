import { configureDetectors, ParameterError, parseOverrides, type ConfiguredDetector } from '@tocsin/detector'
import { UsageError } from './words.ts'

/** The detectors that `--detectors` and `--param` ask for. @throws {UsageError} with all that is wrong, a line each. */
export function chosenDetectors(config: {
  readonly detectors: readonly string[]
  readonly parameters: readonly string[]
}): readonly ConfiguredDetector[] {
  const problems: string[] = []
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof ParameterError)) throw error
      problems.push(error.message)
      return undefined
    }
  }
  // One by one, so that one that cannot be read does not hide what is wrong with the others.
  const readable = config.parameters.filter((given) => attempt(() => parseOverrides([given])) !== undefined)
  const configured = attempt(() => configureDetectors(config.detectors, parseOverrides(readable)))
  if (configured === undefined || problems.length > 0) throw new UsageError(problems.join('\n'))
  return configured
}
