import { ofChain, type PerChain } from '@tocsin/service-kit'
import { ingestorSettings, type IngestorConfig, type IngestorSettings } from './config.ts'
import { endpointNames } from './rpc/open-endpoints.ts'

/** The settings do not say which chain has what: a line each. */
export class ChainSettingsError extends Error {
  readonly code = 'INGEST_CHAIN_SETTINGS'
  readonly handling = 'stop'
  readonly remedy = 'Mark what is of one chain with its id: --rpc 1=https://a,8453=https://b --from 8453=100.'
}

/** Block numbers, nodes and products are of one chain: of several, each says of which. */
const ofOneChain = ['rpcHeads', 'from', 'to', 'mempoolRpc', 'priceFeeds'] as const

/**
 * What holds for each chain that the settings name: those of `--chain-id`, else all that `--rpc` names, else the one whose
 * node is asked for its id.
 * @throws {ChainSettingsError} with all that is wrong.
 */
export function chainsOf(settings: IngestorSettings): readonly IngestorConfig[] {
  const wrong: string[] = []
  const { rpc, recordings, chainId: asked } = settings
  const named = [...rpc.chains.keys()]
  const [first, second] = asked ?? []
  if (named.length > 0 && rpc.others.length > 0)
    for (const name of endpointNames(rpc.others))
      wrong.push(`--rpc: ${name} names no chain, and others do; expected CHAIN=URL.`)
  if (named.length === 0 && second !== undefined)
    wrong.push(
      recordings.length > 0
        ? `--chain-id names ${asked?.length} chains, and recorded blocks that do not say theirs can only be of one.`
        : `--chain-id names ${asked?.length} chains, and --rpc says of no endpoint which it is of; expected CHAIN=URL.`,
    )
  for (const chainId of asked ?? [])
    if (named.length > 0 && !named.includes(chainId))
      wrong.push(`--chain-id: chain ${chainId} has no endpoint; --rpc names ${named.join(', ')}.`)
  const known = named.length > 0 ? named : (asked ?? [])
  for (const [name, value] of Object.entries(settings)) {
    if (!isPerChain(value)) continue
    for (const chainId of value.chains.keys())
      if (!known.includes(chainId))
        wrong.push(`${flagOf(name)}: there is a value for chain ${chainId}, which neither --rpc nor --chain-id names.`)
  }
  const followed = named.length === 0 ? [first ?? null] : (asked ?? named)
  if (followed.length > 1)
    for (const name of ofOneChain)
      if (isGiven(settings[name].others))
        wrong.push(`${flagOf(name)}: it names no chain, and ${followed.length} are followed; expected CHAIN=….`)
  if (wrong.length > 0) throw new ChainSettingsError(wrong.join('\n'))
  return followed.map((chainId) => configOf(settings, chainId, followed.length))
}

function configOf(settings: IngestorSettings, chainId: number | null, ofChains: number): IngestorConfig {
  const values = Object.entries<unknown>(settings).map(([name, value]) => [
    name,
    isPerChain(value) ? ofChain(value, chainId) : value,
  ])
  const { prices, pricesUrl } = settings
  const isShared = ({ chains }: PerChain<unknown>) => chainId === null || !chains.has(chainId)
  return Object.freeze({
    // Each value is what IngestorConfig says of its name: the one for all, or the chain's own.
    ...(Object.fromEntries(values) as Omit<IngestorConfig, 'chainId' | 'ofChains' | 'sharesPrices'>),
    chainId,
    ofChains,
    sharesPrices: ofChains > 1 && isShared(prices) && isShared(pricesUrl),
  })
}

const isGiven = (value: unknown) => value !== null && !(Array.isArray(value) && value.length === 0)

const isPerChain = (value: unknown): value is PerChain<unknown> =>
  typeof value === 'object' && value !== null && 'chains' in value && value.chains instanceof Map

const flagOf = (name: string): string => {
  const found = Object.entries(ingestorSettings).find(([key]) => key === name)
  return `--${found?.[1].flag ?? name}`
}
