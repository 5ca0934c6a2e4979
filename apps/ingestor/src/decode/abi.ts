import { id } from 'ethers'
import { parseHash, type Hash, type Hex } from '@tocsin/chain-model'
import { selectorOf } from './selector.ts'

/** The first topic of an event: Keccak-256 of its canonical signature, `Transfer(address,address,uint256)`. */
export const topic0Of = (signature: string): Hash => parseHash(id(signature))

/** The selector of a function: the first four bytes of the same hash of `transfer(address,uint256)`. */
export const functionSelector = (signature: string): Hex => selectorOf(topic0Of(signature))
