import { labelClassSchema, parseAddress, type Address, type LabelClass, type ParameterValue } from '@tocsin/chain-model'
import { formatDuration, nearest } from '@tocsin/service-kit'

/** What the value should have been; {@link readParameters} adds whose it is and what it said. */
class Unexpected extends Error {}

/**
 * One parameter of a detector: its type, default, range and what it means. `read` takes JSON (what an alert carries and
 * what `--param` says), `write` gives it back; `write(read(json))` is the canonical spelling.
 */
export interface Parameter<T> {
  readonly kind: 'duration' | 'usd' | 'percent' | 'choice' | 'labels' | 'base-units' | 'text' | 'number' | 'addresses'
  readonly unit: string | null
  readonly default: T
  readonly doc: string
  /** What is accepted, for people. */
  readonly expected: string
  read(json: unknown): T
  /** Undefined: there is nothing to say of it. */
  write(value: T): ParameterValue | undefined
}

// A schema holds parameters of many types; `never` in the argument position lets each stand for itself.
type AnyParameter = Omit<Parameter<unknown>, 'write'> & { write(value: never): ParameterValue | undefined }
export type ParameterSchema = Readonly<Record<string, AnyParameter>>
export type ParametersOf<Schema extends ParameterSchema> = {
  readonly [Name in keyof Schema]: ReturnType<Schema[Name]['read']>
}

interface Described<T> {
  readonly default: T
  readonly doc: string
}

const units = [
  { spelling: /^(?:|ms|milliseconds?)$/, ms: 1 },
  { spelling: /^(?:s|sec|seconds?)$/, ms: 1_000 },
  { spelling: /^(?:m|min|minutes?)$/, ms: 60_000 },
  { spelling: /^(?:h|hours?)$/, ms: 3_600_000 },
  { spelling: /^(?:d|days?)$/, ms: 86_400_000 },
] as const

/** `90 s`, `1.5 min` or `90000` in ms; NaN: it is none, or no whole number of ms. */
function msOf(text: string): number {
  const [, amount, unit] = /^(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]*)$/.exec(text.trim()) ?? []
  const perUnit = units.find(({ spelling }) => spelling.test(unit ?? '-'))?.ms
  const billionths = fixedPoint(amount, 9)
  if (perUnit === undefined || billionths === undefined) return Number.NaN
  const scaled = billionths * BigInt(perUnit)
  return scaled % 1_000_000_000n === 0n ? Number(scaled / 1_000_000_000n) : Number.NaN
}

/**
 * A span of event time in ms, both ends included: "within 60 s" is Δt ≤ 60,000 ms. JSON: ms as a number, or `"60 s"`,
 * `"10 min"`, `"1.5 h"`, `"3 d"`.
 */
export function duration(
  options: Described<number> & { readonly range: readonly [number, number] },
): Parameter<number> {
  const [min, max] = options.range
  const expected = `a duration from ${formatDuration(min)} to ${formatDuration(max)}: ms, or such as "60 s", "10 min"`
  return {
    ...options,
    kind: 'duration',
    unit: 'ms',
    expected,
    read: (json) => {
      const ms = typeof json === 'string' ? msOf(json) : json
      if (typeof ms !== 'number' || !Number.isSafeInteger(ms) || ms < min || ms > max) throw new Unexpected(expected)
      return ms
    },
    write: (value) => value,
  }
}

/** A duration, or `"never"` for no end: null. */
export function durationOrNever(
  options: Described<number | null> & { readonly range: readonly [number, number] },
): Parameter<number | null> {
  const ms = duration({ default: options.range[0], range: options.range, doc: options.doc })
  const expected = `${ms.expected}, or "never"`
  return {
    ...options,
    kind: 'duration',
    unit: 'ms',
    expected,
    read: (json) => {
      if (json === 'never') return null
      try {
        return ms.read(json)
      } catch {
        throw new Unexpected(expected)
      }
    },
    write: (value) => value ?? 'never',
  }
}

/** `digits` digits after the point at most, as an integer of 10^-digits. Undefined: it is no such number. */
function fixedPoint(json: unknown, digits: number): bigint | undefined {
  const text = typeof json === 'number' && Number.isFinite(json) ? String(json) : json
  const match = typeof text === 'string' ? /^(\d{1,60})(?:\.(\d+))?$/.exec(text.trim()) : null
  const fraction = match?.[2]?.replace(/0+$/, '') ?? ''
  if (match === null || fraction.length > digits) return undefined
  return BigInt(`${match[1]}${fraction.padEnd(digits, '0')}`)
}

function fixedPointText(value: bigint, digits: number): string {
  const padded = value.toString().padStart(digits + 1, '0')
  const fraction = padded.slice(-digits).replace(/0+$/, '')
  return `${padded.slice(0, -digits)}${fraction === '' ? '' : `.${fraction}`}`
}

