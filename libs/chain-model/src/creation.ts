import type { Address } from './address.ts'
import { undoneBy, type TraceAddress } from './frame.ts'
import type { ChainTransaction } from './transaction.ts'

/** A contract that came to be. */
export interface Creation {
  readonly address: Address
  /** Who created it: the sender, or the contract that ran CREATE or CREATE2. */
  readonly creator: Address
  /** Where in the transaction; the transaction itself is `[]`. */
  readonly traceAddress: TraceAddress
}

/**
 * The contracts that a transaction created, in order of execution; none by what failed, or may have. Where `frames` is null
 * it is the one of the transaction itself alone, and whether contracts created others is not known: a contract whose
 * creation no record tells may be of any age.
 */
export function creationsOf({
  from,
  contractAddress,
  status,
  frames,
}: Pick<ChainTransaction, 'from' | 'contractAddress' | 'status' | 'frames'>): readonly Creation[] {
  if (frames === null)
    return status === 'success' && from !== null && contractAddress !== null
      ? [{ address: contractAddress, creator: from, traceAddress: [] }]
      : []
  const isUndone = undoneBy(frames)
  return frames.flatMap(({ type, from: creator, to, traceAddress }) =>
    (type === 'create' || type === 'create2') && to !== null && !isUndone(traceAddress)
      ? [{ address: to, creator, traceAddress }]
      : [],
  )
}
