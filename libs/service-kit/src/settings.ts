import { resolve } from 'node:path'

/** A setting without a default: leaving it out is an error. */
export const required = Symbol('required')

/** What a setting is parsed from, and where relative paths start. */
interface ParseContext {
  readonly baseDir: string
}

/** What the text should have been; `loadSettings` adds which setting it was, where it came from and what it said. */
class Unexpected extends Error {}

/** Read, but refused by those who know what it means: a reason each. */
class Refused extends Error {
  readonly reasons: readonly string[]
  constructor(reasons: readonly string[]) {
    super(reasons.join('\n'))
    this.reasons = reasons
  }
}

/**
 * One setting: where it may come from (a key of the file is its name in the table), what it means and how it is read.
 * `Value` is its type once loaded.
 */
export interface Setting<Value> {
  readonly kind: 'string' | 'url' | 'integer' | 'duration' | 'bytes' | 'boolean' | 'choice' | 'list' | 'path' | 'secret'
  /** The environment variable, `TOCSIN_…`. */
  readonly env: string | undefined
  /** The flag without its dashes. */
  readonly flag: string | undefined
  /** One sentence for `--help` and docs/settings.md. */
  readonly doc: string
  readonly default: Value | typeof required
  /** What is accepted, for people: `an integer from 1 to 100 (blocks)`. */
  readonly expected: string
  /** Stands for the value in a usage line: `URL`, `MS`. */
  readonly placeholder: string
  /** How a value would be written: `25 ms`. */
  readonly format: (value: Value) => string
  readonly parse: (text: string, context: ParseContext) => Value
  /** A list, and what is set by chain: from parts that were given apart, in the file or by a flag given several times. */
  readonly parseParts?: (parts: readonly string[], context: ParseContext) => Value
}

// A table holds settings of many types; `never` in the argument position lets each stand for itself.
type AnySetting = Omit<Setting<unknown>, 'format'> & { readonly format: (value: never) => string }

/** Settings by name. The name is camelCase and is the key in the file. */
export type SettingsTable = Readonly<Record<string, AnySetting>>

/** The loaded values of a table. */
export type SettingsOf<Table extends SettingsTable> = {
  readonly [Name in keyof Table]: ReturnType<Table[Name]['parse']>
}

/** Several tables, each loaded under its own name. */
export type SettingsTables = Readonly<Record<string, SettingsTable>>
export type LoadedSettings<Tables extends SettingsTables> = {
  readonly [Name in keyof Tables]: SettingsOf<Tables[Name]>
}

interface Origin<Default> {
  readonly env?: string
  readonly flag?: string
  readonly doc: string
  readonly default: Default
}

type Defaults<T> = T | null | typeof required
type Loaded<T, Default> = T | Extract<Default, null>

const units = {
  duration: { ms: 1, s: 1_000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 },
  bytes: { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 1 << 10, MiB: 1 << 20, GiB: 1 << 30 },
} as const

/** A number with a unit from the table; a bare number is in the base unit. */
function measure(text: string, table: Readonly<Record<string, number>>, expected: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim())
  const factor = match === null ? undefined : match[2] === '' ? 1 : table[match[2] ?? '']
  const value = Number(match?.[1]) * (factor ?? Number.NaN)
  if (!Number.isSafeInteger(value)) throw new Unexpected(expected)
  return value
}

/** The largest unit that divides the value, so that what is printed can be read back. */
function inUnits(value: number, table: readonly (readonly [string, number])[]): string {
  const [unit, factor] = table.find(([, size]) => value !== 0 && value % size === 0) ?? table.at(-1) ?? ['', 1]
  return `${value / factor} ${unit}`
}

/** `90000` as `90 s`. */
export const formatDuration = (ms: number): string =>
  inUnits(ms, [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
    ['ms', 1],
  ])

/** `1048576` as `1 MiB`. */
export const formatBytes = (bytes: number): string =>
  inUnits(bytes, [
    ['GiB', 1 << 30],
    ['MiB', 1 << 20],
    ['KiB', 1 << 10],
    ['B', 1],
  ])

interface Kind<T> {
  readonly kind: Setting<T>['kind']
  readonly expected: string
  readonly placeholder: string
  readonly format: (value: T) => string
  readonly parse: (text: string, context: ParseContext) => T
  readonly parseParts?: (parts: readonly string[], context: ParseContext) => T
}

