/** How many outputs a sink has made, and a chained hash of all of them. */
export interface OutputProof {
  readonly count: number
  readonly hash: string
}

const rotateLeft = (value: number, by: number): number => (value << by) | (value >>> (32 - by))

const digits = 8
const hexOf = (lane: number): string => (lane >>> 0).toString(16).padStart(digits, '0')

/**
 * The chained hash of a sink's outputs. It can be put down as text behind any output and taken up there, so that it
 * depends on no commit; what a library gives for a hash in progress cannot. It tells outputs apart that differ by
 * accident, not those that somebody has made to look alike.
 * Source: the body of MurmurHash3_x86_128, whose four lanes run on from one output to the next.
 */
export class OutputChain {
  count: number
  #a: number
  #b: number
  #c: number
  #d: number

  constructor({ count, hash }: OutputProof = { count: 0, hash: '' }) {
    this.count = count
    const lane = (index: number) => Number.parseInt(hash.slice(index * digits, (index + 1) * digits) || '0', 16) | 0
    this.#a = lane(0)
    this.#b = lane(1)
    this.#c = lane(2)
    this.#d = lane(3)
  }

  get proof(): OutputProof {
    return { count: this.count, hash: hexOf(this.#a) + hexOf(this.#b) + hexOf(this.#c) + hexOf(this.#d) }
  }

  /** Whole numbers; of each the lowest 32 bits. */
  words(a: number, b: number, c: number, d: number): void {
    this.#a ^= Math.imul(rotateLeft(Math.imul(a, 0x239b961b), 15), 0xab0e9789)
    this.#a = (Math.imul(rotateLeft(this.#a, 19) + this.#b, 5) + 0x561ccd1b) | 0
    this.#b ^= Math.imul(rotateLeft(Math.imul(b, 0xab0e9789), 16), 0x38b34ae5)
    this.#b = (Math.imul(rotateLeft(this.#b, 17) + this.#c, 5) + 0x0bcaa747) | 0
    this.#c ^= Math.imul(rotateLeft(Math.imul(c, 0x38b34ae5), 17), 0xa1e38b93)
    this.#c = (Math.imul(rotateLeft(this.#c, 15) + this.#d, 5) + 0x96cd1c35) | 0
    this.#d ^= Math.imul(rotateLeft(Math.imul(d, 0xa1e38b93), 18), 0x239b961b)
    this.#d = (Math.imul(rotateLeft(this.#d, 13) + this.#a, 5) + 0x32ac3b17) | 0
  }

  /** Their length is to be told by `words` before: what is missing to a multiple of 16 counts as zero. */
  bytes(bytes: Uint8Array): void {
    const whole = bytes.length - (bytes.length % 16)
    for (let at = 0; at < whole; at += 16) {
      this.words(wordAt(bytes, at), wordAt(bytes, at + 4), wordAt(bytes, at + 8), wordAt(bytes, at + 12))
    }
    if (whole === bytes.length) return
    const rest = new Uint8Array(16)
    rest.set(bytes.subarray(whole))
    this.words(wordAt(rest, 0), wordAt(rest, 4), wordAt(rest, 8), wordAt(rest, 12))
  }
}

/** Little-endian; `bytes` has them. */
const wordAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
