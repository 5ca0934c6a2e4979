import { readFile } from 'node:fs/promises'
import type { Detector } from './detector.ts'
import type { KnownAbi } from './rules/rule-abi.ts'
import { parseRules, RuleError } from './rules/rules.ts'

/**
 * The rules of these files, as detectors. Held against `abis`, those that blocks are decoded with; null where they are
 * not known here: then what does not fit is told when it comes.
 * @throws {RuleError} with every mistake of every file.
 */
export async function readRules(
  paths: readonly string[],
  abis: readonly KnownAbi[] | null,
): Promise<readonly Detector[]> {
  const files = await Promise.all(
    paths.map(async (path) => {
      try {
        return { path, text: await readFile(path, 'utf8') }
      } catch (cause) {
        throw new RuleError(
          [`${path}: it cannot be read (${cause instanceof Error ? cause.message : String(cause)}).`],
          { cause },
        )
      }
    }),
  )
  return parseRules(files, abis)
}
