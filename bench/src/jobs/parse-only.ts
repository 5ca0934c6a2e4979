import type { BenchJob } from './bench-job.ts'
import { inOrder, lineCodec } from './line-source.ts'

/** `floor`: each line is read, parsed and dropped: what a record costs before a job does anything with it. */
export const parseOnly: BenchJob = {
  build(builder, { input }) {
    builder
      .source<{ readonly ts: number }>('lines', { topic: input, codec: lineCodec(), watermarks: inOrder })
      .filter(() => false)
  },

  plain(lines) {
    for (const line of lines) JSON.parse(line)
    return []
  },
}
