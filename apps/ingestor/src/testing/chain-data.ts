import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

/** The folder of recorded chain data that lies beside the repository; `TOCSIN_SHARED` names another place. */
export const chainData = resolve(process.env['TOCSIN_SHARED'] ?? resolve(root, '../shared'), 'chain-data')

/** A test on recorded chain data: where these are missing it is skipped, but fails in CI. */
export const testOnChainData: ReturnType<typeof test.skipIf> = test.skipIf(
  !existsSync(chainData) && process.env['CI'] === undefined,
)