function define<T, const Default extends Defaults<T>>(
  { kind, expected, placeholder, format, parse, parseParts }: Kind<T>,
  origin: Origin<Default>,
): Setting<Loaded<T, Default>> {
  return Object.freeze({
    kind,
    expected,
    placeholder,
    env: origin.env,
    flag: origin.flag,
    doc: origin.doc,
    // `Default` is one of T, null and `required`; TypeScript does not see that without T it is Loaded<T, Default>.
    default: origin.default as Loaded<T, Default> | typeof required,
    // `null` only where the default is null, and it is written as nothing.
    format: (value) => (value === null ? 'none' : format(value as T)),
    parse,
    ...(parseParts === undefined ? {} : { parseParts }),
  })
}

const text: Kind<string> = {
  kind: 'string',
  expected: 'a text',
  placeholder: 'TEXT',
  format: (value) => value,
  parse: (value) => value,
}

const path: Kind<string> = {
  kind: 'path',
  expected: 'a path',
  placeholder: 'PATH',
  format: (value) => value,
  parse: (value, { baseDir }) => resolve(baseDir, value),
}

function url(protocols: readonly string[]): Kind<string> {
  const expected = `a URL that begins with ${protocols.map((name) => `${name}://`).join(' or ')}`
  return {
    kind: 'url',
    expected,
    placeholder: 'URL',
    format: (value) => value,
    parse: (value) => {
      if (!URL.canParse(value) || !protocols.includes(new URL(value).protocol.slice(0, -1))) {
        throw new Unexpected(expected)
      }
      return value
    },
  }
}

