import { chainsOf, ChainSettingsError, type IngestorConfig } from '@tocsin/ingestor'
import { UsageError } from './words.ts'

/** The chains that the ingestor's settings name. @throws {UsageError} a line for each mistake */
export function chainsFrom(settings: Parameters<typeof chainsOf>[0]): readonly IngestorConfig[] {
  try {
    return chainsOf(settings)
  } catch (error) {
    if (error instanceof ChainSettingsError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}
