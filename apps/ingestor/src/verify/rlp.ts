/**
 * Writes RLP into one buffer from the end to the beginning: what a list holds is there when its length is to be written,
 * and nothing is built to be copied. So the last item is written first. Hex is JSON-RPC's, and what is none writes
 * nothing and answers false. Source: yellow paper, appendix B.
 */
export class RlpWriter {
  #buffer = Buffer.allocUnsafeSlow(1 << 16)
  /** The same memory: a slice of a Buffer costs many times what one of these does. */
  #bytes = new Uint8Array(this.#buffer.buffer)
  #start = this.#buffer.length

  /** So many bytes are written: where a list ends that is begun now. */
  get length(): number {
    return this.#buffer.length - this.#start
  }

  /** A string of bytes: `0x` and an even number of digits. */
  hex(value: unknown): boolean {
    if (typeof value !== 'string' || value.length % 2 === 1 || !value.startsWith('0x')) return false
    return this.#digits(value, 2)
  }

  /** A number, without leading zeros; zero is the empty string. */
  quantity(value: unknown): boolean {
    if (typeof value !== 'string' || !value.startsWith('0x') || value.length === 2) return false
    let first = 2
    while (value.charCodeAt(first) === zero) first++
    return this.#digits(value, first)
  }

  bytes(value: Uint8Array): void {
    this.raw(value)
    this.#prefixBytes(value.length)
  }

  /** Bytes as they are: encoded already, or a type before an envelope. */
  raw(value: Uint8Array): void {
    this.#room(value.length)
    this.#bytes.set(value, this.#start)
  }

  /** All that was written since the length was `end` becomes one list. */
  list(end: number): void {
    this.#prefix(this.length - end, 0xc0)
  }

  /** What was written since the length was `end`, until more is. */
  since(end: number): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#bytes.length - end)
  }

  /** What was written while the length went from `start` to `end`, until more is. */
  between(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(this.#bytes.length - end, this.#bytes.length - start)
  }

  /** Forgets what was written since then. */
  forget(end: number): void {
    this.#start = this.#bytes.length - end
  }

  /** What was written, its own copy; then nothing is. */
  take(): Uint8Array {
    const written = this.#bytes.slice(this.#start)
    this.clear()
    return written
  }

  clear(): void {
    this.#start = this.#bytes.length
  }

  /** The digits from that place on; an odd one stands for a byte of its own. */
  #digits(text: string, from: number): boolean {
    const count = (text.length - from + 1) >> 1
    this.#room(count)
    if (count > mostShortBytes) {
      const digits = (text.length - from) % 2 === 0 ? text.slice(from) : `0${text.slice(from)}`
      // Stops at the first digit that is none.
      if (this.#buffer.write(digits, this.#start, count, 'hex') !== count) return this.#none(count)
    } else {
      let at = this.#start + count
      for (let place = text.length - 1; place >= from; place -= 2) {
        const low = valueOf[text.charCodeAt(place)] ?? none
        const high = place > from ? (valueOf[text.charCodeAt(place - 1)] ?? none) : 0
        if ((low | high) > 15) return this.#none(count)
        this.#bytes[--at] = (high << 4) | low
      }
    }
    this.#prefixBytes(count)
    return true
  }

  #none(count: number): false {
    this.#start += count
    return false
  }

  #prefixBytes(count: number): void {
    // A byte below 0x80 stands for itself.
    if (count !== 1 || (this.#bytes[this.#start] ?? 0) >= 0x80) this.#prefix(count, 0x80)
  }

  #prefix(count: number, base: number): void {
    if (count < 56) {
      this.#byte(base + count)
      return
    }
    let bytes = 0
    for (let left = count; left > 0; left = Math.floor(left / 256)) {
      this.#byte(left % 256)
      bytes++
    }
    this.#byte(base + 55 + bytes)
  }

  #byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#start] = value
  }

  #room(count: number): void {
    if (count > this.#start) {
      const larger = Buffer.allocUnsafeSlow((this.length + count) * 2)
      larger.set(this.#bytes.subarray(this.#start), larger.length - this.length)
      this.#start += larger.length - this.#bytes.length
      this.#buffer = larger
      this.#bytes = new Uint8Array(larger.buffer)
    }
    this.#start -= count
  }
}

const zero = '0'.charCodeAt(0)
/** Up to a hash's length the way to a Buffer's own decoder costs more than decoding. */
const mostShortBytes = 32
/** No digit: more than any two of them together. */
const none = 0xff
/** Of a hex digit, by its character's code. */
const valueOf = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? none : value
})
