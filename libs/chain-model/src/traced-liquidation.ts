import { parseAddress, type Address } from './address.ts'
import { isWithin, undoneBy, type TraceAddress } from './frame.ts'
import type { Asset } from './price.ts'
import { tracedTransfersOf, type Traced, type TracedTransfer } from './traced-transfer.ts'

/** A loan that another than its borrower repaid, for some of the collateral. */
export interface TracedLiquidation {
  readonly traceAddress: TraceAddress
  readonly protocol: 'aave' | 'compound'
  /** The contract called: Aave's pool, or the market of the debt, of Compound or a fork. */
  readonly address: Address
  readonly liquidator: Address
  readonly borrower: Address
  readonly debtAsset: Asset
  readonly debtRepaid: bigint
  /** What the liquidator got: an asset, an aToken of Aave, or the token of a market of Compound. */
  readonly collateralAsset: Asset
  /** Null where no call tells it: the market of the debt seized its own token. */
  readonly collateralSeized: bigint | null
  /** Its frame or one above it failed: it was tried, and nothing moved. */
  readonly undone: boolean
}

/** Aave v1's name for the native coin. */
const aaveNative = parseAddress('0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee')

/**
 * The liquidations of a transaction as its call frames tell them, in order of execution, those undone too: for sources
 * that hold traces and no logs (see {@link tracedTransfersOf} for what that leaves uncertain). A call counts where the
 * liquidator paid below its frame: markets of Compound refuse with an error code and go on. Amounts are those that moved
 * and not those asked for; of what a market of Compound seizes it may keep a share, which no call tells.
 */
export function tracedLiquidationsOf(transaction: Traced): readonly TracedLiquidation[] {
  const { frames, calls } = transaction
  const asked = (calls ?? []).filter(({ type }) => type === 'liquidation-call' || type === 'liquidate-borrow')
  if (frames === null || asked.length === 0) return []
  const isUndone = undoneBy(frames)
  const transfers = tracedTransfersOf(transaction)
  return asked.flatMap((call): readonly TracedLiquidation[] => {
    const { traceAddress, address, caller: liquidator } = call
    if (traceAddress === null) return []
    const undone = isUndone(traceAddress)
    const below = transfers.filter((one) => isWithin(one.traceAddress, traceAddress) && (undone || !one.undone))
    const paid = below.filter(({ from }) => from === liquidator)
    const common = { traceAddress, address, liquidator, undone }
    if (call.type === 'liquidation-call') {
      const debtAsset = assetOf(call.debtAsset)
      const debtRepaid = sumOf(paid.filter(({ asset }) => asset === debtAsset))
      const got = below.filter(
        ({ to, asset, from }) =>
          to === liquidator && (call.receivesAToken ? from === call.borrower : asset === assetOf(call.collateralAsset)),
      )
      const [collateral] = got
      if (debtRepaid === 0n || collateral === undefined) return []
      return [
        {
          ...common,
          protocol: 'aave',
          borrower: call.borrower,
          debtAsset,
          debtRepaid,
          collateralAsset: collateral.asset,
          collateralSeized: sumOf(got),
        },
      ]
    }
    if (call.type !== 'liquidate-borrow') return []
    const [debt] = paid
    if (debt === undefined) return []
    const seized = calls?.find(
      (one) =>
        one.type === 'seize' &&
        one.address === call.collateralMarket &&
        one.traceAddress !== null &&
        isWithin(one.traceAddress, traceAddress),
    )
    return [
      {
        ...common,
        protocol: 'compound',
        borrower: call.borrower,
        debtAsset: debt.asset,
        debtRepaid: sumOf(paid.filter(({ asset }) => asset === debt.asset)),
        collateralAsset: call.collateralMarket,
        collateralSeized: seized?.type === 'seize' ? seized.seizeTokens : null,
      },
    ]
  })
}

const assetOf = (address: Address): Asset => (address === aaveNative ? 'native' : address)

const sumOf = (transfers: readonly TracedTransfer[]): bigint => transfers.reduce((sum, { amount }) => sum + amount, 0n)
