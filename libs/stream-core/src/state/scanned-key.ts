/**
 * Of the key that was asked for last: whoever asks whether it is ASCII asks for its hash next, and to go through its chars
 * costs more than all else of finding what is in the processor's cache.
 */
let last = ''
let lastHash = 0
let isLastAscii = true

const scan = (key: string): void => {
  let hash = key.length
  let all = 0
  for (let at = 0; at < key.length; at += 1) {
    const char = key.charCodeAt(at)
    all |= char
    hash = (Math.imul(hash, 31) + char) | 0
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) // spreads what differs in few bits
  last = key
  lastHash = (hash ^ (hash >>> 12)) & 0x7fff_ffff
  isLastAscii = all < 0x80
}

/** Of all chars: 31 bits, which V8 holds without an object. */
export const hashOf = (key: string): number => {
  if (key !== last) scan(key)
  return lastHash
}

export const isAscii = (key: string): boolean => {
  if (key !== last) scan(key)
  return isLastAscii
}
