import type { IngestorConfig } from '../config.ts'
import type { ChainFacts } from '../knowledge/chains.ts'

/** Whether block hashes and roots are recomputed: as the settings say, else where the chain's are Ethereum's. */
export const hashesAreVerified = ({ verifyHashes }: IngestorConfig, { ethereumFormats }: ChainFacts): boolean =>
  verifyHashes === 'auto' ? ethereumFormats : verifyHashes === 'on'