/** usd8 as the decimal string that alerts carry: `100000`, `0.5`. */
export const usdText = (usd8: bigint): string => fixedPointText(usd8, 8)
/** Millionths of a percent as a percentage: `5.000001`. */
export const deviationText = (millionths: bigint): string => fixedPointText(millionths, 6)
/** Basis points as a percentage: `5`, `4.99`. */
export const percentText = (basisPoints: bigint): string => fixedPointText(basisPoints, 2)

/** An amount in USD, held as usd8; it is exceeded, never reached. JSON: a decimal string or a number, exactly. */
export function usd(options: Described<bigint>): Parameter<bigint> {
  const expected = 'an amount in USD of at least 0, such as 100000 or "0.5", with at most 8 decimals'
  return {
    ...options,
    kind: 'usd',
    unit: 'USD',
    expected,
    read: (json) => {
      const usd8 = fixedPoint(json, 8)
      if (usd8 === undefined) throw new Unexpected(expected)
      return usd8
    },
    write: usdText,
  }
}

/** A percentage, held in hundredths of a percent (basis points); it is exceeded, never reached. */
export function percent(options: Described<bigint>): Parameter<bigint> {
  const expected = 'a percentage of at least 0, such as 5 or 4.99, with at most 2 decimals'
  return {
    ...options,
    kind: 'percent',
    unit: '%',
    expected,
    read: (json) => {
      const basisPoints = fixedPoint(json, 2)
      if (basisPoints === undefined) throw new Unexpected(expected)
      return basisPoints
    },
    write: percentText,
  }
}

export function choice<const Choice extends string>(
  options: Described<NoInfer<Choice>> & { readonly choices: readonly Choice[] },
): Parameter<Choice> {
  const expected = `one of ${options.choices.join(', ')}`
  return {
    kind: 'choice',
    unit: null,
    default: options.default,
    doc: options.doc,
    expected,
    read: (json) => {
      const chosen = options.choices.find((one) => one === json)
      if (chosen === undefined) throw new Unexpected(expected)
      return chosen
    },
    write: (value) => value,
  }
}

/** A word alone is a list of one. */
function listOf(json: unknown, expected: string): readonly unknown[] {
  if (typeof json === 'string') return [json]
  if (!Array.isArray(json)) throw new Unexpected(expected)
  const items: readonly unknown[] = json
  return items
}

/** `hub` is no label of a source but learned from the log: see features/hub.ts. */
export type LabelOrAddress = LabelClass | 'hub' | Address
const labelClasses: readonly string[] = [...labelClassSchema.options, 'hub']

/** Label classes and addresses, sorted and each once. `[]` means none. */
export function labels(options: Described<readonly LabelOrAddress[]>): Parameter<readonly LabelOrAddress[]> {
  const expected = `a list of addresses and of the classes ${labelClasses.join(', ')}; [] for none`
  const read = (json: unknown): readonly LabelOrAddress[] => {
    const items = listOf(json, expected)
    const parsed = items.map((item): LabelOrAddress => {
      if (typeof item !== 'string') throw new Unexpected(expected)
      if (labelClasses.includes(item)) return item as LabelClass | 'hub' // the line above is the proof
      try {
        return parseAddress(item)
      } catch {
        throw new Unexpected(`${expected} (${JSON.stringify(item)} is neither)`)
      }
    })
    return [...new Set(parsed)].sort()
  }
  return {
    ...options,
    default: read([...options.default]),
    kind: 'labels',
    unit: null,
    expected,
    read,
    write: (value) => [...value],
  }
}

/** Limits in base units by asset, where there is no price. JSON: `["0x…=1000000", "native=1000000000000000000"]`. */
export function baseUnits(options: Described<ReadonlyMap<string, bigint>>): Parameter<ReadonlyMap<string, bigint>> {
  const expected = 'a list of limits in base units, each "ADDRESS=AMOUNT" or "native=AMOUNT"; [] for none'
  return {
    ...options,
    kind: 'base-units',
    unit: 'base units',
    expected,
    read: (json) => {
      const items = listOf(json, expected)
      const limits = items.map((item): readonly [string, bigint] => {
        const match = typeof item === 'string' ? /^(native|0x[0-9a-fA-F]{40})=(\d{1,78})$/.exec(item.trim()) : null
        if (match?.[1] === undefined || match[2] === undefined)
          throw new Unexpected(`${expected} (not ${JSON.stringify(item)})`)
        return [match[1].toLowerCase(), BigInt(match[2])]
      })
      return new Map(limits.sort(([a], [b]) => (a < b ? -1 : 1)))
    },
    write: (value) => [...value].map(([asset, limit]) => `${asset}=${limit}`),
  }
}

