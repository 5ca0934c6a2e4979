import {
  hours,
  jsonStateCodec,
  seconds,
  stringKey,
  timestampCodec,
  valueState,
  type KeyedProcessFunction,
} from '@tocsin/stream-core'
import { bytesOf, type BenchJob, type Transfer } from './bench-job.ts'
import { inOrder, lineCodec } from './line-source.ts'

const longestRest = seconds(60)
const longestAge = hours(24)

interface Receipt {
  readonly at: number
  readonly value: bigint
}
/** A transfer as one of its two wallets sees it. */
interface Movement {
  readonly wallet: string
  readonly isSent: boolean
  readonly at: number
  readonly value: bigint
}

const isPassedOn = (firstSeen: number, receipt: Receipt, sent: Receipt): boolean =>
  sent.at - receipt.at <= longestRest && sent.at - firstSeen <= longestAge && sent.value * 10n >= receipt.value * 9n

const answer = (wallet: string, firstSeen: number, receipt: Receipt, sent: Receipt): string =>
  `{"wallet":"${wallet}","firstSeen":${firstSeen},"receivedAt":${receipt.at},"sentAt":${sent.at},` +
  `"received":"${receipt.value}","sent":"${sent.value}"}`

const firstSeenState = valueState('first-seen', timestampCodec)
const receiptState = valueState('receipt', jsonStateCodec<Receipt>())

const passThroughFunction: KeyedProcessFunction<string, Movement, string> = {
  processElement({ wallet, isSent, at, value }, ctx) {
    const seen = ctx.state(firstSeenState)
    const firstSeen = seen.value ?? (seen.value = at)
    const receipt = ctx.state(receiptState)
    if (!isSent) {
      receipt.value = { at, value }
      ctx.timers.registerEventTimeTimer(at + longestRest)
      return
    }
    const held = receipt.value
    if (held === undefined || !isPassedOn(firstSeen, held, { at, value })) return
    ctx.emit(answer(wallet, firstSeen, held, { at, value }))
    receipt.clear()
  },
  onTimer(timestamp, ctx) {
    const receipt = ctx.state(receiptState)
    // A later receipt has a timer of its own.
    if (receipt.value !== undefined && receipt.value.at + longestRest <= timestamp) receipt.clear()
  },
}

/** `j2`: money that a young wallet sends on within a minute. */
export const passThrough: BenchJob = {
  build(builder, { input, output }) {
    builder
      .source<Transfer>('transfers', { topic: input, codec: lineCodec(), watermarks: inOrder })
      .flatMap<Movement>(({ ts: at, from, to, value: text }) => {
        const value = BigInt(text)
        return [
          { wallet: from, isSent: true, at, value },
          { wallet: to, isSent: false, at, value },
        ]
      })
      .keyBy(({ wallet }) => wallet, stringKey)
      .process('pass-through', passThroughFunction)
      .sinkPlainTo('answers', { topic: output, codec: { encode: (line) => ({ key: null, value: bytesOf(line) }) } })
  },

  plain(lines) {
    const answers: string[] = []
    const firstSeen = new Map<string, number>()
    const receipts = new Map<string, Receipt>()
    for (const line of lines) {
      const { ts: at, from, to, value: text } = JSON.parse(line) as Transfer // the file is the bench's own
      const value = BigInt(text)
      const seen = firstSeen.get(from)
      if (seen === undefined) firstSeen.set(from, at)
      const receipt = receipts.get(from)
      if (receipt !== undefined && isPassedOn(seen ?? at, receipt, { at, value })) {
        answers.push(answer(from, seen ?? at, receipt, { at, value }))
        receipts.delete(from)
      }
      if (!firstSeen.has(to)) firstSeen.set(to, at)
      receipts.set(to, { at, value })
    }
    return answers
  },
}
