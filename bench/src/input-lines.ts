import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'

const lineFeed = 0x0a
const gzipMagic = [0x1f, 0x8b]

/** The lines of a file, gzip or plain, in memory: views of its bytes, without their line feeds. */
export class InputLines {
  readonly #bytes: Buffer
  /** Where each line ends. */
  readonly #ends: Uint32Array

  private constructor(bytes: Buffer) {
    this.#bytes = bytes
    const ends: number[] = []
    for (let start = 0; start < bytes.length;) {
      const found = bytes.indexOf(lineFeed, start)
      const end = found === -1 ? bytes.length : found
      ends.push(end)
      start = end + 1
    }
    this.#ends = Uint32Array.from(ends)
  }

  static async read(path: string): Promise<InputLines> {
    const file = await readFile(path)
    return new InputLines(gzipMagic.every((byte, index) => file[index] === byte) ? gunzipSync(file) : file)
  }

  get count(): number {
    return this.#ends.length
  }
  *bytes(): Generator<Buffer> {
    let start = 0
    for (const end of this.#ends) {
      yield this.#bytes.subarray(start, end)
      start = end + 1
    }
  }
  *texts(): Generator<string> {
    let start = 0
    for (const end of this.#ends) {
      yield this.#bytes.toString('utf8', start, end)
      start = end + 1
    }
  }
}
