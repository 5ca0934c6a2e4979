import { recoverAddress, Signature, toBeHex } from 'ethers'
import { parseAddress, type Address, type Authorization } from '@tocsin/chain-model'
import type { SignedAuthorization } from '../sources/source-block.ts'
import { keccak } from '../verify/keccak.ts'
import { RlpWriter } from '../verify/rlp.ts'

/** Stands before what is signed, so that it is the signature of nothing else. */
const magic = Uint8Array.of(0x05)

/** An authorisation with who signed it. Source: EIP-7702, `authority = ecrecover(keccak(0x05 || rlp([…])), …)`. */
export function authorizationOf(signed: SignedAuthorization): Authorization {
  const { chainId, delegate, nonce } = signed
  return { authority: authorityOf(signed), delegate, chainId, nonce }
}

/** Null where the signature is none, or of the upper half of the curve's order, which EIP-2 and EIP-7702 refuse. */
function authorityOf({ chainId, delegate, nonce, yParity, r, s }: SignedAuthorization): Address | null {
  const rlp = new RlpWriter()
  // The last item first.
  rlp.quantity(hex(nonce))
  rlp.hex(delegate)
  rlp.quantity(hex(chainId))
  rlp.list(0)
  rlp.raw(magic)
  if (yParity > 1n) return null
  try {
    const signature = Signature.from({ r: toBeHex(r, 32), s: toBeHex(s, 32), yParity: yParity === 1n ? 1 : 0 })
    return parseAddress(recoverAddress(keccak(rlp.take()), signature))
  } catch {
    return null // ethers says so of every number that is no signature: it recovers nobody
  }
}

const hex = (value: bigint) => `0x${value.toString(16)}`
