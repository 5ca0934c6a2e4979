import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { isVerifiable, type WholeBlock } from './looped-blocks.ts'

/** The full blocks of chain-data/eth-mainnet-blocks whose hash and roots recompute, oldest first. */
export function recordedBlocks(shared: string): readonly WholeBlock[] {
  const folder = join(shared, 'chain-data/eth-mainnet-blocks')
  const whole = readdirSync(folder)
    .filter((name) => name.endsWith('.json.gz'))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .map((name) => JSON.parse(gunzipSync(readFileSync(join(folder, name))).toString('utf8')) as Partial<WholeBlock>)
    .filter((one): one is WholeBlock => one.block !== undefined && Array.isArray(one.receipts))
    .filter(isVerifiable)
  if (whole.length === 0) throw new Error(`${folder} holds no full block; TOCSIN_SHARED names the folder above.`)
  return whole
}
