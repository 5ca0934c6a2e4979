import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

/** The folder of recorded chain data that lies beside the repository; `TOCSIN_SHARED` names another place. */
export const chainData = resolve(process.env['TOCSIN_SHARED'] ?? resolve(root, '../shared'), 'chain-data')

/**
 * Tests on recorded chain data are skipped where these are missing, as in a clone alone; in CI they must be there, and
 * the tests fail without them.
 */
export const noChainData = !existsSync(chainData) && process.env['CI'] === undefined

if (noChainData) process.stderr.write(`Tests on recorded chain data are skipped: there is no folder ${chainData}.\n`)
