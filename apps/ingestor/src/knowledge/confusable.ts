/** Chinese, Japanese and Korean are written with several scripts at once, and with Latin: one of them is no reason for doubt. */
const eastAsian = /\p{scx=Han}|\p{scx=Hira}|\p{scx=Kana}|\p{scx=Bopo}|\p{scx=Hang}/u

/** Scripts with letters that look like those of others. Source: UTS 39, confusables. */
const scripts: readonly RegExp[] = [
  /\p{sc=Latn}/u,
  /\p{sc=Cyrl}/u,
  /\p{sc=Grek}/u,
  /\p{sc=Armn}/u,
  /\p{sc=Cher}/u,
  /\p{sc=Copt}/u,
  /\p{sc=Geor}/u,
  /\p{sc=Hebr}/u,
  /\p{sc=Arab}/u,
  /\p{sc=Cans}/u,
  /\p{sc=Lisu}/u,
]

/** Letters of Cyrillic and Greek, each of which passes for one of Latin. Source: UTS 39, confusables. */
const likeLatin = /^[АВЕЅІЈКМНОРСТУХҮԌԚԜаеѕіјорсухүһԁԛԝѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυϲϳ]$/u

/**
 * Whether a text may pass for another that it is not: its letters are of several scripts (`USDС` with a Cyrillic С), all of
 * Cyrillic or Greek that look like Latin (`ВТС`), or Latin in disguise (full width, mathematical letters). A hint to look
 * closely, no verdict: `ΞETH` is one, too. Source: UTS 39, mixed-script and whole-script confusables, with the tables that
 * the runtime has; Latin letters that look like each other, as l and I, are not told.
 */
export function isConfusable(text: string): boolean {
  const composed = text.normalize('NFC')
  if (composed !== composed.normalize('NFKC')) return true
  const letters = Array.from(composed).filter((character) => /\p{L}/u.test(character) && !eastAsian.test(character))
  const found = scripts.filter((script) => letters.some((letter) => script.test(letter)))
  return found.length > 1 || (letters.length > 0 && letters.every((letter) => likeLatin.test(letter)))
}
