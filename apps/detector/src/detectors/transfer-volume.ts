import { infraClasses, type Address } from '@tocsin/chain-model'
import { formatDuration } from '@tocsin/service-kit'
import {
  days,
  minutes,
  seconds,
  sliding,
  tumbling,
  valueState,
  type AggregateFunction,
  type DataStream,
  type KeyedProcessFunction,
  type KeyedStream,
  type WindowFunction,
} from '@tocsin/stream-core'
import {
  defineDetector,
  DoesNotFireError,
  type DetectorStreams,
  type Finding,
  type Judgement,
  type Reference,
} from '../detector.ts'
import { displayAddress, displayTime, displayUsd, displayUsdAbove } from '../display.ts'
import type { PricedTransaction } from '../features/priced-transaction.ts'
import { trailingFindings, windowBounds, type TrailingWindowOptions } from '../features/trailing-window.ts'
import { transfersOf, type Transfer } from '../features/transfer.ts'
import { choice, duration, labels, usd, usdText, type ParametersOf } from '../parameters.ts'
import { confidenceOf, severityLadder } from '../severity.ts'
import { excludedBy } from '../suppression.ts'
import { textKey, valueCodec } from '../value-codec.ts'

const id = 'transfer-volume'

const parameters = {
  over: usd({ default: 100_000_00000000n, doc: 'what a wallet may send within one window; more raises the alarm' }),
  window: choice({
    choices: ['sliding', 'tumbling', 'trailing'],
    default: 'sliding',
    doc: 'sliding and tumbling: [start, end), aligned to the epoch; trailing: [t − length, t] at each transfer',
  }),
  length: duration({ default: minutes(10), range: [seconds(1), days(7)], doc: 'of a window' }),
  slide: duration({ default: minutes(1), range: [seconds(1), days(7)], doc: 'a new sliding window starts every' }),
  report: choice({
    choices: ['each', 'episode'],
    default: 'each',
    doc: 'each: an alert per window above the limit; episode: one for as long as the sum stays above, revised while it grows',
  }),
  exclude: labels({ default: infraClasses, doc: 'wallets that move other people’s money; [] leaves out nobody' }),
  coolDown: duration({
    default: 0,
    range: [0, days(30)],
    doc: 'mutes further alerts of a wallet for so long; 0: none, since `report` says how often it speaks',
  }),
}
type Parameters = ParametersOf<typeof parameters>

/** What a wallet sent in one pane or window. */
interface Volume {
  readonly usd8: bigint
  readonly transfers: Rope | null
}
/** Transfers in order, joined without copying: a window that stays below the limit never lists its own. */
type Rope = { readonly transfer: Transfer } | { readonly before: Rope; readonly after: Rope }

/**
 * A wallet sends more than a limit in a span of time: the plainest sign of a drained key or a cash-out.
 * Honest look-alikes: exchanges, routers, pools, bridges; they are labelled and left out by default. Blind to many
 * wallets that each stay below. State: per open window a sum and its transfers; trailing: at most 10,000 transfers.
 * Source: Flink's sliding and tumbling event-time windows; `GROUP BY wallet, TUMBLE(ts) HAVING SUM(amount) > limit`.
 */
export const transferVolume = defineDetector({
  id,
  version: '1.0.0', // the major is part of the alert id: raise it when the same evidence would mean something else
  severity: 'high',
  summary: 'A wallet sends more than a limit in EIP-20 tokens within a window of time.',
  parameters,

  findings(streams, chosen) {
    const wallets = streams.transactions
      .flatMap((transaction) => countedTransfers(transaction, chosen, streams))
      .keyBy((transfer) => transfer.from, textKey<Address>())
    const found =
      chosen.window === 'trailing'
        ? wallets.process(`${id}-trailing`, trailingFindings(trailingOf(chosen)))
        : windowFindings(wallets, chosen)
    if (chosen.report === 'each') return found
    return found.keyBy(({ key }) => key, textKey()).process(`${id}-episodes`, growingEpisodes(chosen))
  },

  judge,

  leftOut: (transaction, { key }) =>
    transfersOf(transaction).filter((transfer) => transfer.from === key && isCounted(transfer)),
})

const trailingOf = ({ length, over, report }: Parameters): TrailingWindowOptions<Transfer> => ({
  length,
  amountOf: ({ usd8 }) => usd8 ?? 0n,
  isAbove: (sum) => sum > over,
  tellsMore: report === 'episode',
})

/** EIP-20 transfers with a known value; the log says how much, so a token that takes a fee counts before the fee. */
const isCounted = (transfer: Transfer): boolean => transfer.via.type === 'log' && transfer.usd8 !== null

function countedTransfers(
  transaction: PricedTransaction,
  { exclude }: Parameters,
  { tally }: Pick<DetectorStreams, 'tally'>,
): readonly Transfer[] {
  return transfersOf(transaction).filter((transfer) => {
    if (transfer.via.type !== 'log') return false
    if (transfer.usd8 === null) {
      tally.unpriced(id)
      return false
    }
    const label = excludedBy(exclude, transfer.from, transfer.labels.from)
    if (label !== undefined) tally.suppressed(id, label)
    return label === undefined
  })
}

function windowFindings(wallets: KeyedStream<Address, Transfer>, chosen: Parameters): DataStream<Finding> {
  const assigner = chosen.window === 'tumbling' ? tumbling(chosen.length) : sliding(chosen.length, chosen.slide)
  const aboveLimit: WindowFunction<Address, Volume, Finding> = (volume, window, key, emit) => {
    if (volume.usd8 <= chosen.over) return
    const state = { 'window-start': `${window.start}`, 'window-end': `${window.end}` }
    emit({ key, references: transfersIn(volume), prices: [], state })
  }
  return wallets.window(assigner).aggregate(`${id}-windows`, sumOfTransfers, volumeCodec, aboveLimit)
}

