import { infraClasses, type Address, type LabelClass } from '@tocsin/chain-model'
import { formatDuration } from '@tocsin/service-kit'
import { days, hours, listState, minutes, seconds, type KeyedContext, type Timestamp } from '@tocsin/stream-core'
import type { ProfiledTransfer } from '../address-profile.ts'
import {
  defineDetector,
  DoesNotFireError,
  type DetectorStreams,
  type Finding,
  type Judgement,
  type Recording,
} from '../detector.ts'
import { displayAddress, displayAmount, displayName, displayUsd, displayUsdAbove } from '../display.ts'
import { isHub, withCounterparty, type Counterparty } from '../features/hub.ts'
import { occurrenceOf, sameAsset, transfersOf, type Transfer } from '../features/transfer.ts'
import { baseUnits, choice, duration, labels, usd, usdText, type ParametersOf } from '../parameters.ts'
import { confidenceOf, severityLadder } from '../severity.ts'
import { excludedBy } from '../suppression.ts'
import { textKey, valueCodec } from '../value-codec.ts'

const id = 'pass-through'

const parameters = {
  within: duration({ default: seconds(60), range: [0, days(1)], doc: 'how long after receiving, both ends included' }),
  over: usd({ default: 10_000_00000000n, doc: 'what may go out; more raises the alarm' }),
  overBase: baseUnits({ default: new Map(), doc: 'limits for assets without a price' }),
  asset: choice({
    choices: ['same', 'any'],
    default: 'same',
    doc: 'whether what came in must be what goes out (the native coin and its wrapped token are the same)',
  }),
  exclude: labels({
    default: [...infraClasses, 'hub'],
    doc: 'wallets through which money passes by design; `exchange` also as recipient; [] leaves out nobody',
  }),
  warmUp: duration({
    default: hours(24),
    range: [0, days(365)],
    doc: 'until the log reaches back so far, "never seen before" is unproven: confidence −30',
  }),
  coolDown: duration({
    default: minutes(10),
    range: [0, days(30)],
    doc: 'mutes further alerts of a wallet for so long; the next one counts them; 0: none',
  }),
}
type Parameters = ParametersOf<typeof parameters>

/** A transfer as one of its two wallets sees it. */
interface Flow extends ProfiledTransfer {
  readonly wallet: Address
}

/** Named limit: a wallet remembers so many receipts; of more, the oldest go. */
const maxReceipts = 256

/**
 * Money rests nowhere: what a wallet receives goes on at once, to an address that nobody has used before. So launderers
 * and drainers move it, one fresh wallet after the other.
 * Honest look-alikes: exchange sweeps and routers (labelled, or learned as hubs). Blind to a hop that waits.
 * State: at most 256 receipts a wallet, each gone after `within`; 32 counterparties for `hub`, gone after 10 min.
 */
export const passThrough = defineDetector({
  id,
  version: '1.0.0',
  severity: 'low',
  summary: 'A wallet sends a large amount to a never-seen address soon after it received funds.',
  parameters,

  findings(streams, chosen) {
    return streams
      .profiled()
      .flatMap((profiled) => [
        { ...profiled, wallet: profiled.transfer.from },
        { ...profiled, wallet: profiled.transfer.to },
      ])
      .keyBy((flow: Flow) => flow.wallet, textKey<Address>())
      .process(`${id}-receipts`, receiptsThenSends(chosen, streams.tally))
  },

  judge,
  leftOut: (transaction, finding, chosen) => {
    const send = finding.references.at(-1)
    if (send?.type !== 'transfer') return []
    return transfersOf(transaction).filter((transfer) => isFundedBy(send, transfer, chosen))
  },
  contradictions,
})

