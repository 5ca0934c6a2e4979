import { createHash } from 'node:crypto'
import { parseAddress, type Hex } from '@tocsin/chain-model'
import { computeAddress } from 'ethers'
import type { Account } from './chain.ts'

/**
 * The account that plays `role` under this seed, e.g. `exchange` or `resident/0/7`. Its key is a hash of both, so a
 * second start knows everyone again without having written anyone down.
 */
export function account(seed: string, role: string): Account {
  const key: Hex = `0x${createHash('sha256').update(`tocsin demo/${seed}/${role}`).digest('hex')}`
  return { address: parseAddress(computeAddress(key)), key }
}