const sumOfTransfers: AggregateFunction<Transfer, Volume, Volume> = {
  createAccumulator: () => ({ usd8: 0n, transfers: null }),
  add: (transfer, volume) => sumOfTransfers.merge(volume, { usd8: transfer.usd8 ?? 0n, transfers: { transfer } }),
  merge: (a, b) => ({
    usd8: a.usd8 + b.usd8,
    transfers: a.transfers && b.transfers ? { before: a.transfers, after: b.transfers } : (a.transfers ?? b.transfers),
  }),
  getResult: (volume) => volume,
}

function transfersIn({ transfers }: Volume): readonly Transfer[] {
  const listed: Transfer[] = []
  const open: Rope[] = transfers === null ? [] : [transfers]
  for (let rope = open.pop(); rope !== undefined; rope = open.pop()) {
    if ('transfer' in rope) listed.push(rope.transfer)
    else open.push(rope.after, rope.before)
  }
  return listed
}

const transfersCodec = valueCodec<readonly Transfer[]>()
const volumeCodec = {
  version: 1,
  encode: (volume: Volume) => transfersCodec.encode(transfersIn(volume)),
  decode: (bytes: Uint8Array): Volume =>
    transfersCodec
      .decode(bytes)
      .reduce((volume, transfer) => sumOfTransfers.add(transfer, volume), sumOfTransfers.createAccumulator()),
}

interface Episode {
  /** The occurrence of its first alert. */
  readonly first: string
  readonly newestStart: number
  readonly peak: bigint
}

/** Lets the first finding of a burst through, and after it those that exceed all earlier ones, under the same id. */
function growingEpisodes({ window, length, slide }: Parameters): KeyedProcessFunction<string, Finding, Finding> {
  const open = valueState<Episode>('episode', valueCodec())
  const step = window === 'tumbling' ? length : slide
  return {
    processElement(finding, ctx) {
      const { start } = windowBounds(finding)
      const total = sumOf(finding.references)
      const episode = ctx.state(open)
      const previous = episode.value
      const goesOn =
        previous !== undefined &&
        (window === 'trailing' ? finding.state['continues'] === 'true' : start <= previous.newestStart + step)
      const first = goesOn ? previous.first : ownOccurrence(finding, window)
      const peak = goesOn && previous.peak >= total ? previous.peak : total
      episode.value = { first, newestStart: start, peak }
      if (goesOn && previous.peak >= total) return
      ctx.emit({ ...finding, state: { ...finding.state, episode: first } })
    },
  }
}

function judge(finding: Finding, { over, window, length, slide }: Parameters): Judgement {
  const { key, state } = finding
  const { start, end } = windowBounds(finding)
  const refuse = (reason: string) => new DoesNotFireError(reason)
  const transfers = finding.references.filter((reference) => reference.type === 'transfer')
  if (transfers.length !== finding.references.length || !transfers.every(isCounted))
    throw refuse('Only EIP-20 transfers of known value count.')
  if (!transfers.every(({ from }) => from === key)) throw refuse(`A transfer was not sent by ${key}.`)
  // Half-open windows, but a trailing one has both ends in.
  const lastIn = window === 'trailing' ? end : end - 1
  if (end - start !== length) throw refuse(`The window is ${end - start} ms long, not ${length}.`)
  if (window !== 'trailing' && start % (window === 'sliding' ? slide : length) !== 0)
    throw refuse('The window is not aligned to the epoch.')
  if (!transfers.every(({ timestamp }) => timestamp >= start && timestamp <= lastIn))
    throw refuse('A transfer lies outside the window.')

  const total = sumOf(transfers)
  if (total <= over) throw refuse(`The sum, ${displayUsd(total, true)} USD, is not more than ${displayUsd(over)} USD.`)
  const last = transfers.at(-1)
  if (window === 'trailing') {
    if (last?.timestamp !== end) throw refuse('A trailing window ends with its last transfer.')
    if (state['continues'] !== 'true' && total - (last.usd8 ?? 0n) > over)
      throw refuse('The sum was above the limit before the last transfer.')
  }

  const amount = displayUsdAbove(total, over)
  const span = formatDuration(length)
  const many = transfers.length === 1 ? 'one EIP-20 transfer' : `${transfers.length} EIP-20 transfers`
  const lost = state['truncated'] === undefined ? '' : ` ${state['truncated']} earlier transfers are not in the sum.`
  return {
    occurrence: state['episode'] ?? ownOccurrence(finding, window),
    eventTime: lastIn,
    severity: severityLadder(total),
    confidence: confidenceOf(80, transfers.some(({ actor }) => actor === null) ? -20 : 0),
    title: `${displayAddress(key)} sent ${amount} USD within ${span}`,
    sentence:
      `${key} sent ${amount} USD in ${many} in the ${span} from ${displayTime(start)} to ${displayTime(end)}, ` +
      `more than the limit of ${displayUsd(over)} USD.${lost}`,
    thresholds: [{ parameter: 'over', limit: usdText(over), observed: usdText(total) }],
  }
}

const ownOccurrence = (finding: Finding, window: Parameters['window']): string =>
  window === 'trailing' ? (finding.references.at(-1)?.transactionHash ?? '') : `${windowBounds(finding).start}`

const sumOf = (references: readonly Reference[]): bigint =>
  references.reduce((sum, reference) => sum + (reference.type === 'transfer' ? (reference.usd8 ?? 0n) : 0n), 0n)
