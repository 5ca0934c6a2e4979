import { infraClasses, type Address } from '@tocsin/chain-model'
import { days, minutes, seconds, valueState, type KeyedProcessFunction } from '@tocsin/stream-core'
import { defineDetector, DoesNotFireError, type Finding, type Judgement } from '../detector.ts'
import { displayAddress, displayUsd, displayUsdAbove } from '../display.ts'
import { occurrenceOf, transfersOf, type Transfer } from '../features/transfer.ts'
import { choice, duration, durationOrNever, labels, usd, usdText, type ParametersOf } from '../parameters.ts'
import { confidenceOf } from '../severity.ts'
import { excludedBy } from '../suppression.ts'
import { textKey, valueCodec } from '../value-codec.ts'

const id = 'running-total'

const parameters = {
  over: usd({ default: 100_000_00000000n, doc: 'what a wallet may send in all; more raises the alarm' }),
  report: choice({
    choices: ['every', 'crossing'],
    default: 'every',
    doc: 'every: at each transfer above the limit; crossing: once per multiple of the limit',
  }),
  idle: durationOrNever({
    default: days(30),
    range: [seconds(1), days(3650)],
    doc: 'a wallet that sent nothing for longer starts again at 0',
  }),
  exclude: labels({ default: infraClasses, doc: 'wallets that move other people’s money; [] leaves out nobody' }),
  coolDown: duration({
    default: minutes(10),
    range: [0, days(30)],
    doc: 'mutes further alerts of a wallet for so long; the next one counts them; 0: none',
  }),
}
type Parameters = ParametersOf<typeof parameters>

interface Total {
  readonly usd8: bigint
  /** Of the newest transfer. */
  readonly timestamp: number
}

/**
 * A wallet has sent more than a limit in all: the accumulator, which says so at the transfer that takes it there and then
 * adds, always. Honest look-alikes: anyone busy for long enough; exchanges and routers are left out by default.
 * State: one sum a wallet, gone when it was idle. Source: Flink's ValueState accumulator.
 */
export const runningTotal = defineDetector({
  id,
  version: '1.0.0',
  severity: 'low',
  summary: 'A wallet has sent more than a limit since it was last idle.',
  parameters,

  findings({ transactions, tally }, { over, report, idle, exclude }) {
    const totalState = valueState<Total>('total', valueCodec())
    const fold: KeyedProcessFunction<Address, Transfer, Finding> = {
      processElement(transfer, ctx) {
        const state = ctx.state(totalState)
        const last = state.value
        // Exactly `idle` is still within.
        const lapsed = last === undefined || (idle !== null && transfer.timestamp - last.timestamp > idle)
        const before = lapsed ? 0n : last.usd8
        const total = before + (transfer.usd8 ?? 0n)
        state.value = { usd8: total, timestamp: transfer.timestamp }
        if (last === undefined && idle !== null) ctx.timers.registerEventTimeTimer(transfer.timestamp + idle + 1)
        if (report === 'every' ? total <= over : multiples(total, over) === multiples(before, over)) return
        ctx.emit({ key: ctx.key, references: [transfer], prices: [], state: { 'total-before': usdText(before) } })
      },
      // One timer a wallet: it moves on while the wallet is still sending.
      onTimer(timestamp, ctx) {
        const state = ctx.state(totalState)
        if (state.value === undefined || idle === null) return
        if (state.value.timestamp + idle < timestamp) state.clear()
        else ctx.timers.registerEventTimeTimer(state.value.timestamp + idle + 1)
      },
    }
    return transactions
      .flatMap((transaction) =>
        transfersOf(transaction).filter((transfer) => {
          if (transfer.usd8 === null) {
            tally.unpriced(id)
            return false
          }
          const label = excludedBy(exclude, transfer.from, transfer.labels.from)
          if (label !== undefined) tally.suppressed(id, label)
          return label === undefined
        }),
      )
      .keyBy((transfer) => transfer.from, textKey<Address>())
      .process(`${id}-totals`, fold)
  },

  judge,
  leftOut: () => [],
})

/** How many multiples of `over`, from the first, the total exceeds. A limit of 0 is exceeded once. */
const multiples = (total: bigint, over: bigint): bigint => {
  if (total <= 0n) return 0n
  return over === 0n ? 1n : (total - 1n) / over
}

function judge({ key, references, state }: Finding, { over, report }: Parameters): Judgement {
  const [transfer] = references
  const refuse = (reason: string) => new DoesNotFireError(reason)
  if (references.length !== 1 || transfer?.type !== 'transfer' || transfer.usd8 === null)
    throw refuse('It rests on one transfer of known value.')
  if (transfer.from !== key) throw refuse(`The transfer was not sent by ${key}.`)
  const before = parameters.over.read(state['total-before'])
  const total = before + transfer.usd8
  if (total <= over)
    throw refuse(`The total, ${displayUsd(total, true)} USD, is not more than ${displayUsd(over)} USD.`)
  if (report === 'crossing' && multiples(total, over) === multiples(before, over))
    throw refuse('No multiple of the limit lies between the totals before and after.')
  const amount = displayUsdAbove(total, over)
  return {
    occurrence: occurrenceOf(transfer),
    eventTime: transfer.timestamp,
    severity: 'low',
    confidence: confidenceOf(90, transfer.actor === null ? -20 : 0),
    title: `${displayAddress(transfer.from)} has sent ${amount} USD in all`,
    sentence:
      `${transfer.from} sent ${displayUsd(transfer.usd8)} USD to ${transfer.to}, which makes ${amount} USD in all, ` +
      `more than the limit of ${displayUsd(over)} USD.`,
    thresholds: [{ parameter: 'over', limit: usdText(over), observed: usdText(total) }],
  }
}
