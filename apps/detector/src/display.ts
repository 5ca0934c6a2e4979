const grouped = (digits: string): string => digits.replace(/\B(?=(?:\d{3})+$)/g, ',')

/** `12345678900000` as `123,456.78`: cut, not rounded, to the cents; `exact` keeps what is behind them. */
export function displayUsd(usd8: bigint, exact = false): string {
  const [sign, digits] = usd8 < 0n ? ['-', (-usd8).toString()] : ['', usd8.toString()]
  const padded = digits.padStart(9, '0')
  const fraction = exact ? padded.slice(-8).replace(/0{1,6}$/, '') : padded.slice(-8, -6)
  return `${sign}${grouped(padded.slice(0, -8))}.${fraction}`
}

/** An observed amount beside its limit: exact where the cents alone would look equal. */
export const displayUsdAbove = (usd8: bigint, limit: bigint): string =>
  displayUsd(usd8, displayUsd(usd8) === displayUsd(limit))

/** `1234500` of a token with 6 decimals as `1.2345`. */
export function displayAmount(amount: bigint, decimals: number): string {
  const padded = amount.toString().padStart(decimals + 1, '0')
  const fraction = decimals === 0 ? '' : padded.slice(-decimals).replace(/0+$/, '')
  return `${grouped(decimals === 0 ? padded : padded.slice(0, -decimals))}${fraction === '' ? '' : `.${fraction}`}`
}

/** Basis points as a percentage: `500` as `5.00`. */
export function displayPercent(basisPoints: bigint): string {
  const padded = basisPoints.toString().padStart(3, '0')
  return `${grouped(padded.slice(0, -2))}.${padded.slice(-2)}`
}

/** For titles; sentences give addresses whole. */
export const displayAddress = (address: string): string =>
  address.length > 12 ? `${address.slice(0, 6)}…${address.slice(-4)}` : address

/**
 * A name that a stranger chose, such as a token's symbol: only characters that mean nothing to a terminal, Markdown or
 * HTML, at most 32. What had to be changed is said, so that a look-alike of another script never passes for USDC.
 */
export function displayName(name: string | null): string {
  if (name === null || name === '') return '(no name)'
  const plain = Array.from(name)
    .slice(0, 32)
    .map((character) => (/^[A-Za-z0-9 .$+\-/:]$/.test(character) ? character : '?'))
    .join('')
  return plain === name ? plain : `${plain} (altered)`
}

/** `1698224783000` as `2023-10-25T09:06:23.000Z`. */
export const displayTime = (timestamp: number): string => new Date(timestamp).toISOString()
