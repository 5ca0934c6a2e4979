import { readFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'

/** A token, label or price file that cannot be read as one: which file, which line, what was expected. */
export class ListFileError extends Error {
  readonly code = 'INGEST_BAD_LIST_FILE'
  readonly handling = 'stop'
  readonly remedy: string
  constructor(at: { file: string; line: number | null; reason: string }, options?: ErrorOptions) {
    super(`${at.file}${at.line === null ? '' : `, line ${at.line}`}: ${at.reason}`, options)
    this.remedy =
      at.line === null
        ? 'Check the path given for it, and that it may be read. The formats are in docs/connectors.md.'
        : 'Correct the line named here. The formats are in docs/connectors.md.'
  }
}

/** A row of a list with the line it came from (counted from 1), its values by column or key as they stand there. */
export interface Row {
  readonly line: number
  readonly text: string
  readonly values: Readonly<Record<string, unknown>>
}

/** A row, or the reason why a line is none: one bad line never hides the others. */
export type RowResult =
  | { readonly ok: true; readonly row: Row }
  | { readonly ok: false; readonly line: number; readonly text: string; readonly reason: string }

/**
 * The rows of a CSV file with a header line, or of NDJSON, told apart by the first character: `{` begins JSON. CSV as in
 * RFC 4180 without line breaks in fields; spaces around a field are cut off, empty fields are absent. Byte order marks, CRLF and empty lines are let pass.
 */
export function rowsOf(text: string): RowResult[] {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line, at) => ({ line: at + 1, text: line }))
    .filter((line) => line.text.trim() !== '')
  const [first, ...rest] = lines
  if (first === undefined) return []
  if (first.text.trimStart().startsWith('{')) return lines.map(jsonRow)
  const columns = fieldsOf(first.text)?.map((column) => column.trim())
  if (columns === undefined) return [{ ok: false, ...first, reason: 'a quote is not closed' }]
  return rest.map((line) => csvRow(line, columns))
}

function jsonRow(line: { line: number; text: string }): RowResult {
  try {
    const values: unknown = JSON.parse(line.text)
    if (typeof values === 'object' && values !== null && !Array.isArray(values))
      return { ok: true, row: { ...line, values: values as Readonly<Record<string, unknown>> } } // just shown to be one
    return { ok: false, ...line, reason: 'it is no JSON object' }
  } catch (cause) {
    return { ok: false, ...line, reason: `it is no JSON (${cause instanceof Error ? cause.message : String(cause)})` }
  }
}

function csvRow(line: { line: number; text: string }, columns: readonly string[]): RowResult {
  const fields = fieldsOf(line.text)
  if (fields === undefined) return { ok: false, ...line, reason: 'a quote is not closed' }
  if (fields.length > columns.length)
    return { ok: false, ...line, reason: `it has ${fields.length} fields under ${columns.length} columns` }
  const present = columns.flatMap((column, at) => {
    const field = fields[at]?.trim()
    return field === undefined || field === '' ? [] : [[column, field]]
  })
  return { ok: true, row: { ...line, values: Object.fromEntries(present) as Readonly<Record<string, unknown>> } }
}

function fieldsOf(text: string): string[] | undefined {
  const fields: string[] = []
  let field = ''
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (quoted) {
      if (character !== '"') field += character
      else if (text[at + 1] === '"') field += text[++at]
      else quoted = false
    } else if (character === '"' && field === '') quoted = true
    else if (character === ',') {
      fields.push(field)
      field = ''
    } else field += character
  }
  return quoted ? undefined : [...fields, field]
}

/** @throws {ListFileError} if it cannot be read. */
export async function readListFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new ListFileError({ file, line: null, reason: `it cannot be read (${reasonOf(cause)}).` }, { cause })
  }
}

/** A file of the package's own `data` folder, which lies beside both `src` and `dist`. */
export const readBundled = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../data/${name}`, import.meta.url), 'utf8'))

export const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))
