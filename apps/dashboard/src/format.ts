/**
 * How values look on screen; nothing else in the dashboard turns a number into text. Amounts stay `bigint` or decimal
 * strings up to here and are never passed through a double, so what is shown is what the alert says.
 */

/** `units / 10^scale`, exactly. */
export interface Decimal {
  readonly units: bigint
  readonly scale: number
}

/** The number that a decimal string such as `-100000.25` spells; undefined if it spells none. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text.trim())
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = ''] = match
  return { units: BigInt(`${sign}${whole}${fraction}`), scale: fraction.length }
}

/** a / b as a double, for widths in pixels only. 0 where b is 0. */
export function approximateRatio(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale)
  const top = a.units * 10n ** BigInt(scale - a.scale)
  const bottom = b.units * 10n ** BigInt(scale - b.scale)
  return bottom === 0n ? 0 : Number((top * 1_000_000n) / bottom) / 1e6
}

export interface DigitLimits {
  /** At least so many digits after the point: 2 for USD. */
  readonly minFraction?: number
  /** At most so many; what is cut is marked by `…`, and never rounded up over a threshold. */
  readonly maxFraction?: number
  /** False: cut without the mark, for pictures and lists that lead to the exact value. Default true. */
  readonly markCut?: boolean
}

/** `units / 10^scale` with grouped thousands: `formatUnits(1234500n, 3)` is `1,234.5`. Exact unless cut by `maxFraction`. */
export function formatUnits(
  units: bigint,
  scale: number,
  { minFraction = 0, maxFraction = 80, markCut = true }: DigitLimits = {},
): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale).replace(/\B(?=(\d{3})+$)/g, ',')
  const exact = digits
    .slice(digits.length - scale)
    .replace(/0+$/, '')
    .padEnd(minFraction, '0')
  const shown = exact.length > maxFraction ? `${exact.slice(0, maxFraction)}${markCut ? '…' : ''}` : exact
  return `${units < 0n ? '−' : ''}${whole}${shown === '' ? '' : `.${shown}`}`
}

/** 1e-8 USD as dollars: `formatUsd8(10_010_000_000_000n)` is `$100,100.00`. Every digit that is not a trailing zero. */
export const formatUsd8 = (usd8: bigint, limits: DigitLimits = {}) => dollars(usd8, 8, limits)

/** A price of 1e-8 USD, all its digits. */
export const formatPrice8 = (price8: bigint) => formatUsd8(price8)

/** To the cents, and exact where the cents alone would look like `limit`. */
export function formatQuantityAbove(value: string, limit: string, unit: string | null): string {
  const cut = { maxFraction: 2, markCut: false }
  const text = formatQuantity(value, unit, cut)
  return text === formatQuantity(limit, unit, cut) ? formatQuantity(value, unit) : text
}

/** A token amount in base units with its symbol: `1.5 WETH`. Unknown decimals: the base units, said so. */
export function formatTokenAmount(
  amount: bigint,
  token: { symbol: string | null; decimals: number } | undefined,
  limits: DigitLimits = {},
): string {
  if (token === undefined) return `${formatUnits(amount, 0)} base units`
  return `${formatUnits(amount, token.decimals, limits)} ${formatSymbol(token.symbol)}`
}

/**
 * A symbol as strangers wrote it, made harmless for reading: control, zero-width and direction-changing characters
 * become `�`, at most 32 characters (detectors.md §0).
 */
export function formatSymbol(symbol: string | null): string {
  if (symbol === null || symbol === '') return 'token'
  const visible = symbol.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
  const characters = Array.from(visible) // by code points, so that a cut leaves no half of a pair
  return characters.length > 32 ? `${characters.slice(0, 32).join('')}…` : visible
}

/**
 * A value of a parameter or threshold in its unit: USD as dollars, `ms` as a duration, `%` and other units behind the
 * number. What is no number is shown as it is.
 */
