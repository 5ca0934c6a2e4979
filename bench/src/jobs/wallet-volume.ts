import { bigintCodec, minutes, sliding, stringKey, type AggregateFunction } from '@tocsin/stream-core'
import { bytesOf, type BenchJob, type Transfer } from './bench-job.ts'
import { inOrder, lineCodec } from './line-source.ts'

const size = minutes(10)
const slide = minutes(1)
const limit = 100_000n * 10n ** 18n

const sumOfValues: AggregateFunction<Transfer, bigint, bigint> = {
  createAccumulator: () => 0n,
  add: ({ value }, sum) => sum + BigInt(value),
  merge: (a, b) => a + b,
  getResult: (sum) => sum,
}

const answer = (wallet: string, start: number, sum: bigint): string =>
  `{"wallet":"${wallet}","start":${start},"end":${start + size},"sum":"${sum}"}`

/** `j1`: who sends more than 100,000 whole tokens in ten minutes, looked at every minute. */
export const walletVolume: BenchJob = {
  build(builder, { input, output }) {
    builder
      .source<Transfer>('transfers', { topic: input, codec: lineCodec(), watermarks: inOrder })
      .keyBy(({ from }) => from, stringKey)
      .window(sliding(size, slide))
      .aggregate<bigint, bigint, string>('volume', sumOfValues, bigintCodec, (sum, { start }, wallet, emit) => {
        if (sum > limit) emit(answer(wallet, start, sum))
      })
      .sinkPlainTo('answers', { topic: output, codec: { encode: (line) => ({ key: null, value: bytesOf(line) }) } })
  },

  plain(lines) {
    const minutesOf = new Map<string, Map<number, bigint>>()
    for (const line of lines) {
      const { ts, from, value } = JSON.parse(line) as Transfer // the file is the bench's own
      const start = ts - (ts % slide)
      let sums = minutesOf.get(from)
      if (sums === undefined) minutesOf.set(from, (sums = new Map<number, bigint>()))
      sums.set(start, (sums.get(start) ?? 0n) + BigInt(value))
    }
    const answers: string[] = []
    for (const [wallet, sums] of minutesOf) {
      const windows = new Map<number, bigint>()
      for (const [minute, sum] of sums) {
        for (let start = minute; start > minute - size; start -= slide) {
          windows.set(start, (windows.get(start) ?? 0n) + sum)
        }
      }
      for (const [start, sum] of windows) if (sum > limit) answers.push(answer(wallet, start, sum))
    }
    return answers
  },
}
