/**
 * What may stand in a stranger's text and deceives the eye: control characters and line ends (Cc), formats such as
 * zero-width joiners, byte order marks and right-to-left overrides (Cf), unassigned and private code points (Cn, Co),
 * line and paragraph separators (Zl, Zp), fillers that show nothing, and variation selectors.
 */
const deceptive = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Zl}\p{Zp}\p{Variation_Selector}]|\u115f|\u1160|\u3164|\uffa0/gu

/**
 * A stranger's UTF-8 made harmless: deceptive characters taken out, any run of spaces one, cut at `max` UTF-16 units, never
 * through a character. Null where nothing is left or it is no UTF-8. Letters that look like others stay: whoever shows the
 * text flags them.
 */
export function tamedText(bytes: Uint8Array, max: number): string | null {
  // A character is at most four bytes; of a huge text only as much is looked at as may remain after taking out.
  const looked = bytes.length > max * 16 ? wholeCharacters(bytes.subarray(0, max * 16)) : bytes
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(looked)
  } catch {
    return null // told as unknown: a contract is free to have no readable text
  }
  const clean = text.replace(deceptive, '').replace(/\s+/gu, ' ').trim()
  let cut = ''
  for (const character of clean) {
    if (cut.length + character.length > max) break
    cut += character
  }
  return cut === '' ? null : cut
}

/** Without the beginning of a character that was cut off at the end. */
function wholeCharacters(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--
  const lead = bytes[end - 1] ?? 0
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1
  return end - 1 + length <= bytes.length ? bytes : bytes.subarray(0, end - 1)
}
