import { createHash } from 'node:crypto'
import { alertSchema, type Alert } from '@tocsin/chain-model'

const hex = (seed: string, digits: number) => createHash('sha256').update(seed).digest('hex').slice(0, digits)
export const sampleAddress = (seed: string) => `0x${hex(seed, 40)}`
const hash = (seed: string) => `0x${hex(seed, 64)}`

const usdc = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'
const weth = '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2'
const firstBlock = 21_400_000

const blockOf = (at: number) => firstBlock + Math.floor((at % 100_000_000) / 12_000)
const inBlock = (seed: string, at: number) => ({
  blockNumber: blockOf(at),
  blockHash: hash(`block ${blockOf(at)}`),
  transactionHash: hash(seed),
})

const tokens = [
  { type: 'token', address: usdc, symbol: 'USDC', decimals: 6 },
  { type: 'token', address: weth, symbol: 'WETH', decimals: 18 },
]
const price = (asset: string, price8: bigint, time: number, source = 'binance') => ({
  type: 'price',
  asset,
  price8: price8.toString(),
  source,
  time,
  maxAge: 60_000,
})

const usdcTransfer = (seed: string, at: number, from: string, to: string, dollars: number) => ({
  type: 'log',
  ...inBlock(seed, at),
  logIndex: Number.parseInt(hex(seed, 2), 16),
  address: usdc,
  event: 'erc20-transfer',
  timestamp: at,
  from,
  to,
  amount: (BigInt(dollars) * 1_000_000n).toString(),
  usd8: (BigInt(dollars) * 100_000_000n).toString(),
})

interface Body {
  readonly detector: string
  readonly severity: string
  readonly confidence: number
  readonly key: string
  readonly occurrence: string
  readonly eventTime: number
  readonly title: string
  readonly sentence: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly evidence: readonly object[]
}

/** An alert by the real schema, so that a sample that the API could not send is no sample. */
function sample(body: Body, status: string, revision: number): Alert {
  const numbers = [
    ...new Set(body.evidence.flatMap((part) => ('blockNumber' in part ? [Number(part.blockNumber)] : []))),
  ]
  return alertSchema.parse({
    id: hex(`${body.detector} ${body.key} ${body.occurrence}`, 64),
    revision,
    status,
    chainId: 31_337,
    version: '1.0.0',
    ...body,
    blocks: numbers.sort((a, b) => a - b).map((number) => ({ number, hash: hash(`block ${number}`) })),
    evidenceHash: hex(JSON.stringify(body.evidence), 64),
  })
}

const dollars = (amount: number) => `$${amount.toLocaleString('en-US')}.00`

export function transferVolume(
  seed: string,
  at: number,
  amounts: readonly number[],
  status = 'confirmed',
  revision = 2,
) {
  const wallet = sampleAddress(seed)
  const total = amounts.reduce((sum, amount) => sum + amount, 0)
  const severity = total > 1_000_000 ? 'critical' : 'high'
  return sample(
    {
      detector: 'transfer-volume',
      severity,
      confidence: 80,
      key: wallet,
      occurrence: String(at - (at % 60_000) - 600_000),
      eventTime: at,
      title: `${dollars(total)} sent within 10 minutes`,
      sentence: `${wallet} sent ${dollars(total)} in ${amounts.length} transfers within 10 min, more than the limit of $100,000.00.`,
      parameters: { over: '100000', window: 'sliding', size: 600_000, slide: 60_000, exclude: ['exchange', 'pool'] },
      evidence: [
        ...amounts.map((amount, index) =>
          usdcTransfer(
            `${seed} ${index}`,
            at - (amounts.length - 1 - index) * 84_000,
            wallet,
            sampleAddress(`${seed} to ${index % 3}`),
            amount,
          ),
        ),
        ...tokens.slice(0, 1),
        price(usdc, 100_000_000n, at - 600_000),
        { type: 'threshold', parameter: 'over', limit: '100000', observed: `${total}.00000000` },
      ],
    },
    status,
    revision,
  )
}

export function passThrough(seed: string, at: number, amount: number, status = 'confirmed', revision = 2) {
  const wallet = sampleAddress(seed)
  const fresh = sampleAddress(`${seed} new`)
  const received = Math.ceil(amount * 1.04)
  return sample(
    {
      detector: 'pass-through',
      severity: amount > 100_000 ? 'high' : 'medium',
      confidence: 70,
      key: wallet,
      occurrence: `${hash(`${seed} out`)}:0`,
      eventTime: at,
      title: `${dollars(amount)} passed on to a new wallet after 36 s`,
      sentence: `${wallet} received ${dollars(received)} and 36 s later sent ${dollars(amount)} of it to ${fresh}, a wallet not seen before.`,
      parameters: { within: 60_000, over: '10000', asset: 'same' },
      evidence: [
        usdcTransfer(`${seed} in`, at - 36_000, sampleAddress(`${seed} source`), wallet, received),
        usdcTransfer(`${seed} out`, at, wallet, fresh, amount),
        ...tokens.slice(0, 1),
        price(usdc, 100_000_000n, at - 20_000),
        { type: 'label', address: sampleAddress(`${seed} source`), class: 'mixer', source: 'address-intel' },
        { type: 'state', name: 'first-seen', value: 'never' },
        { type: 'threshold', parameter: 'over', limit: '10000', observed: `${amount}.00000000` },
        { type: 'threshold', parameter: 'within', limit: '60000', observed: '36000' },
      ],
    },
    status,
    revision,
  )
}

