import { createKeccak } from 'hash-wasm'
import type { Hash } from '@tocsin/chain-model'

// WebAssembly: ten times as fast as Keccak in JavaScript. Node's own crypto has SHA-3 only, which pads otherwise.
const hasher = await createKeccak(256)

/** Keccak-256, as Ethereum hashes everything. */
export const keccakBytes = (bytes: Uint8Array): Uint8Array => hasher.init().update(bytes).digest('binary')

/** As lower-case hex. */
export const keccak = (bytes: Uint8Array): Hash => `0x${hasher.init().update(bytes).digest('hex')}` as Hash // 32 bytes of hex
