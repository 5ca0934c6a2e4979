import { zeroAddress, type Address, type Hash, type Hex } from '@tocsin/chain-model'
import type { SourceLog } from '../sources/source-block.ts'

const zeroHash = `0x${'0'.repeat(64)}` as Hash // 64 digits
const addressPadding = '0'.repeat(24)
/** The last second whose milliseconds are a safe integer: later ones are no time. */
const lastSecond = Math.floor(Number.MAX_SAFE_INTEGER / 1000)

/**
 * Reads ABI-encoded words: of a log, or of call data behind its selector. A word that does not hold what is asked for (an
 * address with dirty high bytes, a `bool` of 2, an offset past the end) gives a placeholder and clears `fits`: what is
 * read is then kept raw, since nothing that a stranger wrote may make decoding throw.
 * Source: Solidity's contract ABI specification. Strict where it says "padded": a hostile contract may emit anything.
 */
export class AbiReader {
  readonly #topics: readonly string[]
  readonly #data: string
  /** Where the data begin in their text: behind `0x`, and of a call behind the selector. */
  readonly #from: number
  /** Words of lists and bytes yet to be read: encoders write each once, and whoever points at one often asks for memory. */
  #wordsLeft: number
  /** The words that were read end here. */
  #end = 0
  fits = true

  constructor({ topics, data }: Pick<SourceLog, 'topics' | 'data'>, from = 2) {
    this.#topics = topics
    this.#data = data
    this.#from = from
    this.#wordsLeft = this.words
  }

  /** Whole words there are. */
  get words(): number {
    return Math.floor((this.#data.length - this.#from) / 64)
  }

  /** Bytes behind the last word that was read: those of a value of `bytes` are filled up to words. */
  get rest(): number {
    return Math.max(0, (this.#data.length - this.#from) / 2 - this.#end * 32)
  }

  /** The topic at `index` as 64 hex digits; 0 is the signature's hash. */
  #topic(index: number): string {
    return (this.#topics[index] ?? '').slice(2)
  }

  /** The word at `index` of the data as 64 hex digits, shorter past its end. */
  #word(index: number): string {
    if (index >= this.#end) this.#end = index + 1
    return this.#data.slice(this.#from + index * 64, this.#from + 64 + index * 64)
  }

  #misfit<T>(placeholder: T): T {
    this.fits = false
    return placeholder
  }

  /** Whether so many words may still be read of lists, and of other values that offsets point at. */
  take(words: number): boolean {
    this.#wordsLeft -= words
    return this.#wordsLeft >= 0
  }

  /** For a decoder that finds the values to contradict each other. */
  refuse(): void {
    this.fits = false
  }

  #address(word: string): Address {
    if (word.length !== 64 || !word.startsWith(addressPadding)) return this.#misfit(zeroAddress)
    return `0x${word.slice(24)}` as Address // 40 lower-case hex digits: parsed data, cut to its last 20 bytes
  }

  #uint(word: string): bigint {
    return word.length === 64 ? BigInt(`0x${word}`) : this.#misfit(0n)
  }

  #hash(word: string): Hash {
    return word.length === 64 ? (`0x${word}` as Hash) : this.#misfit(zeroHash) // 64 digits of parsed hex
  }