export function formatQuantity(value: string, unit: string | null, limits: DigitLimits = {}): string {
  const number = parseDecimal(value)
  if (number === undefined) return value
  if (unit === 'USD') return dollars(number.units, number.scale, limits)
  if (unit === 'usd8') return formatUsd8(number.units, limits)
  if (unit === 'ms' && number.scale === 0) return formatDuration(Number(number.units))
  const grouped = formatUnits(number.units, number.scale, limits)
  return unit === null || unit === '' || unit === 'text' ? grouped : `${grouped} ${unit}`
}

/** `10 min`, `1 min 30 s`, `2 d 4 h`, `250 ms`: the two largest parts. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `−${formatDuration(-ms)}`
  if (ms < 1000) return `${ms} ms`
  const sizes = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ] as const
  const parts: string[] = []
  let rest = ms
  for (const [size, name] of sizes) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${name}`)
  }
  if (parts.length === 1 && ms < 60_000 && rest > 0) return `${ms / 1000} s`
  return parts.slice(0, 2).join(' ')
}

const two = (value: number) => String(value).padStart(2, '0')

/** `14:03:27`, in the reader's time zone. */
export function formatTime(ms: number): string {
  const date = new Date(ms)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** `2026-03-01`, in the reader's time zone. */
export function formatDay(ms: number): string {
  const date = new Date(ms)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** `2026-03-01 14:03:27.000 UTC`: unambiguous, for titles and reports. */
export const formatUtc = (ms: number) => `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')} UTC`

/** A value of a detector's state: names that end in a moment's word hold ms since 1970; `false` is `no`. */
export function formatState(name: string, value: string): string {
  if (/(^|-)(start|end|time|at)$/.test(name) && /^\d{12,14}$/.test(value)) return formatUtc(Number(value))
  if (value === 'true') return 'yes'
  return value === 'false' ? 'no' : value
}

/** `now`, `12 s`, `3 min`, `2 h`, `5 d` before `now`. */
export function formatAge(ms: number, now: number): string {
  const age = now - ms
  if (age < 1000) return 'now'
  if (age < 60_000) return `${Math.floor(age / 1000)} s`
  if (age < 3_600_000) return `${Math.floor(age / 60_000)} min`
  if (age < 86_400_000) return `${Math.floor(age / 3_600_000)} h`
  return `${Math.floor(age / 86_400_000)} d`
}

/** A plain count with grouped thousands. */
export const formatCount = (count: number) => formatUnits(BigInt(Math.trunc(count)), 0)

/** `0x1234…abcd` for hexadecimal names; others are cut at 24 characters. */
export function shortHex(text: string, digits = 4): string {
  if (/^0x[0-9a-f]{12,}$/i.test(text)) return `${text.slice(0, 2 + digits)}…${text.slice(-digits)}`
  if (/^[0-9a-f]{64}$/.test(text)) return `${text.slice(0, digits + 4)}…`
  return text.length > 24 ? `${text.slice(0, 23)}…` : text
}

/** A key of an alert: each hexadecimal part shortened, so that `0xabc…/0xdef…` of a pair stays readable. */
export const shortKey = (key: string) => key.replace(/0x[0-9a-f]{12,}/gi, (part) => shortHex(part))

const chainNames: Readonly<Record<number, string>> = {
  1: 'Ethereum',
  10: 'OP Mainnet',
  56: 'BNB Smart Chain',
  137: 'Polygon',
  8453: 'Base',
  42161: 'Arbitrum One',
  31337: 'Local chain',
}

export const chainName = (chainId: number) => chainNames[chainId] ?? `Chain ${chainId}`

/** `transfer-volume` as a reader says it: `Transfer volume`. */
export function detectorName(id: string): string {
  const words = id.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function dollars(units: bigint, scale: number, limits: DigitLimits): string {
  const text = formatUnits(units, scale, { minFraction: 2, ...limits })
  return text.startsWith('−') ? `−$${text.slice(1)}` : `$${text}`
}
