import { describe, expect, test } from 'vitest'
import { parseAddress, type Address } from './address.ts'
import type { ChainCall, ChainCallOf } from './call.ts'
import type { Frame } from './frame.ts'
import { tracedLiquidationsOf } from './traced-liquidation.ts'
import { tracedSwapsOf } from './traced-swap.ts'
import { tracedTransfersOf, type Traced } from './traced-transfer.ts'

const address = (digits: string): Address => parseAddress(`0x${digits.repeat(20)}`)
const [ann, bob, pool, market] = [address('a1'), address('b2'), address('c3'), address('d4')]
const [gold, coal] = [address('90'), address('c0')]

/** One call of a transaction: its frame, and what it is decoded as. */
interface Step {
  readonly frame: Frame
  readonly call: ChainCall | null
}
const step = (
  traceAddress: readonly number[],
  from: Address,
  to: Address,
  { value = 0n, error = null }: { readonly value?: bigint; readonly error?: string | null } = {},
): Step => ({
  frame: { traceAddress: [...traceAddress], type: 'call', from, to, value, selector: '0x', error },
  call: null,
})
type Arguments<Call> = Omit<Call, 'traceAddress' | 'caller' | 'address' | 'value' | 'rest'>
const called = <Call extends ChainCall>(made: Step, args: Arguments<Call>): Step => {
  const { traceAddress, from: caller, to, value } = made.frame
  // A call's own fields and what every call has are the call.
  const call = { traceAddress, caller, address: to, value, rest: 0, ...args } as unknown as Call
  return { ...made, call }
}
const transfer = (traceAddress: readonly number[], token: Address, from: Address, to: Address, amount: bigint) =>
  called<ChainCallOf<'transfer'>>(step(traceAddress, from, token), { type: 'transfer', to, amount })
const pull = (
  traceAddress: readonly number[],
  token: Address,
  by: Address,
  from: Address,
  to: Address,
  amount: bigint,
) => called<ChainCallOf<'transfer-from'>>(step(traceAddress, by, token), { type: 'transfer-from', from, to, amount })
const pairSwap = (traceAddress: readonly number[], to: Address, error: string | null = null) =>
  called<ChainCallOf<'pair-swap'>>(step(traceAddress, ann, pool, { error }), {
    type: 'pair-swap',
    amount0Out: 0n,
    amount1Out: 1n,
    to,
    flash: false,
  })
const traced = (...steps: readonly Step[]): Traced => ({
  frames: steps.map(({ frame }) => frame),
  calls: steps.flatMap(({ call }) => call ?? []),
})

describe('tracedTransfersOf', () => {
  test('default: coins and tokens that were called for, in order of execution', () => {
    const found = tracedTransfersOf(
      traced(
        step([], ann, bob, { value: 5n }),
        transfer([0], gold, bob, ann, 7n),
        pull([1], coal, bob, ann, pool, 9n),
        transfer([2], gold, bob, bob, 1n),
      ),
    )
    expect(found).toEqual([
      { traceAddress: [], asset: 'native', from: ann, to: bob, amount: 5n, undone: false },
      { traceAddress: [0], asset: gold, from: bob, to: ann, amount: 7n, undone: false },
      { traceAddress: [1], asset: coal, from: ann, to: pool, amount: 9n, undone: false },
    ])
  })

  test('behavior: what a token hands on by a call is told once, what it moves besides is told too', () => {
    const found = tracedTransfersOf(
      traced(
        transfer([0], gold, ann, bob, 7n),
        transfer([0, 0], market, gold, bob, 7n),
        transfer([0, 1], coal, gold, pool, 3n),
      ),
    )
    expect(found.map(({ asset, amount }) => [asset, amount])).toEqual([
      [gold, 7n],
      [coal, 3n],
    ])
  })

  test('behavior: what stands below a failed frame is undone; without frames nothing is told', () => {
    const failed = traced(
      step([], ann, bob),
      step([0], bob, pool, { error: 'Reverted' }),
      transfer([0, 0], gold, pool, ann, 1n),
    )
    expect(tracedTransfersOf(failed).map(({ undone }) => undone)).toEqual([true])
    expect(tracedTransfersOf({ ...failed, frames: null })).toEqual([])
  })
})

