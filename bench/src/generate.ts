import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { createGzip } from 'node:zlib'

/** What to make: inputs of the kind that the shared bench data describes, of any size. */
export interface GenerateOptions {
  readonly kind: 'transfers' | 'market'
  readonly lines: number
  /** Of `transfers`. */
  readonly wallets: number
  /** How wallets are drawn: each as often as any other, or the n-th as often as 1/n says. */
  readonly draw: 'uniform' | 'zipf'
  readonly seed: number
}

const firstBlock = 18_000_000
const firstTime = 1_693_066_895_000
const blockMs = 12_000
const [tokens, marketTokens, tickMs] = [50, 12, 2000]

/** The same lines for the same options, always. */
export function* generateLines(options: GenerateOptions): Generator<string> {
  yield* options.kind === 'transfers' ? transferLines(options) : marketLines(options)
}

function* transferLines({ lines, wallets, draw, seed }: GenerateOptions): Generator<string> {
  const random = randomOf(seed)
  const walletNames = names(random, wallets, 40)
  const tokenNames = names(random, tokens, 40)
  const drawWallet = draw === 'zipf' ? zipf(random, wallets) : () => Math.floor(random() * wallets)
  const drawToken = zipf(random, tokens)
  for (const { block, ts, index } of blocks(random, lines)) {
    const from = drawWallet()
    const other = drawWallet()
    const to = other === from ? (other + 1) % wallets : other
    const tx = hex(random, 64)
    const value = amount(random)
    yield (
      `{"block":${block},"ts":${ts},"tx":"${tx}","index":${index},"from":"${walletNames[from]}",` +
      `"to":"${walletNames[to]}","token":"${tokenNames[drawToken()]}","value":"${value}"}`
    )
  }
}

/** Trades of a block at its time, ticks of each token every 2 s; one trade in a hundred is far off its tick. */
function* marketLines({ lines, seed }: GenerateOptions): Generator<string> {
  const random = randomOf(seed)
  const tokenNames = names(random, marketTokens, 40)
  const prices = tokenNames.map(() => Math.exp(random() * 10 - 3))
  const nextTicks = tokenNames.map((_, token) => firstTime + Math.floor((token * tickMs) / marketTokens))
  let written = 0
  function* ticksBefore(time: number): Generator<string> {
    for (;;) {
      const token = nextTicks.indexOf(Math.min(...nextTicks))
      const ts = nextTicks[token] ?? Infinity
      if (ts >= time || written >= lines) return
      nextTicks[token] = ts + tickMs
      const price = (prices[token] ?? 1) * (1 + gaussian(random) * 0.001)
      prices[token] = price
      written += 1
      yield `{"kind":"price","ts":${ts},"token":"${tokenNames[token]}","price":"${price.toFixed(8)}"}`
    }
  }
  // One line in four is a tick.
  for (const { ts, index } of blocks(random, lines)) {
    if (index === 0) yield* ticksBefore(ts)
    if (written >= lines) return
    const token = Math.floor(random() * marketTokens)
    const isFarOff = random() < 0.01
    const price = (prices[token] ?? 1) * (1 + gaussian(random) * (isFarOff ? 0.06 : 0.002))
    const tx = hex(random, 64)
    written += 1
    yield (
      `{"kind":"trade","ts":${ts},"tx":"${tx}","index":${index},"token":"${tokenNames[token]}",` +
      `"price":"${Math.max(price, 1e-8).toFixed(8)}"}`
    )
  }
}

/** One block of 100 to 300 lines every 12 s. */
function* blocks(
  random: () => number,
  lines: number,
): Generator<{ readonly block: number; readonly ts: number; readonly index: number }> {
  for (let made = 0, count = 0; made < lines; count += 1) {
    const size = Math.min(100 + Math.floor(random() * 201), lines - made)
    for (let index = 0; index < size; index += 1) {
      yield { block: firstBlock + count, ts: firstTime + count * blockMs, index }
    }
    made += size
  }
}

/** Log-normal around 50 tokens with 18 decimals. */
const amount = (random: () => number): bigint => {
  const whole = 50 * Math.exp(gaussian(random) * 2.5)
  return BigInt(Math.floor(whole * 1e6)) * 10n ** 12n + BigInt(Math.floor(random() * 1e12))
}

/** Source: mulberry32, public domain. */
const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const gaussian = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

const hex = (random: () => number, digits: number): string => {
  let text = '0x'
  for (let made = 0; made < digits; made += 8) {
    text += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  }
  return text
}

const names = (random: () => number, count: number, digits: number): readonly string[] =>
  Array.from({ length: count }, () => hex(random, digits))

/** Zipf's law with exponent 1: by binary search in the cumulated weights. */
const zipf = (random: () => number, count: number): (() => number) => {
  const cumulated = new Float64Array(count)
  let sum = 0
  for (let rank = 1; rank <= count; rank += 1) cumulated[rank - 1] = sum += 1 / rank
  return () => {
    const wanted = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((cumulated[middle] ?? Infinity) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

const help = `Usage: npm run bench -- generate --out FILE [options]

  --out FILE       where to write the lines; gzip if it ends in .gz
  --kind KIND      transfers (for j1, j2, sessions; default) or market (for j3)
  --lines N        how many (default 2000000)
  --wallets N      of transfers: how many there are (default 100000)
  --draw DRAW      of transfers: uniform (default), or zipf: the n-th wallet as often as 1/n says
  --seed N         other lines for another one (default 1)
  --help           this text
`

/** `npm run bench -- generate --kind transfers|market --lines N --out FILE [--wallets N] [--draw zipf] [--seed N]`. */
export async function* generate(args: readonly string[]): AsyncGenerator<GenerateOptions & { readonly out: string }> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kind: { type: 'string', default: 'transfers' },
      lines: { type: 'string', default: '2000000' },
      wallets: { type: 'string', default: '100000' },
      draw: { type: 'string', default: 'uniform' },
      seed: { type: 'string', default: '1' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return
  }
  const { kind, draw, out } = values
  const [lines, wallets, seed] = [Number(values.lines), Number(values.wallets), Number(values.seed)]
  const isWhole = [lines, wallets, seed].every((value) => Number.isSafeInteger(value) && value > 0)
  if (
    !isWhole ||
    wallets < 2 ||
    out === undefined ||
    (kind !== 'transfers' && kind !== 'market') ||
    (draw !== 'uniform' && draw !== 'zipf')
  ) {
    throw new Error(`A file, a known kind and draw, and whole numbers (2 wallets or more) are needed.\n\n${help}`)
  }
  const file = createWriteStream(out)
  const target = out.endsWith('.gz') ? createGzip() : file
  if (target !== file) target.pipe(file)
  const options = { kind, lines, wallets, draw, seed } as const
  let chunk: string[] = []
  for (const line of generateLines(options)) {
    chunk.push(line, '\n')
    if (chunk.length < 2000) continue
    if (!target.write(chunk.join(''))) await once(target, 'drain')
    chunk = []
  }
  target.end(chunk.join(''))
  await finished(file)
  yield { ...options, out }
}
