import type { AbiArgument, AbiValue, Hex } from '@tocsin/chain-model'
import { tamedText } from '../knowledge/tamed-text.ts'
import type { AbiReader } from './abi-reader.ts'

/** A type of the contract ABI. `length` null: as many as the data say. */
export type AbiType =
  | { readonly kind: 'address' | 'bool' | 'bytes' | 'string' }
  | { readonly kind: 'uint' | 'int'; readonly bits: number }
  | { readonly kind: 'fixed-bytes'; readonly bytes: number }
  | { readonly kind: 'array'; readonly of: AbiType; readonly length: number | null }
  | { readonly kind: 'tuple'; readonly components: readonly AbiParameter[] }

export interface AbiParameter {
  readonly name: string
  /** Its canonical name: `(address,uint256)[]`. */
  readonly type: string
  readonly is: AbiType
}

/** Reads a value that begins at a word. Of a dynamic one another word, its head, tells where that is. */
interface ValueReader {
  /** How many words a static value takes. */
  readonly words: number
  readonly isDynamic: boolean
  readonly read: (read: AbiReader, at: number) => AbiValue
}

/** A stranger's text is cut at so many characters. */
const maxText = 1_024

/** Reads arguments that stand one behind the other from a word on. */
export interface ArgumentsReader extends Omit<ValueReader, 'read'> {
  readonly read: (read: AbiReader, start: number) => AbiArgument[]
}

export function argumentsReader(parameters: readonly AbiParameter[]): ArgumentsReader {
  const readers = parameters.map(({ name, type, is }) => ({ name, type, reader: readerOf(is) }))
  return {
    words: readers.reduce((sum, { reader }) => sum + headOf(reader), 0),
    isDynamic: readers.some(({ reader }) => reader.isDynamic),
    read(read, start) {
      let head = start
      return readers.map(({ name, type, reader }) => {
        const value = readHead(reader, read, head, start)
        head += headOf(reader)
        return { name, type, value }
      })
    },
  }
}

const headOf = ({ isDynamic, words }: ValueReader | ArgumentsReader): number => (isDynamic ? 1 : words)

/** The value whose head stands at this word, of values of which the first head stands at `base`. */
const readHead = (reader: ValueReader, read: AbiReader, head: number, base: number): AbiValue =>
  reader.read(read, reader.isDynamic ? read.start(head, base) : head)

const word = (read: ValueReader['read']): ValueReader => ({ words: 1, isDynamic: false, read })

function readerOf(type: AbiType): ValueReader {
  switch (type.kind) {
    case 'address':
      return word((read, at) => read.address(at))
    case 'bool':
      return word((read, at) => read.bool(at))
    case 'uint':
      return word((read, at) => read.uint(at, type.bits).toString())
    case 'int':
      return word((read, at) => read.int(at, type.bits).toString())
    case 'fixed-bytes':
      return word((read, at) => read.fixedBytes(at, type.bytes))
    case 'bytes':
      return { words: 0, isDynamic: true, read: (read, at) => read.bytesAt(at) }
    case 'string':
      return { words: 0, isDynamic: true, read: (read, at) => textOf(read.bytesAt(at)) }
    case 'array':
      return arrayReader(readerOf(type.of), type.length)
    case 'tuple': {
      const { words, isDynamic, read: readAll } = argumentsReader(type.components)
      // What offsets point at is counted: else a few bytes, pointed at again and again, would ask for any amount of memory.
      return {
        words,
        isDynamic,
        read: (read, at) => (!isDynamic || read.take(words) ? readAll(read, at) : missing(read)),
      }
    }
  }
}

function arrayReader(item: ValueReader, length: number | null): ValueReader {
  const size = headOf(item)
  if (length === null) {
    return {
      words: 0,
      isDynamic: true,
      read: (read, start) => read.listAt(start, (head) => readHead(item, read, head, start + 1), size),
    }
  }
  const words = length * size
  return {
    words,
    isDynamic: item.isDynamic,
    read(read, start) {
      if (start + words > read.words || (item.isDynamic && !read.take(words))) return missing(read)
      return Array.from({ length }, (_, at) => readHead(item, read, start + at * size, start))
    },
  }
}

function missing(read: AbiReader): AbiValue {
  read.refuse()
  return []
}

/** Empty text is text; what is no UTF-8, or nothing once it is tamed, is null: the rest of its event is told all the same. */
const textOf = (bytes: Hex): string | null =>
  bytes === '0x' ? '' : tamedText(Buffer.from(bytes.slice(2), 'hex'), maxText)
