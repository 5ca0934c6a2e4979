import {
  actorOf,
  undoneBy,
  type ActedAt,
  type Address,
  type Asset,
  type ChainTransaction,
  type Frame,
  type LabelClass,
  type TokenInfo,
} from '@tocsin/chain-model'
import { placeOf, type Place, type PricedTransaction } from './priced-transaction.ts'
import { outlierPassedOver, priceAt, usd8Of, type Price } from './price.ts'

/**
 * Value that went from one address to another: the transaction's own value, a call frame's, or an EIP-20 Transfer. What
 * failed moved nothing; neither did a transfer of 0, nor one to oneself.
 */
export interface Transfer extends Place {
  readonly type: 'transfer'
  readonly via:
    | { readonly type: 'value' }
    | { readonly type: 'frame'; readonly traceAddress: readonly number[] }
    | { readonly type: 'log'; readonly logIndex: number }
  /** Names it within its transaction: stays when the transaction is included again. `value`, `frame-0.1`, `2`. */
  readonly ordinal: string
  readonly asset: Asset
  readonly token: Token
  readonly from: Address
  readonly to: Address
  readonly amount: bigint
  /** Null: unpriced, because there was no price or the decimals are unknown. */
  readonly usd8: bigint | null
  readonly price: Price | null
  /** A newer price, which is an outlier: it was not valued with that. */
  readonly passedOver: Price | null
  /**
   * Who acted: the account of a user operation, a Safe, an owner who signed, else the transaction's sender. Null where
   * the recording does not tell: then the sender of each transfer is taken for the actor.
   */
  readonly actor: Address | null
  readonly labels: { readonly from: readonly LabelClass[]; readonly to: readonly LabelClass[] }
}

/** What evidence needs of a token; `decimals` null where the ingestor did not know the token. */
export interface Token {
  readonly symbol: string | null
  readonly decimals: number | null
  readonly kind: TokenInfo['kind'] | 'native'
  readonly recognised: boolean
}

const nativeToken: Token = { symbol: null, decimals: 18, kind: 'native', recognised: true }
const unknownToken: Token = { symbol: null, decimals: null, kind: 'other', recognised: false }

/**
 * All transfers of the transaction: its value, its frames in order of execution, its logs in order. Computed once for a
 * transaction, however many detectors look at it.
 */
export function transfersOf(priced: PricedTransaction): readonly Transfer[] {
  const known = transfersOfSeen.get(priced)
  if (known !== undefined) return known
  const transfers = computeTransfers(priced)
  transfersOfSeen.set(priced, transfers)
  return transfers
}

const transfersOfSeen = new WeakMap<PricedTransaction, readonly Transfer[]>()

function computeTransfers({ transaction, prices }: PricedTransaction): readonly Transfer[] {
  if (transaction.status === 'failed') return []
  const place = placeOf(transaction)
  const transfer = (
    told: Pick<Transfer, 'via' | 'ordinal'>,
    moved: { readonly asset: Asset; readonly token: Token; readonly amount: bigint },
    from: Address | null,
    to: Address | null,
    at: ActedAt | null,
  ): readonly Transfer[] => {
    if (from === null || to === null || from === to || moved.amount === 0n) return []
    const { decimals } = moved.token
    const price = decimals === null ? null : priceAt(prices, moved.asset, place.timestamp)
    const passedOver = price === null ? null : outlierPassedOver(prices, moved.asset, place.timestamp)
    const usd8 = price === null || decimals === null ? null : usd8Of(moved.amount, decimals, price.price8)
    const labels = { from: labelsOf(transaction, from), to: labelsOf(transaction, to) }
    const actor = at === null ? transaction.from : actorOf(transaction, at).address
    return [{ type: 'transfer', ...place, ...told, ...moved, from, to, price, passedOver, usd8, actor, labels }]
  }

  const coin = (amount: bigint) => ({ asset: 'native', token: nativeToken, amount }) as const
  return [
    ...transfer(
      { via: { type: 'value' }, ordinal: 'value' },
      coin(transaction.value),
      transaction.from,
      transaction.to ?? transaction.contractAddress,
      null,
    ),
    ...executedFrames(transaction.frames ?? []).flatMap(({ traceAddress, value, from, to }) =>
      transfer(
        { via: { type: 'frame', traceAddress }, ordinal: `frame-${traceAddress.join('.')}` },
        coin(value),
        from,
        to,
        { frame: traceAddress },
      ),
    ),
    ...transaction.events.flatMap((event, position) =>
      event.type === 'erc20-transfer'
        ? transfer(
            { via: { type: 'log', logIndex: event.logIndex }, ordinal: `${position}` },
            { asset: event.address, token: tokenOf(transaction, event.address), amount: event.value },
            event.from,
            event.to,
            { event: position },
          )
        : [],
    ),
  ]
}

export function tokenOf({ tokens }: ChainTransaction, address: Address): Token {
  const info = tokens.find((token) => token.address === address)
  if (info === undefined) return unknownToken
  const { symbol, decimals, kind, recognised } = info
  return { symbol, decimals, kind, recognised }
}

export const labelsOf = ({ labels }: ChainTransaction, address: Address): readonly LabelClass[] =>
  labels.filter((label) => label.address === address).map((label) => label.class)

/** Names a transfer or swap over re-inclusion: never a block, never the log's index in it. */
export const occurrenceOf = ({ transactionHash, ordinal }: { transactionHash: string; ordinal: string }): string =>
  `${transactionHash}/${ordinal}`

/** The native coin and its wrapped token are one asset to whom they pass through. */
export const sameAsset = (a: Transfer, b: Transfer): boolean => assetFamily(a) === assetFamily(b)

const assetFamily = ({ asset, token }: Transfer): Asset => (token.kind === 'wrapped-native' ? 'native' : asset)

/** Frames below the top one that moved value: none below a frame that failed, none that only borrows its caller's. */
function executedFrames(frames: readonly Frame[]): readonly Frame[] {
  const isUndone = undoneBy(frames)
  const moves: readonly Frame['type'][] = ['call', 'create', 'create2', 'selfdestruct']
  return frames.filter(
    ({ traceAddress, type, value }) =>
      traceAddress.length > 0 && value > 0n && moves.includes(type) && !isUndone(traceAddress),
  )
}