export function runningTotal(
  seed: string,
  at: number,
  before: number,
  amount: number,
  status = 'confirmed',
  revision = 2,
) {
  const wallet = sampleAddress(seed)
  return sample(
    {
      detector: 'running-total',
      severity: 'low',
      confidence: 90,
      key: wallet,
      occurrence: `${hash(`${seed} total`)}:0`,
      eventTime: at,
      title: `Sent ${dollars(before + amount)} in all`,
      sentence: `${wallet} has now sent ${dollars(before + amount)} in all; ${dollars(amount)} with this transfer.`,
      parameters: { over: '100000', report: 'every' },
      evidence: [
        usdcTransfer(`${seed} total`, at, wallet, sampleAddress(`${seed} shop`), amount),
        ...tokens.slice(0, 1),
        price(usdc, 100_000_000n, at - 20_000),
        { type: 'state', name: 'total', value: `${before}.00000000` },
        { type: 'threshold', parameter: 'over', limit: '100000', observed: `${before + amount}.00000000` },
      ],
    },
    status,
    revision,
  )
}

export function priceDeviation(seed: string, at: number, bps: number, status = 'confirmed', revision = 2) {
  const tick8 = 253_120_000_000n
  const amountIn = 12n * 10n ** 18n
  const amountOut = (amountIn * tick8 * BigInt(10_000 + bps)) / (10n ** 18n * 10_000n * 100n)
  const percent = `${Math.abs(bps) / 100}`
  return sample(
    {
      detector: 'price-deviation',
      severity: Math.abs(bps) > 1_000 ? 'high' : 'medium',
      confidence: 60,
      key: `${weth}/${usdc}`,
      occurrence: `${hash(`${seed} swap`)}:0`,
      eventTime: at,
      title: `WETH traded ${percent} % ${bps < 0 ? 'below' : 'above'} the feed`,
      sentence: `A swap of 12 WETH in pool ${sampleAddress('pool')} was ${percent} % ${bps < 0 ? 'below' : 'above'} the price of binance, more than the limit of 5 %.`,
      parameters: { over: '5', notional: '1000', within: 10_000, join: 'window' },
      evidence: [
        {
          type: 'swap',
          ...inBlock(`${seed} swap`, at),
          logIndex: 41,
          pool: sampleAddress('pool'),
          timestamp: at,
          tokenIn: weth,
          amountIn: amountIn.toString(),
          tokenOut: usdc,
          amountOut: amountOut.toString(),
        },
        ...tokens,
        price(weth, tick8, at - 2_000),
        price(usdc, 100_000_000n, at - 2_000),
        { type: 'threshold', parameter: 'over', limit: '5', observed: percent },
        { type: 'threshold', parameter: 'notional', limit: '1000', observed: '30374.40' },
      ],
    },
    status,
    revision,
  )
}

/** The same alert in a later state. */
export const inStatus = (alert: Alert, status: Alert['status'], revision: number): Alert => ({
  ...alert,
  status,
  revision,
})

/** Two hours of a local chain up to `now`: all four detectors, all three states, newest last. */
export function sampleHistory(now: number): readonly Alert[] {
  const alerts: Alert[] = []
  const minute = 60_000
  for (let index = 0; index < 130; index++) {
    // Unevenly spread, with a busy quarter of an hour, from the index alone.
    const at =
      Math.floor((now - index * 41_000 - (index % 7) * 9_000 - (index > 30 ? 14 * minute : 0)) / 12_000) * 12_000
    const seed = `case ${index}`
    const status = index < 3 ? 'provisional' : index % 17 === 4 ? 'retracted' : 'confirmed'
    const revision = status === 'provisional' ? 1 : 2
    const size = (Number.parseInt(hex(seed, 4), 16) % 90) * 1_000 + ((index * 37) % 1_000)
    const kind = Number.parseInt(hex(`kind ${seed}`, 2), 16) % 8
    if (kind < 2)
      alerts.push(transferVolume(seed, at, [41_200 + size, 38_000, 26_450 + (index % 9) * 100], status, revision))
    else if (kind < 4) alerts.push(passThrough(seed, at, 12_000 + size * 2, status, revision))
    else if (kind < 6) alerts.push(runningTotal(seed, at, 92_000 + size, 9_500 + size, status, revision))
    else alerts.push(priceDeviation(seed, at, (kind === 6 ? -1 : 1) * (540 + (size % 900)), status, revision))
  }
  alerts.push(transferVolume('whale', now - 70 * 1_000, [310_000, 402_500, 298_000, 145_000], 'provisional', 1))
  return alerts.flatMap((alert) => (alert.revision === 1 ? [alert] : [inStatus(alert, 'provisional', 1), alert]))
}
