import { parseAddress, type PriceTick } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DemoClock } from './clock.ts'
import { type FedAsset, priceAt, priceTicks } from './price-feed.ts'

const weth: FedAsset = { asset: parseAddress(`0x${'11'.repeat(20)}`), around8: 177_300_000_000n, steady: false }
const usdc: FedAsset = { asset: parseAddress(`0x${'22'.repeat(20)}`), around8: 100_000_000n, steady: true }
const anyTime = fc.integer({ min: 0, max: 2_000_000_000_000 })

describe('priceAt', () => {
  test('property: within 2 % of where it stands, at any time and seed', () => {
    fc.assert(
      fc.property(fc.string(), anyTime, (seed, time) => {
        const price8 = priceAt(seed, weth, time)
        expect(price8 * 100n).toBeGreaterThanOrEqual(weth.around8 * 98n)
        expect(price8 * 100n).toBeLessThanOrEqual(weth.around8 * 102n)
      }),
    )
  })

  test('property: within 10 s it moves by less than 0.1 %', () => {
    fc.assert(
      fc.property(anyTime, fc.integer({ min: 0, max: 10_000 }), (time, later) => {
        const move = priceAt('seed', weth, time + later) - priceAt('seed', weth, time)
        expect((move < 0n ? -move : move) * 1_000n).toBeLessThan(weth.around8)
      }),
    )
  })

  test('behavior: it moves, and another seed moves otherwise; a steady asset stands', () => {
    const day = Array.from({ length: 288 }, (_, step) => 1_700_000_000_000 + step * 300_000)
    const pricesOf = (seed: string) => day.map((time) => priceAt(seed, weth, time))
    const prices = pricesOf('a')
    expect(prices).toEqual(pricesOf('a'))
    expect(prices).not.toEqual(pricesOf('b'))
    const [low, high] = [prices.reduce((a, b) => (a < b ? a : b)), prices.reduce((a, b) => (a > b ? a : b))]
    expect(Number(high - low) / Number(weth.around8)).toBeGreaterThan(0.005)
    expect(new Set(day.map((time) => priceAt('a', usdc, time)))).toEqual(new Set([usdc.around8]))
  })
})

describe('priceTicks', () => {
  /** A clock that is where the test put it; who waits is woken when the test moves it. */
  const handClock = (start: number) => {
    let time = start
    let wake: (() => void)[] = []
    const clock: DemoClock = {
      now: () => time,
      until: async (until, signal) => {
        signal.addEventListener('abort', () => wake.forEach((each) => each()), { once: true })
        const waits = () => time < until && !signal.aborted
        while (waits()) await new Promise<void>((resolve) => wake.push(resolve))
        return !signal.aborted
      },
    }
    const moveTo = (to: number) => {
      time = to
      const woken = wake
      wake = []
      woken.forEach((each) => each())
    }
    return { clock, moveTo }
  }
  const take = async (ticks: AsyncGenerator<PriceTick>, count: number) => {
    const taken: PriceTick[] = []
    while (taken.length < count) {
      const next = await ticks.next()
      if (next.done === true) break
      taken.push(next.value)
    }
    return taken
  }
  const start = 1_700_000_000_000

  test('default: the past at once, then as the clock goes, every 2 s and in order', async () => {
    const { clock, moveTo } = handClock(start + 4_500)
    const ending = new AbortController()
    const ticks = priceTicks({ seed: 's', assets: [weth, usdc], from: start, clock }, ending.signal)
    const past = await take(ticks, 6)
    expect(past.map(({ asset, time }) => [asset === weth.asset ? 'weth' : 'usdc', time - start])).toEqual([
      ...[
        ['weth', 0],
        ['usdc', 0],
        ['weth', 2_000],
        ['usdc', 2_000],
        ['weth', 4_000],
        ['usdc', 4_000],
      ],
    ])
    expect(past.every(({ price8, asset, time }) => asset === usdc.asset || price8 === priceAt('s', weth, time))).toBe(
      true,
    )
    const next = ticks.next()
    moveTo(start + 6_000)
    expect((await next).value).toMatchObject({
      time: start + 6_000,
      chainId: 31_337,
      source: 'demo-feed',
      maxAge: 60_000,
    })
    ending.abort()
  })

  test('behavior: where the clock jumps ahead, nothing is made up for the time between', async () => {
    const { clock, moveTo } = handClock(start)
    const ending = new AbortController()
    const ticks = priceTicks({ seed: 's', assets: [weth], from: start, clock }, ending.signal)
    await take(ticks, 1)
    const next = ticks.next()
    moveTo(start + 2_000)
    await next
    moveTo(start + 3_600_000)
    expect((await take(ticks, 1)).map(({ time }) => time - start)).toEqual([3_600_000])
    ending.abort()
  })

  test('behavior: the signal ends it, also while it waits', async () => {
    const { clock } = handClock(start)
    const ending = new AbortController()
    const ticks = priceTicks({ seed: 's', assets: [weth], from: start + 1, clock }, ending.signal)
    const next = ticks.next()
    ending.abort()
    expect(await next).toEqual({ done: true, value: undefined })
  })
})
