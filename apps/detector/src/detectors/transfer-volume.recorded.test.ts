import type { Alert } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { detectorDriver } from '../../testing/detector-driver.ts'
import { isRecordedDataMissing, rawBlocks, recordedBlocks } from '../../testing/recorded-range.ts'
import { dai, tick, usdc, usdt, wbtc, weth } from '../../testing/scripted-chain.ts'

const window = 600_000
const slide = 60_000
const limit = 10_000_000_000_000n // 100,000 USD

interface Sent {
  readonly time: number
  readonly usd8: bigint
  readonly transaction: string
}

/** What each wallet sent, by plain loops over the raw logs: nothing here knows of streams or of this package's features. */
function sentByWallet(): ReadonlyMap<string, readonly Sent[]> {
  const price8 = new Map([
    ['0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48', { unit: 10n ** 6n, price: 100_000_000n }],
    ['0xdac17f958d2ee523a2206206994597c13d831ec7', { unit: 10n ** 6n, price: 100_000_000n }],
    ['0x6b175474e89094c44da98b954eedeac495271d0f', { unit: 10n ** 18n, price: 100_000_000n }],
    ['0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2', { unit: 10n ** 18n, price: 177_300_000_000n }],
    ['0x2260fac5e5542a773aa44fbcfedf7c193bc2c599', { unit: 10n ** 8n, price: 3_393_000_000_000n }],
  ])
  const sent = new Map<string, Sent[]>()
  for (const block of rawBlocks())
    for (const { address, topics, data, transactionHash } of block.logs) {
      const priced = price8.get(address)
      const [topic0, from, to] = topics
      if (priced === undefined || from === undefined || to === undefined || topics.length !== 3) continue
      if (topic0 !== '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef') continue
      if (from === to) continue
      const wallet = `0x${from.slice(26)}`
      const usd8 = (BigInt(data) * priced.price) / priced.unit
      const time = block.timestampEstimate * 1000
      sent.set(wallet, [...(sent.get(wallet) ?? []), { time, usd8, transaction: transactionHash }])
    }
  return sent
}

/** Every alert that should come, as `wallet occurrence total`, sorted. */
function bruteForce(variant: 'sliding' | 'tumbling' | 'trailing'): readonly string[] {
  const expected: string[] = []
  for (const [wallet, sends] of sentByWallet()) {
    if (variant === 'trailing') {
      for (const [position, { time, usd8, transaction }] of sends.entries()) {
        let before = 0n
        for (const earlier of sends.slice(0, position)) if (earlier.time >= time - window) before += earlier.usd8
        if (before <= limit && before + usd8 > limit) expected.push(`${wallet} ${transaction} ${before + usd8}`)
      }
      continue
    }
    const step = variant === 'sliding' ? slide : window
    const sums = new Map<number, bigint>()
    for (const { time, usd8 } of sends) {
      const newest = Math.floor(time / step) * step
      for (let start = newest; start > time - window; start -= step) sums.set(start, (sums.get(start) ?? 0n) + usd8)
    }
    for (const [start, total] of sums) if (total > limit) expected.push(`${wallet} ${start} ${total}`)
  }
  return expected.sort()
}

/** The same for `report: episode`: windows above the limit that follow each other are one, with the largest of their sums. */
function bruteForceEpisodes(variant: 'sliding' | 'tumbling'): readonly string[] {
  const step = variant === 'sliding' ? slide : window
  const open = new Map<string, { readonly first: number; readonly newest: number; readonly peak: bigint }[]>()
  const inOrder = bruteForce(variant)
    .map((line) => line.split(' '))
    .map(([wallet = '', start, total = '']) => ({ wallet, start: Number(start), total: BigInt(total) }))
    .toSorted((a, b) => a.start - b.start)
  for (const { wallet, start, total } of inOrder) {
    const episodes = open.get(wallet) ?? []
    const last = episodes.at(-1)
    if (last !== undefined && start - last.newest === step)
      episodes.splice(-1, 1, { first: last.first, newest: start, peak: total > last.peak ? total : last.peak })
    else episodes.push({ first: start, newest: start, peak: total })
    open.set(wallet, episodes)
  }
  return [...open].flatMap(([wallet, all]) => all.map(({ first, peak }) => `${wallet} ${first} ${peak}`)).toSorted()
}

function detected(variant: string, report = 'each') {
  const driver = detectorDriver(['transfer-volume'], { 'transfer-volume': { window: variant, report, exclude: [] } })
  driver.price(tick(usdc, '1'), tick(usdt, '1'), tick(dai, '1'), tick(weth, '1773'), tick(wbtc, '33930'))
  driver.pricesUntil()
  for (const block of recordedBlocks()) driver.recorded(block)
  driver.end()
  expect(driver.stream.deadLetters()).toEqual([])
  return driver.alerts()
}

/** `100100.5` as usd8. */
function usd8Of(display: string): bigint {
  const [whole = '', fraction = ''] = display.split('.')
  return BigInt(whole + fraction.padEnd(8, '0'))
}

function lineOf({ key, occurrence, evidence }: Alert): string {
  const over = evidence.find((entry) => entry.type === 'threshold' && entry.parameter === 'over')
  return `${key} ${occurrence} ${usd8Of(over?.type === 'threshold' ? over.observed : '')}`
}

describe.skipIf(isRecordedDataMissing)('transferVolume on 51 recorded mainnet blocks', () => {
  test.each([
    ['sliding', 857, 81],
    ['tumbling', 88, 78],
    ['trailing', 83, 83],
  ] as const)('default: %s equals plain loops, wallet by wallet and cent by cent', (variant, alerts, wallets) => {
    const found = detected(variant).map(lineOf)
    const expected = bruteForce(variant)
    expect(found.toSorted()).toEqual(expected)
    // Counted once and looked at: a change of these is a change of meaning.
    expect([found.length, new Set(found.map((line) => line.slice(0, 42))).size]).toEqual([alerts, wallets])
  })

  test.each([
    ['sliding', 81],
    ['tumbling', 78],
  ] as const)('behavior: %s by episode, one alert as long as the sum stays above the limit', (variant, alerts) => {
    const found = detected(variant, 'episode').map(lineOf)
    expect(found.toSorted()).toEqual(bruteForceEpisodes(variant))
    expect(found).toHaveLength(alerts)
  })
})