function receiptsThenSends(chosen: Parameters, tally: DetectorStreams['tally']) {
  const { within, exclude } = chosen
  const receiptsState = listState<ProfiledTransfer>('receipts', valueCodec())
  const counterpartiesState = listState<Counterparty>('counterparties', valueCodec())
  const learnsHubs = exclude.includes('hub')
  type Context = KeyedContext<Address, Finding>

  const meet = (ctx: Context, transfer: Transfer): void => {
    // Tokens of one's own making would let anybody pass for a hub.
    if (!learnsHubs || !isFunds(transfer, chosen)) return
    const met = ctx.state(counterpartiesState)
    // One timer a wallet: it moves on while there is somebody to forget.
    if (met.size === 0) ctx.timers.registerEventTimeTimer(forgottenAt(transfer))
    met.replace(withCounterparty(met.get(), ctx.key, transfer))
  }

  const receive = (ctx: Context, received: ProfiledTransfer): void => {
    if (!isFunds(received.transfer, chosen)) return
    const receipts = ctx.state(receiptsState)
    if (receipts.size === maxReceipts) receipts.replace(receipts.get().slice(1))
    receipts.add(received)
    ctx.timers.registerEventTimeTimer(received.transfer.timestamp + within + 1)
  }

  const send = (ctx: Context, { transfer, recipientNew, logStart }: Flow): void => {
    if (!recipientNew || !acted(ctx.key, transfer)) return
    if (transfer.usd8 === null && !chosen.overBase.has(transfer.asset)) tally.unpriced(id)
    if (!isLarge(transfer, chosen)) return
    const receipts = ctx
      .state(receiptsState)
      .get()
      .filter((receipt) => isFundedBy(transfer, receipt.transfer, chosen))
    if (receipts.length === 0) return
    const hub: readonly LabelOrHub[] = isHub(ctx.state(counterpartiesState).get(), transfer.timestamp) ? ['hub'] : []
    const label =
      [...transfer.labels.from, ...hub].find((one) => exclude.includes(one)) ??
      excludedBy(exclude, ctx.key, []) ??
      (exclude.includes('exchange') && transfer.labels.to.includes('exchange') ? 'exchange' : undefined)
    if (label !== undefined) {
      tally.suppressed(id, label)
      return
    }
    const state = {
      'recipient-seen-before': 'false',
      'wallet-seen-before': `${!receipts.some((receipt) => receipt.recipientNew)}`,
      'log-start': `${logStart}`,
    }
    const references = [...receipts.map((receipt) => receipt.transfer), transfer]
    ctx.emit({ key: ctx.key, references, prices: [], state })
  }

  return {
    processElement(flow: Flow, ctx: Context) {
      meet(ctx, flow.transfer)
      if (flow.transfer.to === ctx.key) receive(ctx, flow)
      else send(ctx, flow)
    },
    onTimer(timestamp: Timestamp, ctx: Context) {
      const receipts = ctx.state(receiptsState)
      const kept = receipts.get().filter(({ transfer }) => transfer.timestamp + within >= timestamp)
      if (kept.length < receipts.size) receipts.replace(kept)
      const met = ctx.state(counterpartiesState)
      const recent = met.get().filter((one) => forgottenAt(one) > timestamp)
      if (recent.length < met.size) met.replace(recent)
      const [oldest] = recent
      if (oldest !== undefined) ctx.timers.registerEventTimeTimer(forgottenAt(oldest))
    },
  }
}

/** When a counterparty no longer counts for `hub`. */
const forgottenAt = ({ timestamp }: { readonly timestamp: Timestamp }): Timestamp => timestamp + minutes(10) + 1

type LabelOrHub = LabelClass | 'hub'

/** Without an envelope nobody knows who acted: the sender of the transfer is taken for the actor, at confidence −20. */
const acted = (wallet: Address, { actor }: Transfer): boolean => actor === null || actor === wallet

/** A stranger’s token that says it paid you is no money: priced, listed, or given a limit of its own. */
const isFunds = ({ usd8, token, asset }: Transfer, { overBase }: Parameters): boolean =>
  usd8 !== null || token.recognised || overBase.has(asset)

function isLarge({ usd8, asset, amount }: Transfer, { over, overBase }: Parameters): boolean {
  const base = overBase.get(asset)
  return (usd8 !== null && usd8 > over) || (base !== undefined && amount > base)
}

/** Another transaction brought it to the sender, at most `within` before. That it stood earlier is the caller's. */
const isFundedBy = (send: Transfer, receipt: Transfer, chosen: Parameters): boolean =>
  receipt.to === send.from &&
  receipt.transactionHash !== send.transactionHash &&
  receipt.timestamp <= send.timestamp &&
  send.timestamp - receipt.timestamp <= chosen.within &&
  isFunds(receipt, chosen) &&
  (chosen.asset === 'any' || sameAsset(receipt, send))

const isBefore = (a: Transfer, b: Transfer): boolean =>
  a.blockNumber !== b.blockNumber ? a.blockNumber < b.blockNumber : a.transactionIndex < b.transactionIndex

