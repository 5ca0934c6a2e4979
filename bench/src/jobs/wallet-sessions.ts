import { bigintCodec, minutes, session, stringKey, type AggregateFunction } from '@tocsin/stream-core'
import { bytesOf, type BenchJob, type Transfer } from './bench-job.ts'
import { inOrder, lineCodec } from './line-source.ts'

const gap = minutes(5)
const limit = 10_000n * 10n ** 18n

const sumOfValues: AggregateFunction<Transfer, bigint, bigint> = {
  createAccumulator: () => 0n,
  add: ({ value }, sum) => sum + BigInt(value),
  merge: (a, b) => a + b,
  getResult: (sum) => sum,
}

interface Session {
  readonly start: number
  readonly last: number
  readonly sum: bigint
}

const answer = (wallet: string, start: number, end: number, sum: bigint): string =>
  `{"wallet":"${wallet}","start":${start},"end":${end},"sum":"${sum}"}`

/** `sessions`: who sends more than 10,000 whole tokens without a pause of more than five minutes. */
export const walletSessions: BenchJob = {
  build(builder, { input, output }) {
    builder
      .source<Transfer>('transfers', { topic: input, codec: lineCodec(), watermarks: inOrder })
      .keyBy(({ from }) => from, stringKey)
      .window(session(gap))
      .aggregate<bigint, bigint, string>('sessions', sumOfValues, bigintCodec, (sum, { start, end }, wallet, emit) => {
        if (sum > limit) emit(answer(wallet, start, end, sum))
      })
      .sinkPlainTo('answers', { topic: output, codec: { encode: (line) => ({ key: null, value: bytesOf(line) }) } })
  },

  plain(lines) {
    const answers: string[] = []
    const sessions = new Map<string, Session>()
    const close = (wallet: string, { start, last, sum }: Session): void => {
      if (sum > limit) answers.push(answer(wallet, start, last + gap, sum))
    }
    let watermark = -Infinity
    for (const line of lines) {
      const { ts, from, value } = JSON.parse(line) as Transfer // the file is the bench's own
      const held = sessions.get(from)
      // Windows that touch are one, as Flink has it, unless an earlier line of the same time has closed the first.
      const goesOn = held !== undefined && ts <= held.last + gap && watermark < held.last + gap - 1
      watermark = ts - 1
      if (held !== undefined && !goesOn) close(from, held)
      const sum = BigInt(value) + (goesOn ? held.sum : 0n)
      sessions.set(from, { start: goesOn ? held.start : ts, last: ts, sum })
    }
    for (const [wallet, held] of sessions) close(wallet, held)
    return answers
  },
}
