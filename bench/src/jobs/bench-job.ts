import type { StreamBuilder } from '@tocsin/stream-core'

/** One of the jobs that every engine must answer alike (`README.md` of the shared bench data), in its two forms. */
export interface BenchJob {
  /** Builds the job on the public interface of stream-core, from `input` to `output`. */
  readonly build: (builder: StreamBuilder, topics: { readonly input: string; readonly output: string }) => void
  /** The same answers without an engine: no log, no commits, nothing that survives a crash. Lines in any order. */
  readonly plain: (lines: Iterable<string>) => string[]
}

/** Follows the last line of an input: nothing comes after it, so windows and timers still open are due. */
export const endOfInput = '{"end":true}'

/** Text of a line; its bytes are the log's own and stay as they are. */
export const textOf = (bytes: Uint8Array): string =>
  (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).toString()

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8')

/** Names wallets, tokens and transactions; decimal strings for amounts. */
export interface Transfer {
  readonly ts: number
  readonly from: string
  readonly to: string
  readonly value: string
}
