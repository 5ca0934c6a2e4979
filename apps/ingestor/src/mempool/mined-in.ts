import type { SourceBlock } from '../sources/source-block.ts'
import type { MinedTransaction } from './pending-pool.ts'

/** What ends pending transactions, of a block as its source holds it. */
export const minedIn = ({ transactions }: SourceBlock): readonly MinedTransaction[] =>
  transactions.flatMap(({ hash, envelope, outcome }) => {
    if (envelope === null || envelope.nonce === null) return []
    const { from, nonce, to, value, input } = envelope
    return [{ hash, from, nonce, to, value, input, status: outcome?.status ?? 'unknown' }]
  })
