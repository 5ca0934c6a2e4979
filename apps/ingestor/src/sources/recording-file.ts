import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'

/** A recording that cannot be read to its end: which file, which line, why. Nothing of it has been written then. */
export class RecordingError extends Error {
  readonly code = 'INGEST_BAD_RECORDING'
  readonly handling = 'stop'
  readonly remedy: string
  constructor(at: { file: string; line?: number; reason: string; remedy?: string }, options?: ErrorOptions) {
    super(`${at.file}${at.line === undefined ? '' : `, line ${at.line}`}: ${at.reason}.`, options)
    this.remedy = at.remedy ?? 'Fetch or record the file again: it is damaged, or no recording of a chain.'
  }
}

/** A JSON value of a file and the line on which it begins, from 1. */
export interface FileValue {
  readonly line: number
  readonly value: unknown
}

const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

/** The bytes of a file, unzipped if they begin like gzip, whatever its name. */
async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  const handle = await open(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
  await handle.close()
  const raw = createReadStream(file)
  if (bytesRead < 2 || buffer[0] !== 0x1f || buffer[1] !== 0x8b) {
    yield* raw as AsyncIterable<Buffer>
    return
  }
  const unzipped = createGunzip()
  raw.on('error', (cause) => unzipped.destroy(cause)).pipe(unzipped)
  yield* unzipped as AsyncIterable<Buffer>
}

async function* linesOf(file: string): AsyncGenerator<{ readonly line: number; readonly text: string }> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  let line = 1
  try {
    for await (const chunk of bytesOf(file)) {
      // Only the new text is searched for line ends: a block may be one line of many chunks.
      const parts = decoder.decode(chunk, { stream: true }).split('\n')
      const last = parts.pop() ?? ''
      for (const part of parts) {
        yield { line: line++, text: rest + part }
        rest = ''
      }
      rest += last
    }
    rest += decoder.decode()
  } catch (cause) {
    const truncated = cause instanceof Error && 'code' in cause && cause.code === 'Z_BUF_ERROR'
    const reason = truncated ? 'the gzip data end too early' : `it cannot be read (${reasonOf(cause)})`
    throw new RecordingError({ file, line, reason }, { cause })
  }
  if (rest !== '') yield { line, text: rest }
}

/**
 * The JSON values of a file, told apart by content: JSON lines if its first line is a value by itself, else one value
 * over all lines. Memory is one value (and what a reader keeps). A file that begins like no JSON gives nothing.
 * @throws {RecordingError} naming the line where the text stops being JSON or the gzip data end.
 */
export async function* valuesOf(file: string): AsyncGenerator<FileValue> {
  const whole: string[] = []
  let mode: 'unknown' | 'lines' | 'whole' = 'unknown'
  for await (const { line, text } of linesOf(file)) {
    if (mode === 'whole') {
      whole.push(text)
      continue
    }
    const trimmed = text.trim()
    if (trimmed === '') {
      if (mode === 'unknown') whole.push(text)
      continue
    }
    if (mode === 'unknown' && !/^[[{\uFEFF]/.test(trimmed)) return
    let value: unknown
    try {
      value = JSON.parse(trimmed)
    } catch (cause) {
      if (mode === 'lines') throw new RecordingError({ file, line, reason: `no JSON (${reasonOf(cause)})` }, { cause })
      mode = 'whole'
      whole.push(text)
      continue
    }
    mode = 'lines'
    yield { line, value }
  }
  if (mode !== 'whole') return
  const text = whole.join('\n')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const at = /line (\d+) column/.exec(reasonOf(cause))
    throw new RecordingError(
      { file, line: at === null ? whole.length : Number(at[1]), reason: `no JSON (${reasonOf(cause)})` },
      { cause },
    )
  }
  yield { line: 1, value }
}
