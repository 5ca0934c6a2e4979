/** By a character's code: 0 a lower-case hex digit, 1 an upper-case one, 2 none. */
const kinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = String.fromCharCode(code)
  return /[0-9a-f]/.test(digit) ? 0 : /[A-F]/.test(digit) ? 1 : 2
})

/**
 * The text with its hex digits in lower case, if it is `0x` and an even number of them, or as many as are asked for; else
 * undefined. By a loop: each word of each log goes through here, and a pattern takes up to three times as long.
 */
export function lowerCaseHex(text: unknown, digits?: number): string | undefined {
  if (typeof text !== 'string' || text.length % 2 === 1) return undefined
  const isLower = text.startsWith('0x')
  if (!isLower && !text.startsWith('0X')) return undefined
  if (digits !== undefined && text.length !== digits + 2) return undefined
  let seen = isLower ? 0 : 1
  for (let at = 2; at < text.length; at++) seen |= kinds[text.charCodeAt(at)] ?? 2
  return seen === 0 ? text : seen === 1 ? text.toLowerCase() : undefined
}