/** Cut at commas, but not at those within JSON's brackets or quotes: `a=["x","y"],b=1` has two parts. */
function commas(value: string): readonly string[] {
  const parts = ['']
  let depth = 0
  // A quote that is never closed is a character like any other.
  for (const [token] of value.matchAll(/"(?:[^"\\]|\\.)*"|[^]/gu)) {
    if (token === ',' && depth === 0) parts.push('')
    else parts.push(`${parts.pop() ?? ''}${token}`)
    if (token === '[' || token === '{') depth++
    else if ((token === ']' || token === '}') && depth > 0) depth--
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

function listOf(
  element: Kind<string>,
  refusals: (values: readonly string[]) => readonly string[] = () => [],
): Kind<readonly string[]> {
  const parseParts = (parts: readonly string[], context: ParseContext) => {
    const values = Object.freeze(parts.map((part) => element.parse(part, context)))
    const reasons = refusals(values)
    if (reasons.length > 0) throw new Refused(reasons)
    return values
  }
  return {
    kind: 'list',
    expected: `a list of values separated by commas, each ${element.expected}`,
    placeholder: element.kind === 'path' ? `${element.placeholder}…` : `${element.placeholder},…`,
    format: (values) => (values.length === 0 ? 'empty' : values.join(',')),
    parse: (value, context) => parseParts(commas(value), context),
    // A path may hold a comma, so one that stands alone is taken whole.
    parseParts: (parts, context) => parseParts(element.kind === 'path' ? parts : parts.flatMap(commas), context),
  }
}

/** A setting of which each of several chains may have a value of its own. */
export interface PerChain<Value> {
  /** Of the chains that have none of their own. */
  readonly others: Value
  readonly chains: ReadonlyMap<number, Value>
}

/** The value that holds for a chain; null: one whose id nobody knows yet. */
export const ofChain = <Value>({ others, chains }: PerChain<Value>, chainId: number | null): Value =>
  chainId === null ? others : (chains.get(chainId) ?? others)

/** `8453=…`: what a value of one chain begins with. */
const chainPrefix = /^(\d+)=(.*)$/s

/** Of a value that is no list: cut only where the next chain's begins, since a path may hold a comma. */
const chainParts = (value: string): readonly string[] => value.split(/,(?=\s*\d+=)/).map((part) => part.trim())

function byChain<Value>(inner: Setting<Value>): Setting<PerChain<Value>> {
  if (inner.default === required) throw new TypeError('What is set by chain needs a default.')
  const { default: others, parseParts: parseList, kind, placeholder } = inner
  const expected = `${inner.expected}; CHAIN=… for one of several chains`
  const parseParts = (parts: readonly string[], context: ParseContext): PerChain<Value> => {
    const given = new Map<number | null, string[]>()
    for (const part of parts) {
      const [, id, rest] = chainPrefix.exec(part) ?? []
      const chainId = id === undefined ? null : Number(id)
      if (chainId !== null && (chainId < 1 || !Number.isSafeInteger(chainId)))
        throw new Unexpected(`a chain id before the = of ${JSON.stringify(part)}, such as 8453=…`)
      given.set(chainId, [...(given.get(chainId) ?? []), rest ?? part])
    }
    const values = new Map<number | null, Value>()
    for (const [chainId, texts] of given) {
      const [first = '', second] = texts
      if (parseList === undefined && second !== undefined)
        throw new Unexpected(`one value ${chainId === null ? 'without a chain' : `for chain ${chainId}`}`)
      values.set(chainId, parseList === undefined ? inner.parse(first, context) : parseList(texts, context))
    }
    const chains = new Map<number, Value>()
    for (const [chainId, value] of values) if (chainId !== null) chains.set(chainId, value)
    return Object.freeze({ others: values.get(null) ?? others, chains })
  }
  return Object.freeze<Setting<PerChain<Value>>>({
    // Several words are several values, as for a list.
    kind: 'list',
    expected,
    placeholder: `[CHAIN=]${placeholder.replace(/,…$/, '')},…`,
    env: inner.env,
    flag: inner.flag,
    doc: inner.doc,
    default: Object.freeze({ others, chains: new Map<number, Value>() }),
    format: ({ others: value }) => inner.format(value),
    parse: (value, context) => parseParts(kind === 'list' ? commas(value) : chainParts(value), context),
    parseParts: (parts, context) =>
      parseParts(
        parts.flatMap((part) => (kind === 'list' ? commas(part) : chainParts(part))),
        context,
      ),
  })
}

const range = (min: number, max: number): string =>
  max === Number.MAX_SAFE_INTEGER
    ? min === Number.MIN_SAFE_INTEGER
      ? ''
      : ` of at least ${min}`
    : ` from ${min} to ${max}`

/** The kinds of settings. Each takes `{ env, flag, doc, default }` and what its kind needs; `default: required` has none. */
export const setting = {
  string: <const D extends Defaults<string>>(origin: Origin<D>) => define(text, origin),

  /** The value is never shown: not in errors, not in help. */
  secret: <const D extends Defaults<string>>(origin: Origin<D>) =>
    define<string, D>({ ...text, kind: 'secret', placeholder: 'SECRET', format: () => '(secret)' }, origin),

  /** `protocols` without `://`; default http, https. */
  url: <const D extends Defaults<string>>(origin: Origin<D> & { readonly protocols?: readonly string[] }) =>
    define(url(origin.protocols ?? ['http', 'https']), origin),

  /** Resolved: against the user's folder, or against the file's own folder if it stands in the settings file. */
  path: <const D extends Defaults<string>>(origin: Origin<D>) => define(path, origin),

  integer: <const D extends Defaults<number>>(
    origin: Origin<D> & { readonly min?: number; readonly max?: number; readonly unit?: string },
  ) => {
    const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER, unit } = origin
    const expected = `an integer${range(min, max)}${unit === undefined ? '' : ` (${unit})`}`
    return define<number, D>(
      {
        kind: 'integer',
        expected,
        placeholder: unit === undefined ? 'N' : unit.toUpperCase().replaceAll(' ', '-'),
        format: (value) => `${value}${unit === undefined ? '' : ` ${unit}`}`,
        parse: (value) => {
          const number = /^-?\d+$/.test(value.trim()) ? Number(value) : Number.NaN
          if (!Number.isSafeInteger(number) || number < min || number > max) throw new Unexpected(expected)
          return number
        },
      },
      origin,
    )
  },

  /** In ms. Reads `25ms`, `10 s`, `5 min`, `2 h`, `3 d`; a bare number is ms. */
  duration: <const D extends Defaults<number>>(
    origin: Origin<D> & { readonly min?: number; readonly max?: number },
  ) => {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = origin
    const bounds = [
      ...(min > 0 ? [`at least ${formatDuration(min)}`] : []),
      ...(max < Number.MAX_SAFE_INTEGER ? [`at most ${formatDuration(max)}`] : []),
    ]
    const expected = ['a duration such as 25ms, 10 s, 5 min, 2 h or 3 d', ...bounds].join(', ')
    return define<number, D>(
      {
        kind: 'duration',
        expected,
        placeholder: 'DURATION',
        format: formatDuration,
        parse: (value) => {
          const ms = measure(value, units.duration, expected)
          if (ms < min || ms > max) throw new Unexpected(expected)
          return ms
        },
      },
      origin,
    )
  },

  /** In bytes. Reads `512 B`, `64 KiB`, `1 MB`, `2 GiB`; a bare number is bytes. */
  bytes: <const D extends Defaults<number>>(origin: Origin<D> & { readonly min?: number; readonly max?: number }) => {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = origin
    const bounds = [
      ...(min > 0 ? [`at least ${formatBytes(min)}`] : []),
      ...(max < Number.MAX_SAFE_INTEGER ? [`at most ${formatBytes(max)}`] : []),
    ]
    const expected = ['a size such as 512 B, 64 KiB, 1 MB or 2 GiB', ...bounds].join(', ')
    return define<number, D>(
      {
        kind: 'bytes',
        expected,
        placeholder: 'SIZE',
        format: formatBytes,
        parse: (value) => {
          const size = measure(value, units.bytes, expected)
          if (size < min || size > max) throw new Unexpected(expected)
          return size
        },
      },
      origin,
    )
  },

  /** As a flag: `--name` or `--no-name`. */
  boolean: <const D extends Defaults<boolean>>(origin: Origin<D>) =>
    define<boolean, D>(
      {
        kind: 'boolean',
        expected: 'true or false',
        placeholder: '',
        format: String,
        parse: (value) => {
          const word = value.trim().toLowerCase()
          if (['true', '1', 'yes', 'on'].includes(word)) return true
          if (['false', '0', 'no', 'off'].includes(word)) return false
          throw new Unexpected('true or false')
        },
      },
      origin,
    ),

  choice: <const Choice extends string, const D extends Defaults<NoInfer<Choice>>>(
    origin: Origin<D> & { readonly choices: readonly Choice[] },
  ) => {
    const expected = `one of ${origin.choices.join(', ')}`
    return define<Choice, D>(
      {
        kind: 'choice',
        expected,
        placeholder: origin.choices.join('|'),
        format: (value) => value,
        parse: (value) => {
          const choice = origin.choices.find((one) => one === value.trim())
          if (choice === undefined) throw new Unexpected(expected)
          return choice
        },
      },
      origin,
    )
  },

  /**
   * Separated by commas, or an array in the file, or a flag given several times. `refusals` says what is wrong with the
   * values where more is to be known of them than their form, a sentence each.
   */
  list: <const D extends Defaults<readonly string[]>>(
    origin: Origin<D> & {
      readonly of?: 'string' | 'path' | 'url'
      readonly protocols?: readonly string[]
      readonly refusals?: (values: readonly string[]) => readonly string[]
    },
  ) => {
    const element =
      origin.of === 'path' ? path : origin.of === 'url' ? url(origin.protocols ?? ['http', 'https']) : text
    return define<readonly string[], D>(listOf(element, origin.refusals), origin)
  },

  /** Chain ids, each once: separated by commas, or an array in the file, or a flag given several times. */
  chainIds: <const D extends Defaults<readonly number[]>>(origin: Origin<D>) => {
    const id = setting.integer({ doc: '', default: 0, min: 1 })
    const expected = 'chain ids separated by commas, such as 1,8453'
    const parseParts = (parts: readonly string[], context: ParseContext) =>
      Object.freeze([...new Set(parts.flatMap(commas).map((part) => id.parse(part, context)))])
    return define<readonly number[], D>(
      {
        kind: 'list',
        expected,
        placeholder: 'N,…',
        format: (ids) => ids.join(','),
        parse: (value, context) => parseParts([value], context),
        parseParts,
      },
      origin,
    )
  },

  /**
   * A setting that each of several chains may have its own value of: `8453=5 s`, beside one for all others, or in the file
   * an object by chain id. Of a list each value is marked: `1=https://a,1=https://b,8453=https://c`.
   */
  perChain: <Value>(inner: Setting<Value>) => byChain(inner),
} as const

