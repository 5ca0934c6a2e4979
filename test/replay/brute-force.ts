import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** Plain loops over a range of logs, which know nothing of streams: what `transfer-volume` must agree with. */
export interface BruteForce {
  readonly sliding: readonly string[]
  readonly tumbling: readonly string[]
  readonly trailing: readonly string[]
  /** Senders whose largest trailing sum is exactly the limit. */
  readonly atTheLimit: readonly string[]
}

export interface ConstantPrice {
  readonly decimals: number
  /** In 1e-8 USD. */
  readonly price8: bigint
}

const transferTopic = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const window = 600_000
const slide = 60_000
const limit = 100_000n * 100_000_000n

interface RecordedBlock {
  readonly timestampEstimate: number
  readonly logs: readonly { readonly address: string; readonly topics: readonly string[]; readonly data: string }[]
}

export function bruteForce(recording: string, prices: ReadonlyMap<string, ConstantPrice>): BruteForce {
  const bySender = new Map<string, { readonly time: number; readonly usd8: bigint }[]>()
  for (const line of gunzipSync(readFileSync(recording)).toString('utf8').trim().split('\n')) {
    const block = JSON.parse(line) as RecordedBlock
    for (const { address, topics, data } of block.logs) {
      const price = prices.get(address)
      if (price === undefined || topics[0] !== transferTopic || topics.length !== 3 || data.length !== 66) continue
      const from = `0x${(topics[1] ?? '').slice(26)}`
      if (from === `0x${(topics[2] ?? '').slice(26)}`) continue
      const sent = bySender.get(from) ?? []
      sent.push({
        time: block.timestampEstimate * 1000,
        usd8: (BigInt(data) * price.price8) / 10n ** BigInt(price.decimals),
      })
      bySender.set(from, sent)
    }
  }
  const senders = (fires: (sent: readonly { readonly time: number; readonly usd8: bigint }[]) => boolean) =>
    [...bySender]
      .filter(([, sent]) => fires(sent))
      .map(([sender]) => sender)
      .toSorted()
  const sums = (sent: readonly { readonly time: number; readonly usd8: bigint }[], every: number) => {
    const byStart = new Map<number, bigint>()
    for (const { time, usd8 } of sent)
      for (let start = time - (time % every); start > time - window; start -= every)
        byStart.set(start, (byStart.get(start) ?? 0n) + usd8)
    return [...byStart.values()]
  }
  const trailing = (sent: readonly { readonly time: number; readonly usd8: bigint }[]) =>
    sent.map(({ time }, index) =>
      sent.slice(0, index + 1).reduce((sum, earlier) => (earlier.time >= time - window ? sum + earlier.usd8 : sum), 0n),
    )
  const most = (values: readonly bigint[]) => values.reduce((a, b) => (a > b ? a : b), 0n)
  return {
    sliding: senders((sent) => most(sums(sent, slide)) > limit),
    tumbling: senders((sent) => most(sums(sent, window)) > limit),
    trailing: senders((sent) => most(trailing(sent)) > limit),
    atTheLimit: senders((sent) => most(trailing(sent)) === limit),
  }
}
