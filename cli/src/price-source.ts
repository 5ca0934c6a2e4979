import type { IngestorConfig, PriceSource } from '@tocsin/ingestor'
import { aborted, type Logger } from '@tocsin/service-kit'

/** A feed that never says anything: its watermarks and then its idleness let detection go on without prices. */
const silence: PriceSource = {
  name: 'none',
  run: (_push, _failed, signal) => aborted(signal),
}

/** The price source beside those of the settings: none where these have one; else silence, which is told. */
export function priceSourceOf(
  config: Pick<IngestorConfig, 'prices' | 'pricesUrl'>,
  log: Logger,
): PriceSource | undefined {
  if (config.prices !== null || config.pricesUrl !== null) return undefined
  log.warn('without --prices or --prices-url nothing can be valued in USD; rules in USD stay silent')
  return silence
}
