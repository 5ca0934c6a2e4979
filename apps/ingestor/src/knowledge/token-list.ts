import { parseAddress, tokenInfoSchema, type Address, type TokenInfo } from '@tocsin/chain-model'
import { ListFileError, readBundled, readListFile, reasonOf, rowsOf } from './list-file.ts'

/** A token that a list vouches for, by chain and address: recognised, whatever its contract says of itself. */
export interface ListedToken extends TokenInfo {
  readonly chainId: number
}

const kinds: readonly unknown[] = ['stablecoin', 'wrapped-native', 'other'] satisfies TokenInfo['kind'][]

/** @throws {TypeError} naming the field. */
function parseListedToken(value: unknown): ListedToken {
  if (typeof value !== 'object' || value === null) throw new TypeError('a token is an object.')
  const token = value as Readonly<Record<string, unknown>>
  const chainId = Number(token['chainId'] ?? 1)
  if (!Number.isSafeInteger(chainId) || chainId <= 0)
    throw new TypeError(`chainId is ${JSON.stringify(token['chainId'])}.`)
  const decimals = Number(token['decimals'] ?? Number.NaN)
  const kind = token['kind'] ?? 'other'
  if (!kinds.includes(kind)) throw new TypeError(`kind is ${JSON.stringify(kind)}, not one of ${kinds.join(', ')}.`)
  const symbol = typeof token['symbol'] === 'string' ? token['symbol'].slice(0, 32) : null
  const info = { address: parseAddress(token['address']), symbol, decimals, kind, recognised: true }
  const result = tokenInfoSchema.safeParse(info)
  if (!result.success)
    throw new TypeError(`${result.error.issues[0]?.path.join('.')}: ${result.error.issues[0]?.message}.`)
  return { chainId, ...result.data }
}

/** The `tokens` of a list in the form of the Uniswap token list standard; `kind` is ours and defaults to `other`. */
function parseTokenList(file: string, json: unknown): readonly ListedToken[] {
  const list: unknown = typeof json === 'object' && json !== null && 'tokens' in json ? json.tokens : json
  if (!Array.isArray(list)) throw new ListFileError({ file, line: null, reason: 'no list of tokens is in it.' })
  return list.map((token: unknown, at) => {
    try {
      return parseListedToken(token)
    } catch (cause) {
      throw new ListFileError({ file, line: null, reason: `token ${at}: ${reasonOf(cause)}` }, { cause })
    }
  })
}

/** The main tokens of the chains we know, from the package's `data/tokens.json`. */
export const bundledTokens = (): readonly ListedToken[] =>
  parseTokenList('data/tokens.json', readBundled('tokens.json'))

/**
 * The tokens of a file: a JSON token list, or CSV or NDJSON rows with `chainId` (default 1), `address`, `decimals`,
 * `symbol` and `kind`. @throws {ListFileError} naming file and line.
 */
export async function readTokenFile(file: string): Promise<readonly ListedToken[]> {
  const text = await readListFile(file)
  try {
    return parseTokenList(file, JSON.parse(text))
  } catch (cause) {
    if (cause instanceof ListFileError) throw cause // it is JSON, but no list; anything else is read as rows
  }
  return rowsOf(text).map((result) => {
    if (!result.ok) throw new ListFileError({ file, line: result.line, reason: `${result.reason}.` })
    try {
      return parseListedToken(result.row.values)
    } catch (cause) {
      throw new ListFileError({ file, line: result.row.line, reason: reasonOf(cause) }, { cause })
    }
  })
}

/** What is listed for one chain, by address; of two entries for one address the later one counts. */
export const tokensOfChain = (tokens: readonly ListedToken[], chainId: number): ReadonlyMap<Address, TokenInfo> =>
  new Map(
    tokens
      .filter((token) => token.chainId === chainId)
      .map(({ address, symbol, decimals, kind, recognised }) => [
        address,
        { address, symbol, decimals, kind, recognised },
      ]),
  )

/** The chain's wrapped native token, if one is listed: the lowest address of them, should there be several. */
export const wrappedNativeOf = (tokens: readonly ListedToken[], chainId: number): Address | undefined =>
  tokens
    .filter((token) => token.chainId === chainId && token.kind === 'wrapped-native')
    .map(({ address }) => address)
    .sort()[0]