/**
 * A table of settings, checked and frozen: names are camelCase, variables `TOCSIN_…`, flags kebab-case, and none is
 * there twice. A mistake here is ours, so it throws at import.
 */
export function defineSettings<const Table extends SettingsTable>(table: Table): Table {
  const seen = new Set<string>()
  for (const [name, { env, flag }] of Object.entries(table)) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(name)) throw new TypeError(`The setting name "${name}" is not camelCase.`)
    if (env !== undefined && !/^TOCSIN_[A-Z0-9_]+$/.test(env)) throw new TypeError(`"${env}" is no TOCSIN_ variable.`)
    if (flag !== undefined && !/^[a-z][a-z0-9-]*$/.test(flag)) throw new TypeError(`"--${flag}" is not kebab-case.`)
    for (const key of [env, flag].filter((one) => one !== undefined)) {
      if (seen.has(key)) throw new TypeError(`"${key}" stands for two settings of one table.`)
      seen.add(key)
    }
  }
  return Object.freeze(table)
}

/** The words of the command line after parsing: `--name value` is a string, `--name` true, `--no-name` false. */
export type Flags = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

export interface SettingsSources {
  /** The settings file, parsed as JSON. Its relative paths start at its own folder. */
  readonly file?: { readonly path: string; readonly dir: string; readonly values: unknown } | undefined
  /** The environment; an empty variable counts as not set. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly flags?: Flags | undefined
  /** Relative paths of flags, variables and defaults start here. */
  readonly baseDir?: string | undefined
  /** Tables of other processes: their variables and file keys may be there too and are not read here. */
  readonly known?: readonly SettingsTable[] | undefined
}