function judge(finding: Finding, chosen: Parameters): Judgement {
  const { key, references, state } = finding
  const { over, overBase, within, warmUp } = chosen
  const refuse = (reason: string) => new DoesNotFireError(reason)
  const transfers = references.filter((reference) => reference.type === 'transfer')
  const send = transfers.at(-1)
  const receipts = transfers.slice(0, -1)
  if (send === undefined || receipts.length === 0 || transfers.length !== references.length)
    throw refuse('It rests on at least one receipt and one transfer out.')
  if (send.from !== key || !acted(send.from, send)) throw refuse(`${key} did not act in the transfer out.`)
  if (!isLarge(send, chosen)) throw refuse('What went out is not more than the limit.')
  if (!receipts.every((receipt) => isFundedBy(send, receipt, chosen) && isBefore(receipt, send)))
    throw refuse(`A receipt did not bring ${send.from} these funds within ${formatDuration(within)} before.`)
  if (state['recipient-seen-before'] !== 'false') throw refuse(`${send.to} was seen before.`)

  if (!['true', 'false'].includes(state['wallet-seen-before'] ?? ''))
    throw refuse(`Whether ${send.from} was seen before is not said.`)

  // The same asset is compared in base units: exact, and it needs no price.
  const inUsd = chosen.asset === 'any'
  const worth = (transfer: Transfer): bigint => (inUsd ? (transfer.usd8 ?? 0n) : transfer.amount)
  const received = receipts.reduce((sum, receipt) => sum + worth(receipt), 0n)
  const forwarded = worth(send) * 10n > received * 8n
  const covered = send.timestamp - Number(state['log-start'])
  const unproven = covered < warmUp
  const waited = send.timestamp - (receipts.at(-1)?.timestamp ?? send.timestamp)

  const limitInBase = overBase.get(send.asset)
  const byPrice = send.usd8 !== null && send.usd8 > over
  const large = byPrice ? `${displayUsd(over)} USD` : displayAmount(limitInBase ?? 0n, send.token.decimals ?? 0)
  const amount = byPrice
    ? `${displayUsdAbove(send.usd8 ?? 0n, over)} USD`
    : displayAmount(send.amount, send.token.decimals ?? 0)
  const asset = send.asset === 'native' ? 'the native coin' : displayName(send.token.symbol)
  const since = receipts.length === 1 ? 'it was funded' : `it was last funded, by ${receipts.length} transfers,`
  return {
    occurrence: occurrenceOf(send),
    eventTime: send.timestamp,
    severity: forwarded && send.usd8 !== null ? severityLadder(send.usd8) : 'low',
    confidence: confidenceOf(
      50,
      forwarded ? 20 : 0,
      state['wallet-seen-before'] === 'false' ? 15 : 0,
      unproven ? -30 : 0,
      send.actor === null ? -20 : 0,
    ),
    title: `${displayAddress(send.from)} passed ${amount} on to a new address`,
    sentence:
      `${send.from} sent ${amount} in ${asset} to ${send.to}, never seen before, ${formatDuration(waited)} after ${since} ` +
      `within the limit of ${formatDuration(within)}; more than ` +
      `${large} is large.` +
      (unproven
        ? ` That ${send.to} was never seen before is unproven: the log reaches back ${formatDuration(covered)} only.`
        : ''),
    thresholds: [
      byPrice
        ? { parameter: 'over', limit: usdText(over), observed: usdText(send.usd8 ?? 0n) }
        : { parameter: 'overBase', limit: `${limitInBase ?? 0n}`, observed: `${send.amount}` },
      { parameter: 'within', limit: `${within}`, observed: `${waited}` },
    ],
  }
}

/** An earlier transaction that names the recipient, or the wallet where it is said to be new. */
function contradictions({ references, state }: Finding, _: Parameters, recording: Recording): readonly string[] {
  const send = references.at(-1)
  if (send?.type !== 'transfer') return []
  const naming = recording.firstNaming(send.to)
  const walletNaming = recording.firstNaming(send.from)
  const funded = references.slice(0, -1).some(({ transactionHash }) => transactionHash === walletNaming?.hash)
  return [
    ...(naming !== undefined && naming.hash !== send.transactionHash
      ? [`The recipient ${send.to} is named before, in ${naming.hash}.`]
      : []),
    ...(state['wallet-seen-before'] === 'false' && walletNaming !== undefined && !funded
      ? [`The wallet ${send.from} is named before, in ${walletNaming.hash}.`]
      : []),
  ]
}
