import { id } from 'ethers'
import { parseHash, type Hash } from '@tocsin/chain-model'

/** The first topic of an event: Keccak-256 of its canonical signature, `Transfer(address,address,uint256)`. */
export const topic0Of = (signature: string): Hash => parseHash(id(signature))
