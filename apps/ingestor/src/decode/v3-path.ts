import { parseAddress, type Address, type Hex } from '@tocsin/chain-model'

/** Bytes of a token, and of the fee between two, as hex digits. */
const [tokenDigits, feeDigits] = [40, 6]

/** The tokens of Uniswap v3's path: 20 bytes each, three of fee between; none where it is no path. Source: v3-periphery. */
export function tokensOfPath(path: Hex): Address[] {
  const digits = path.length - 2
  const hops = (digits - tokenDigits) / (tokenDigits + feeDigits)
  if (!Number.isInteger(hops) || hops < 1) return []
  return Array.from({ length: hops + 1 }, (_, hop) => {
    const at = 2 + hop * (tokenDigits + feeDigits)
    return parseAddress(`0x${path.slice(at, at + tokenDigits)}`)
  })
}
