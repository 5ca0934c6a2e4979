import type { DecodedBlock } from '../decode/decode-block.ts'
import { encodeBlock, type EncodedBlock } from '../decode/encode-block.ts'
import { minedIn } from '../mempool/mined-in.ts'
import type { ChainSource } from '../sources/chain-source.ts'
import type { TimedBlock } from '../sources/recording-source.ts'
import type { BlockHeader } from '../sources/source-block.ts'

/** Brings whole blocks from the node to where they can be written. */
export interface BlockReader {
  /** The block of the header, proven. Many may be asked for at once. @throws as {@link ChainSource.block} does */
  read(header: BlockHeader, signal: AbortSignal): Promise<ReadBlock>
  /** Nothing is asked for a while: what only reading needs may go. */
  rest(): void
}

/** A block that is here and not yet written. */
export interface ReadBlock {
  /** About what it takes of memory. */
  readonly bytes: number
  /** As it is written. To be called in the order of the chain: what the blocks before have taught is known then. */
  settle(signal: AbortSignal): Promise<EncodedBlock>
}

/** Reads in this thread. `mined`: what ends pending transactions is wanted too. */
export const sourceReader = (
  source: Pick<ChainSource, 'block'>,
  decode: (block: TimedBlock, signal: AbortSignal) => Promise<DecodedBlock>,
  { mined = false }: { readonly mined?: boolean } = {},
): BlockReader => ({
  async read(header, signal) {
    const block = await source.block(header, signal)
    return {
      bytes: approximateBytes(block),
      settle: async (within) => encodeBlock(await decode(block, within), mined ? minedIn(block) : []),
    }
  },
  rest: () => {},
})

/** Objects weigh more than their text: two bytes a character would be its half. */
const [bytesOfTransaction, bytesOfLog, bytesOfFrame] = [1_000, 600, 400]

const approximateBytes = ({ transactions }: TimedBlock): number =>
  transactions.reduce(
    (sum, { envelope, logs, frames }) =>
      sum +
      bytesOfTransaction +
      (envelope?.input.length ?? 0) +
      (logs ?? []).reduce((all, { data }) => all + bytesOfLog + data.length, 0) +
      (frames ?? []).length * bytesOfFrame,
    0,
  )