/** One wrong setting. */
export interface SettingProblem {
  readonly setting: string
  /** Where it came from: `--rpc`, `TOCSIN_RPC_URL`, `tocsin.config.json`. */
  readonly from: string
  readonly reason: string
}

/** Everything that is wrong with the settings, at once: a line each. */
export class SettingsError extends Error {
  readonly code = 'SETTINGS_INVALID'
  readonly handling = 'stop'
  readonly remedy = 'Correct each setting named above; `tocsin <command> --help` and docs/settings.md list them all.'
  readonly problems: readonly SettingProblem[]
  constructor(problems: readonly SettingProblem[], options?: ErrorOptions) {
    super(problems.map((one) => `${one.setting}: ${one.from} ${one.reason}`).join('\n'), options)
    this.problems = problems
  }
}

/** Variables that the tests read, so they are no mistake. */
const testVariables = new Set(['TOCSIN_SHARED', 'TOCSIN_REQUIRE'])

/**
 * The settings of `tables`: flags win over the environment, which wins over the file, which wins over the default. The
 * result is frozen. A name in two tables is one setting and must mean the same.
 * @throws {SettingsError} with every wrong or unknown setting.
 */
export function loadSettings<const Tables extends SettingsTables>(
  tables: Tables,
  sources: SettingsSources,
): LoadedSettings<Tables> {
  const { file, env = {}, flags = {}, baseDir = '.', known = [] } = sources
  const problems: SettingProblem[] = []
  const fileValues = fileEntries(file, problems)

  const read = (name: string, one: AnySetting): unknown => {
    const candidates = [
      { from: `--${one.flag ?? ''}`, raw: one.flag === undefined ? undefined : flags[one.flag], dir: baseDir },
      {
        from: one.env ?? '',
        raw: one.env === undefined || env[one.env] === '' ? undefined : env[one.env],
        dir: baseDir,
      },
      { from: file?.path ?? '', raw: asWords(fileValues[name], one), dir: file?.dir ?? baseDir },
    ]
    const found = candidates.find(({ raw }) => raw !== undefined)
    if (found === undefined) {
      if (one.default !== required) return one.kind === 'path' ? defaultPath(one.default, baseDir) : one.default
      const ways = [one.flag && `--${one.flag}`, one.env].filter((way) => way !== undefined).join(' or ')
      problems.push({ setting: name, from: ways, reason: `is not set; expected ${one.expected}.` })
      return undefined
    }
    const wrong = (shown: string, expected = one.expected) => {
      const said = one.kind === 'secret' ? '(hidden)' : shown
      problems.push({ setting: name, from: found.from, reason: `says ${said}; expected ${expected}.` })
      return undefined
    }
    if (found.raw === null && one.default === null) return null
    const context = { baseDir: found.dir }
    const parts = asParts(found.raw)
    const given = asText(found.raw, one.kind)
    try {
      if (one.parseParts !== undefined && parts !== undefined) return one.parseParts(parts, context)
      return given === undefined ? wrong(JSON.stringify(found.raw)) : one.parse(given, context)
    } catch (error) {
      // Of a flag that may come more than once, and came once, the word that was given.
      if (error instanceof Unexpected)
        return wrong(JSON.stringify(parts?.length === 1 ? parts[0] : found.raw), error.message)
      if (!(error instanceof Refused)) throw error
      problems.push(...error.reasons.map((reason) => ({ setting: name, from: found.from, reason })))
      return undefined
    }
  }

  const loaded = Object.fromEntries(
    Object.entries(tables).map(([name, table]) => [
      name,
      Object.freeze(Object.fromEntries(Object.entries(table).map(([key, one]) => [key, read(key, one)]))),
    ]),
  )
  const own = Object.values(tables)
  problems.push(
    ...unknownNames(Object.keys(flags), namesOf(own, 'flag'), (name) => `--${name}`, 'is no flag of this command'),
    ...unknownNames(
      Object.keys(env).filter((name) => name.startsWith('TOCSIN_') && !testVariables.has(name)),
      namesOf([...own, ...known], 'env'),
      (name) => name,
      'is no setting of Tocsin',
    ),
    ...unknownNames(
      Object.keys(fileValues),
      [...own, ...known].flatMap((table) => Object.keys(table)),
      (name) => name,
      `is no setting of Tocsin`,
      file?.path,
    ),
  )
  // A setting that two tables share is read twice and must be complained of once.
  const unique = [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()]
  if (unique.length > 0) throw new SettingsError(unique)
  // Each value went through its own setting's `parse` or is its default, which is what LoadedSettings says.
  return Object.freeze(loaded) as LoadedSettings<Tables>
}

