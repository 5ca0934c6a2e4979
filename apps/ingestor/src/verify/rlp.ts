/**
 * Writes RLP into one buffer from the end to the beginning: what a list holds is there when its length is to be written,
 * and nothing is built to be copied. So the last item is written first. Hex is JSON-RPC's, and what is none writes
 * nothing and answers false. Source: yellow paper, appendix B.
 */
export class RlpWriter {
  #buffer = Buffer.allocUnsafe(1 << 16)
  #start = this.#buffer.length

  /** So many bytes are written: where a list ends that is begun now. */
  get length(): number {
    return this.#buffer.length - this.#start
  }

  /** A string of bytes: `0x` and an even number of digits. */
  hex(value: unknown): boolean {
    if (typeof value !== 'string' || value.length % 2 === 1 || !value.startsWith('0x')) return false
    return this.#digits(value.slice(2))
  }

  /** A number, without leading zeros; zero is the empty string. */
  quantity(value: unknown): boolean {
    if (typeof value !== 'string' || !value.startsWith('0x') || value.length === 2) return false
    let first = 2
    while (value.charCodeAt(first) === zero) first++
    const digits = value.slice(first)
    return this.#digits(digits.length % 2 === 0 ? digits : `0${digits}`)
  }

  bytes(value: Uint8Array): void {
    this.raw(value)
    this.#prefixBytes(value.length)
  }

  /** Bytes as they are: encoded already, or a type before an envelope. */
  raw(value: Uint8Array): void {
    this.#room(value.length)
    this.#buffer.set(value, this.#start)
  }

  /** All that was written since the length was `end` becomes one list. */
  list(end: number): void {
    this.#prefix(this.length - end, 0xc0)
  }

  /** What was written, its own copy; then nothing is. */
  take(): Uint8Array {
    const written = Uint8Array.prototype.slice.call(this.#buffer, this.#start)
    this.clear()
    return written
  }

  clear(): void {
    this.#start = this.#buffer.length
  }

  #digits(digits: string): boolean {
    const count = digits.length / 2
    this.#room(count)
    // Stops at the first digit that is none.
    if (this.#buffer.write(digits, this.#start, count, 'hex') !== count) {
      this.#start += count
      return false
    }
    this.#prefixBytes(count)
    return true
  }

  #prefixBytes(count: number): void {
    // A byte below 0x80 stands for itself.
    if (count !== 1 || (this.#buffer[this.#start] ?? 0) >= 0x80) this.#prefix(count, 0x80)
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
    this.#buffer[this.#start] = value
  }

  #room(count: number): void {
    if (count > this.#start) {
      const larger = Buffer.allocUnsafe((this.length + count) * 2)
      larger.set(this.#buffer.subarray(this.#start), larger.length - this.length)
      this.#start += larger.length - this.#buffer.length
      this.#buffer = larger
    }
    this.#start -= count
  }
}

const zero = '0'.charCodeAt(0)
