import { configureDetectors, ParameterError, parseOverrides, type ConfiguredDetector } from '@tocsin/detector'
import { UsageError } from './words.ts'

/** The detectors that `--detectors` and `--param` ask for. @throws {UsageError} with all that is wrong, a line each. */
export function chosenDetectors(config: {
  readonly detectors: readonly string[]
  readonly parameters: readonly string[]
}): readonly ConfiguredDetector[] {
  try {
    return configureDetectors(config.detectors, parseOverrides(config.parameters))
  } catch (error) {
    if (error instanceof ParameterError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}