/** A parameter that need not be given; null: it is not. */
export function optional<T>(parameter: Parameter<T>): Parameter<T | null> {
  return {
    ...parameter,
    default: null,
    write: (value) => (value === null ? undefined : parameter.write(value)),
  }
}

/** Text with a meaning of its own. `parse` says in a TypeError what is wrong with it. JSON: the text, or a number for it. */
export function parsedText<T>(
  options: Described<T> & {
    readonly kind: 'text' | 'number'
    readonly expected: string
    readonly parse: (text: string) => T
    readonly write: (value: T) => string
  },
): Parameter<T> {
  const { parse, expected } = options
  return {
    ...options,
    unit: null,
    read: (json) => {
      const text = typeof json === 'number' && Number.isSafeInteger(json) ? String(json) : json
      if (typeof text !== 'string') throw new Unexpected(expected)
      try {
        return parse(text)
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        throw new Unexpected(`${expected} (${error.message})`)
      }
    },
  }
}

/** A whole number of at least 1; it is reached, never exceeded. */
export function count(options: Described<number>): Parameter<number> {
  const expected = 'a whole number from 1 to 10000'
  return {
    ...options,
    kind: 'number',
    unit: null,
    expected,
    read: (json) => {
      if (typeof json !== 'number' || !Number.isInteger(json) || json < 1 || json > 10_000)
        throw new Unexpected(expected)
      return json
    },
    write: (value) => value,
  }
}

/** Addresses, sorted and each once. */
export function addresses(options: Described<readonly Address[]>): Parameter<readonly Address[]> {
  const expected = 'an address (0x and 40 hex digits), or a list of them'
  return {
    ...options,
    kind: 'addresses',
    unit: null,
    expected,
    read: (json) => {
      const parsed = listOf(json, expected).map((item) => {
        try {
          return parseAddress(item)
        } catch (error) {
          throw new Unexpected(`${expected} (${error instanceof Error ? error.message : String(error)})`)
        }
      })
      if (parsed.length === 0) throw new Unexpected(expected)
      return [...new Set(parsed)].sort()
    },
    write: (value) => [...value],
  }
}

/** One parameter that cannot be used. */
export interface ParameterProblem {
  /** `detector.parameter`. */
  readonly name: string
  readonly reason: string
}

/** Every wrong parameter at once, each by name with what was expected. */
export class ParameterError extends Error {
  readonly code = 'DETECTOR_PARAMETER'
  readonly handling = 'stop'
  readonly remedy = '`tocsin detectors NAME` lists what a detector takes, with units, ranges and defaults.'
  readonly problems: readonly ParameterProblem[]
  constructor(problems: readonly ParameterProblem[], options?: ErrorOptions) {
    super(problems.map(({ name, reason }) => `${name}: ${reason}`).join('\n'), options)
    this.problems = problems
  }
}

/** The values of `schema` that `json` says, defaults for the rest. Adds to `problems` what does not fit. */
export function readParameters<Schema extends ParameterSchema>(
  detector: string,
  schema: Schema,
  json: Readonly<Record<string, unknown>>,
  problems: ParameterProblem[],
): ParametersOf<Schema> {
  for (const name of Object.keys(json)) {
    if (Object.hasOwn(schema, name)) continue
    const near = nearest(name, Object.keys(schema))
    problems.push({
      name: `${detector}.${name}`,
      reason:
        near === undefined
          ? `there is no such parameter; ${detector} takes ${Object.keys(schema).join(', ')}.`
          : `there is no such parameter; did you mean ${near}?`,
    })
  }
  const values = Object.entries(schema).map(([name, parameter]): readonly [string, unknown] => {
    if (!Object.hasOwn(json, name)) return [name, parameter.default]
    try {
      return [name, parameter.read(json[name])]
    } catch (error) {
      if (!(error instanceof Unexpected)) throw error
      problems.push({
        name: `${detector}.${name}`,
        reason: `expected ${error.message}, but got ${JSON.stringify(json[name])}.`,
      })
      return [name, parameter.default]
    }
  })
  // Every name of the schema is there, each read by its own parameter or its default.
  return Object.freeze(Object.fromEntries(values)) as ParametersOf<Schema>
}

/** The values as an alert carries them: durations in ms, USD as decimal strings, in the order of the schema. */
export function writeParameters<Schema extends ParameterSchema>(
  schema: Schema,
  values: ParametersOf<Schema>,
): Readonly<Record<string, ParameterValue>> {
  return Object.fromEntries(
    Object.entries(schema).flatMap(([name, parameter]) => {
      // `values[name]` was read by `schema[name]`, so it is what this parameter writes.
      const written = parameter.write(values[name] as never)
      return written === undefined ? [] : [[name, written]]
    }),
  )
}
