import { readRules, RuleError, type Detector, type KnownAbi } from '@tocsin/detector'
import { AbiFileError, isProtocolCall, isProtocolEvent, readAbis } from '@tocsin/ingestor'
import { UsageError } from './words.ts'

/**
 * The user's rules, held against the ABIs that blocks are decoded with. Null for `abis`: another process decodes them, so
 * that they are not known here. @throws {UsageError} a line for each mistake
 */
export async function rulesFrom(
  paths: readonly string[],
  abis: readonly string[] | null,
): Promise<readonly Detector[]> {
  if (paths.length === 0) return []
  try {
    return await readRules(paths, abis && (await knownAbis(abis)))
  } catch (error) {
    if (error instanceof RuleError || error instanceof AbiFileError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}

const knownAbis = async (paths: readonly string[]): Promise<readonly KnownAbi[]> =>
  (await Promise.all(paths.map(readAbis))).flat().map(({ name, events, functions }) => ({
    name,
    events: events.map((event) => ({ ...event, isTyped: isProtocolEvent(event) })),
    functions: functions.map((each) => ({ ...each, isTyped: isProtocolCall(each) })),
  }))
