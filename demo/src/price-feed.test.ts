import { parseAddress, type PriceTick } from '@tocsin/chain-model'
import fc from 'fast-check'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { DemoClock } from './clock.ts'
import { type FedAsset, priceAt, priceFeed } from './price-feed.ts'

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

describe('priceFeed', () => {
  /** A clock that is where the test put it; who waits is woken when the test moves it. */
  const handClock = (start: number) => {
    let time = start
    let wake: (() => void)[] = []
    const wakeAll = () => {
      const woken = wake
      wake = []
      for (const each of woken) each()
    }
    const clock: DemoClock = {
      now: () => time,
      until: async (until, signal) => {
        signal.addEventListener('abort', wakeAll, { once: true })
        const waits = () => time < until && !signal.aborted
        while (waits()) await new Promise<void>((resolve) => wake.push(resolve))
        return !signal.aborted
      },
    }
    const moveTo = async (to: number) => {
      time = to
      wakeAll()
      await setImmediate()
    }
    return { clock, moveTo }
  }
  const start = 1_700_000_000_000
  const run = (now: number, from: number, assets: readonly FedAsset[]) => {
    const { clock, moveTo } = handClock(now)
    const ending = new AbortController()
    const ticks: PriceTick[] = []
    const failed = (error: unknown) => {
      throw error
    }
    const running = priceFeed({ seed: 's', assets, from, clock }).run((tick) => ticks.push(tick), failed, ending.signal)
    return { ticks, moveTo, running, stop: () => ending.abort() }
  }

  test('default: the past before anything else can happen, then every 2 s, in order', async () => {
    const { ticks, moveTo, running, stop } = run(start + 25_000, start, [weth, usdc])
    const seen = () => ticks.map(({ asset, time }) => [asset === weth.asset ? 'weth' : 'usdc', time - start])
    const past = [0, 10_000, 20_000].flatMap((time) => [
      ['weth', time],
      ['usdc', time],
    ])
    expect(seen()).toEqual(past)
    await moveTo(start + 26_000)
    await moveTo(start + 27_999)
    await moveTo(start + 28_000)
    const live = [26_000, 28_000].flatMap((time) => [
      ['weth', time],
      ['usdc', time],
    ])
    expect(seen()).toEqual([...past, ...live])
    expect(ticks.at(-2)).toEqual({
      type: 'price',
      chainId: 31_337,
      asset: weth.asset,
      price8: priceAt('s', weth, start + 28_000),
      source: 'demo-feed',
      time: start + 28_000,
      maxAge: 60_000,
    })
    stop()
    await running
  })

  test('behavior: where the clock jumps ahead, nothing is made up for the time between', async () => {
    const { ticks, moveTo, running, stop } = run(start, start, [weth])
    await moveTo(start + 2_000)
    await moveTo(start + 3_600_000)
    expect(ticks.map(({ time }) => time - start)).toEqual([0, 2_000, 3_600_000])
    stop()
    await running
  })

  test('behavior: the signal ends it, also while it waits', async () => {
    const { ticks, running, stop } = run(start + 1, start + 1, [weth])
    stop()
    await running
    expect(ticks).toEqual([])
  })
})
