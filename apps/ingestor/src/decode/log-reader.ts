import { zeroAddress, type Address } from '@tocsin/chain-model'
import type { SourceLog } from '../sources/source-block.ts'

/**
 * Reads the words of one log. A word that does not hold what is asked for (an address with dirty high bytes, a `bool`
 * of 2) gives a placeholder and clears `fits`: the log is then kept raw, since nothing in a log may make decoding throw.
 * Source: Solidity's contract ABI specification. Strict where it says "padded": a hostile contract may emit anything.
 */
export class LogReader {
  readonly #topics: readonly string[]
  readonly #data: string
  fits = true

  constructor(log: SourceLog) {
    this.#topics = log.topics
    this.#data = log.data
  }

  /** The topic at `index` as 64 hex digits; 0 is the signature's hash. */
  #topic(index: number): string {
    return (this.#topics[index] ?? '').slice(2)
  }

  /** The word at `index` of the data as 64 hex digits, shorter past its end. */
  #word(index: number): string {
    return this.#data.slice(2 + index * 64, 66 + index * 64)
  }

  #misfit<T>(placeholder: T): T {
    this.fits = false
    return placeholder
  }

  #address(word: string): Address {
    if (word.length !== 64 || !word.startsWith('000000000000000000000000')) return this.#misfit(zeroAddress)
    return `0x${word.slice(24)}` as Address // 40 lower-case hex digits: parsed data, cut to its last 20 bytes
  }

  #uint(word: string): bigint {
    return word.length === 64 ? BigInt(`0x${word}`) : this.#misfit(0n)
  }

  #small(value: bigint, low: bigint, high: bigint): number {
    return value >= low && value <= high ? Number(value) : this.#misfit(0)
  }

  topicAddress(index: number): Address {
    return this.#address(this.#topic(index))
  }

  topicUint(index: number): bigint {
    return this.#uint(this.#topic(index))
  }

  topicInt(index: number): bigint {
    return BigInt.asIntN(256, this.topicUint(index))
  }

  /** An int24 in a topic: a Uniswap v3 tick. */
  topicInt24(index: number): number {
    return this.#small(this.topicInt(index), -(2n ** 23n), 2n ** 23n - 1n)
  }

  address(index: number): Address {
    return this.#address(this.#word(index))
  }

  uint(index: number): bigint {
    return this.#uint(this.#word(index))
  }

  int(index: number): bigint {
    return BigInt.asIntN(256, this.uint(index))
  }

  int24(index: number): number {
    return this.#small(this.int(index), -(2n ** 23n), 2n ** 23n - 1n)
  }

  bool(index: number): boolean {
    return this.#small(this.uint(index), 0n, 1n) === 1
  }

  /** A unsigned number that is small by its meaning, such as a fee or Unix seconds: at most `high`. */
  topicNumber(index: number, high: number): number {
    return this.#small(this.topicUint(index), 0n, BigInt(high))
  }

  number(index: number, high: number): number {
    return this.#small(this.uint(index), 0n, BigInt(high))
  }

  /** The `uint256[]` whose offset stands in the word at `index`. */
  uints(index: number): readonly bigint[] {
    const words = (this.#data.length - 2) / 64
    const offset = this.uint(index)
    if (offset % 32n !== 0n || offset / 32n >= BigInt(words)) return this.#misfit([])
    const start = Number(offset / 32n)
    const length = this.uint(start)
    if (length > BigInt(words - start - 1)) return this.#misfit([])
    return Array.from({ length: Number(length) }, (_, item) => this.uint(start + 1 + item))
  }
}