describe('tracedSwapsOf', () => {
  const swap = {
    protocol: 'uniswap-v2',
    pool,
    payer: ann,
    recipient: ann,
    tokenIn: gold,
    tokenOut: coal,
    undone: false,
  }

  test('default: a pair is paid before it is called, and each payment once', () => {
    const found = tracedSwapsOf(
      traced(
        transfer([0], gold, ann, pool, 10n),
        pairSwap([1], ann),
        transfer([1, 0], coal, pool, ann, 4n),
        transfer([2], gold, ann, pool, 20n),
        pairSwap([3], ann),
        transfer([3, 0], coal, pool, ann, 6n),
      ),
    )
    expect(found).toEqual([
      { ...swap, traceAddress: [1], amountIn: 10n, amountOut: 4n },
      { ...swap, traceAddress: [3], amountIn: 20n, amountOut: 6n },
    ])
  })

  test('behavior: what a flash swap was paid with below its frame pays for no later one', () => {
    const found = tracedSwapsOf(
      traced(
        pairSwap([0], ann),
        transfer([0, 0], coal, pool, ann, 4n),
        transfer([0, 1], gold, ann, pool, 10n),
        transfer([1], gold, ann, pool, 20n),
        pairSwap([2], ann),
        transfer([2, 0], coal, pool, ann, 6n),
      ),
    )
    expect(found).toEqual([
      { ...swap, traceAddress: [0], amountIn: 10n, amountOut: 4n },
      { ...swap, traceAddress: [2], amountIn: 20n, amountOut: 6n },
    ])
  })

  test('behavior: a swap undone leaves its payment for the next one', () => {
    const found = tracedSwapsOf(
      traced(
        transfer([0], gold, ann, pool, 10n),
        pairSwap([1], ann, 'Reverted'),
        transfer([1, 0], coal, pool, ann, 4n),
        pairSwap([2], ann),
        transfer([2, 0], coal, pool, ann, 3n),
      ),
    )
    expect(found).toEqual([
      { ...swap, traceAddress: [1], amountIn: 10n, amountOut: 4n, undone: true },
      { ...swap, traceAddress: [2], amountIn: 10n, amountOut: 3n },
    ])
  })

  test('behavior: a token that sells its fees within its transfer does not spend that transfer', () => {
    const found = tracedSwapsOf(
      traced(
        transfer([0], gold, ann, pool, 10n),
        transfer([0, 0], gold, gold, pool, 2n),
        pairSwap([0, 1], gold),
        transfer([0, 1, 0], coal, pool, gold, 1n),
        pairSwap([1], ann),
        transfer([1, 0], coal, pool, ann, 4n),
      ),
    )
    expect(found).toEqual([
      { ...swap, traceAddress: [0, 1], payer: gold, recipient: gold, amountIn: 2n, amountOut: 1n },
      { ...swap, traceAddress: [1], amountIn: 10n, amountOut: 4n },
    ])
  })

  test('behavior: a loan repaid in kind is no swap, nor is a call that nothing came out of', () => {
    const loan = traced(
      pairSwap([0], ann),
      transfer([0, 0], coal, pool, ann, 4n),
      transfer([0, 1], coal, ann, pool, 5n),
    )
    expect(tracedSwapsOf(loan)).toEqual([])
    expect(tracedSwapsOf(traced(transfer([0], gold, ann, pool, 10n), pairSwap([1], ann)))).toEqual([])
  })
})

describe('tracedLiquidationsOf', () => {
  const native = (error: string | null = null) =>
    called<ChainCallOf<'liquidate-borrow'>>(step([0], ann, pool, { value: 5n, error }), {
      type: 'liquidate-borrow',
      borrower: bob,
      amount: 5n,
      native: true,
      collateralMarket: market,
    })
  const seize = called<ChainCallOf<'seize'>>(step([0, 0], pool, market), {
    type: 'seize',
    liquidator: ann,
    borrower: bob,
    seizeTokens: 80n,
  })
  const expected = {
    traceAddress: [0],
    protocol: 'compound',
    address: pool,
    liquidator: ann,
    borrower: bob,
    debtAsset: 'native',
    debtRepaid: 5n,
    collateralAsset: market,
    collateralSeized: 80n,
    undone: false,
  }

  test('default: what was repaid and what another market seized; what its own market did no call tells', () => {
    expect(tracedLiquidationsOf(traced(native(), seize))).toEqual([expected])
    expect(tracedLiquidationsOf(traced(native()))).toEqual([{ ...expected, collateralSeized: null }])
    expect(tracedLiquidationsOf(traced(native('Reverted'), seize))).toEqual([{ ...expected, undone: true }])
  })

  test('behavior: a market of tokens that refuses by an error code, and moves nothing, liquidated nobody', () => {
    const asked = called<ChainCallOf<'liquidate-borrow'>>(step([0], ann, pool), {
      type: 'liquidate-borrow',
      borrower: bob,
      amount: 5n,
      native: false,
      collateralMarket: market,
    })
    expect(tracedLiquidationsOf(traced(asked))).toEqual([])
    const repaid = traced(asked, pull([0, 0], gold, pool, ann, pool, 4n))
    expect(tracedLiquidationsOf(repaid)).toMatchObject([{ debtAsset: gold, debtRepaid: 4n, collateralSeized: null }])
  })

  test('default: of Aave the amounts that moved, of the asset or of the aToken in its place', () => {
    const call = (receivesAToken: boolean) =>
      called<ChainCallOf<'liquidation-call'>>(step([0], ann, pool), {
        type: 'liquidation-call',
        collateralAsset: coal,
        debtAsset: gold,
        borrower: bob,
        debtToCover: 2n ** 256n - 1n,
        receivesAToken,
      })
    const repay = pull([0, 1], gold, pool, ann, pool, 4n)
    const found = tracedLiquidationsOf(traced(call(false), transfer([0, 0], coal, pool, ann, 9n), repay))
    const told = {
      protocol: 'aave',
      borrower: bob,
      debtAsset: gold,
      debtRepaid: 4n,
      collateralSeized: 9n,
      undone: false,
    }
    expect(found).toEqual([{ ...told, traceAddress: [0], address: pool, liquidator: ann, collateralAsset: coal }])
    const aToken = called<ChainCallOf<'transfer-on-liquidation'>>(step([0, 0], pool, market), {
      type: 'transfer-on-liquidation',
      from: bob,
      to: ann,
      amount: 9n,
    })
    expect(tracedLiquidationsOf(traced(call(true), aToken, repay))).toMatchObject([
      { ...told, collateralAsset: market },
    ])
  })
})