  /** A number that is small by its meaning, without a bigint: at most `high`, which is below 2^52. */
  #number(word: string, high: number): number {
    if (word.length !== 64 || !word.startsWith('000000000000000000000000000000000000000000000000000'))
      return this.#misfit(0)
    const value = Number.parseInt(word.slice(51), 16)
    return value <= high ? value : this.#misfit(0)
  }

  #int24(word: string): number {
    if (word.length !== 64) return this.#misfit(0)
    const value = Number.parseInt(word.slice(58), 16)
    const negative = value >= 0x800000
    if (!word.startsWith((negative ? 'f' : '0').repeat(58))) return this.#misfit(0)
    return negative ? value - 0x1000000 : value
  }

  topicAddress(index: number): Address {
    return this.#address(this.#topic(index))
  }

  topicHash(index: number): Hash {
    return this.#hash(this.#topic(index))
  }

  topicUint(index: number): bigint {
    return this.#uint(this.#topic(index))
  }

  topicInt(index: number): bigint {
    return BigInt.asIntN(256, this.topicUint(index))
  }

  /** An int24 in a topic: a Uniswap v3 tick. */
  topicInt24(index: number): number {
    return this.#int24(this.#topic(index))
  }

  topicNumber(index: number, high: number): number {
    return this.#number(this.#topic(index), high)
  }

  address(index: number): Address {
    return this.#address(this.#word(index))
  }

  hash(index: number): Hash {
    return this.#hash(this.#word(index))
  }

  /** Of so many bits: a smaller type's higher ones must be zero. */
  uint(index: number, bits = 256): bigint {
    const value = this.#uint(this.#word(index))
    return bits === 256 || value >> BigInt(bits) === 0n ? value : this.#misfit(0n)
  }

  /** Of so many bits: a smaller type's sign must fill the higher ones. */
  int(index: number, bits = 256): bigint {
    const value = BigInt.asIntN(256, this.uint(index))
    return bits === 256 || BigInt.asIntN(bits, value) === value ? value : this.#misfit(0n)
  }

  int24(index: number): number {
    return this.#int24(this.#word(index))
  }

  bool(index: number): boolean {
    return this.#number(this.#word(index), 1) === 1
  }

  /** An unsigned number that is small by its meaning, such as a fee: at most `high`. */
  number(index: number, high: number): number {
    return this.#number(this.#word(index), high)
  }

  /** Unix seconds as ms. */
  time(index: number): number {
    return this.number(index, lastSecond) * 1000
  }

  /** Unix seconds, of so many bits, as ms; null for what is later than any date. */
  deadline(index: number, bits = 256): number | null {
    const seconds = this.uint(index, bits)
    return seconds > BigInt(lastSecond) ? null : Number(seconds) * 1000
  }

  bytes4(index: number): Hex {
    return this.fixedBytes(index, 4)
  }

  /** `bytes1` to `bytes32`, which are padded on the right. */
  fixedBytes(index: number, bytes: number): Hex {
    const word = this.#word(index)
    const end = bytes * 2
    return word.length === 64 && /^0*$/.test(word.slice(end)) ? `0x${word.slice(0, end)}` : this.#misfit('0x')
  }

  /** The word at which the value begins whose offset, counted from word `base`, stands in the word at `index`. */
  start(index: number, base = 0): number {
    const word = this.#word(index)
    if (word.length !== 64 || !word.startsWith('00000000000000000000000000000000000000000000000000000000'))
      return this.#misfit(this.words)
    const offset = Number.parseInt(word.slice(56), 16)
    const start = base + offset / 32
    return offset % 32 === 0 && start < this.words ? start : this.#misfit(this.words)
  }

  /** The items, `size` words each, of the list whose offset, counted from word `base`, stands in the word at `index`. */
  list<T>(index: number, item: (at: number) => T, size = 1, base = 0): T[] {
    return this.listAt(this.start(index, base), item, size)
  }

  /** The same of the list that begins, with its length, at this word. */
  listAt<T>(start: number, item: (at: number) => T, size = 1): T[] {
    const length = this.number(start, 0xffff_ffff)
    if (length * size > this.words - start - 1 || !this.take(length * size)) return this.#misfit([])
    return Array.from({ length }, (_, n) => item(start + 1 + n * size))
  }

  uints(index: number, base = 0): bigint[] {
    return this.list(index, (at) => this.uint(at), 1, base)
  }

  addresses(index: number, base = 0): Address[] {
    return this.list(index, (at) => this.address(at), 1, base)
  }

  /** The list of items that are themselves dynamic: each is told the word at which it begins. */
  dynamicList<T>(index: number, item: (start: number) => T, base = 0): T[] {
    const first = this.start(index, base) + 1
    return this.list(index, (at) => item(this.start(at, first)), 1, base)
  }

  /** The `bytes` or `string` whose offset, counted from word `base`, stands in the word at `index`. */
  bytes(index: number, base = 0): Hex {
    return this.bytesAt(this.start(index, base))
  }

  /** The `bytes` or `string` that begins, with its length, at this word. */
  bytesAt(start: number): Hex {
    const length = this.number(start, 0xffff_ffff)
    if (!this.take(Math.floor(length / 32))) return this.#misfit('0x')
    this.#end = Math.max(this.#end, start + 1 + Math.ceil(length / 32))
    const from = this.#from + (start + 1) * 64
    const text = this.#data.slice(from, from + length * 2)
    return text.length === length * 2 ? `0x${text}` : this.#misfit('0x')
  }

  /** The first four bytes of such `bytes`; `0x` where there are fewer. */
  selector(index: number, base = 0): Hex {
    return this.selectorAt(this.start(index, base))
  }

  selectorAt(start: number): Hex {
    const bytes = this.bytesAt(start)
    return bytes.length >= 10 ? (bytes.slice(0, 10) as Hex) : '0x'
  }
}