/** The environment variables that the tables read, sorted: for .env.example and docker-compose.yml. */
export function environmentNames(tables: readonly SettingsTable[]): readonly string[] {
  return [...new Set(namesOf(tables, 'env'))].sort()
}

function namesOf(tables: readonly SettingsTable[], key: 'env' | 'flag'): readonly string[] {
  return tables.flatMap((table) => Object.values(table).flatMap((one) => one[key] ?? []))
}

function fileEntries(file: SettingsSources['file'], problems: SettingProblem[]): Readonly<Record<string, unknown>> {
  if (file === undefined) return {}
  const { values } = file
  if (typeof values === 'object' && values !== null && !Array.isArray(values)) return { ...values, $schema: undefined }
  problems.push({ setting: file.path, from: 'it', reason: 'holds no object; expected { "setting": value, … }.' })
  return {}
}

function defaultPath(value: unknown, baseDir: string): unknown {
  return typeof value === 'string' ? resolve(baseDir, value) : value
}

/** What stands in the file as an object by chain id, as the words that say the same. */
function asWords(raw: unknown, one: AnySetting): unknown {
  if (one.parseParts === undefined || typeof raw !== 'object' || raw === null || Array.isArray(raw)) return raw
  return Object.entries(raw).flatMap(([key, values]: [string, unknown]) =>
    [values].flat().map((value) => `${key}=${String(value)}`),
  )
}

function asParts(raw: unknown): readonly string[] | undefined {
  if (!Array.isArray(raw)) return undefined
  const parts: readonly unknown[] = raw
  return parts.every((part) => typeof part === 'string') ? parts : undefined
}

function asText(raw: unknown, kind: AnySetting['kind']): string | undefined {
  if (Array.isArray(raw)) return raw.length === 1 ? asText(raw[0], kind) : undefined
  if (typeof raw === 'boolean') return kind === 'boolean' ? String(raw) : undefined
  if (typeof raw === 'number') return String(raw)
  return typeof raw === 'string' ? raw : undefined
}

function unknownNames(
  given: readonly string[],
  known: readonly string[],
  show: (name: string) => string,
  reason: string,
  where?: string,
): readonly SettingProblem[] {
  return given
    .filter((name) => name !== '$schema' && !known.includes(name))
    .map((name) => {
      const near = nearest(name, known)
      const hint = near === undefined ? '' : ` Did you mean ${show(near)}?`
      return { setting: show(name), from: where === undefined ? 'it' : `in ${where} it`, reason: `${reason}.${hint}` }
    })
}

/** The known name that differs least, if it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
  const [best] = ranked
  return best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : undefined
}

/** Levenshtein's distance, with two neighbours in each other's place as one mistake: `prot` means `port`. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = isSwapped ? (before[j - 2] ?? 0) + 1 : Infinity
      next.push(Math.min(substitute, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row.at(-1) ?? 0
}
