import { maxTimestamp, type SourceCodec, type SourceRecord } from '@tocsin/stream-core'
import { endOfInput, textOf } from './bench-job.ts'

/** Reads the raw lines of an input as log records; lines are in order of their time `ts`. */
export const lineCodec = <Line extends { readonly ts: number }>(): SourceCodec<Line> => {
  const decodeText = (text: string): SourceRecord<Line> => {
    if (text === endOfInput) return { type: 'watermark', watermark: maxTimestamp }
    const value = JSON.parse(text) as Line // the file is the bench's own
    return { type: 'element', timestamp: value.ts, value }
  }
  return { decode: (bytes) => decodeText(textOf(bytes)), decodeText }
}

/** After each line all earlier times are complete: lines of the same time may follow. */
export const inOrder = { type: 'bounded-out-of-orderness', delay: 0 } as const
