import { maxWatermark, type TransactionsRecord } from '@tocsin/chain-model'
import { blockDecoder, finalizedRecord, type Knowledge } from './decode/decode-block.ts'
import { chainFacts } from './knowledge/chains.ts'
import { bundledLabels, readLabelFile } from './knowledge/label-list.ts'
import { bundledTokens, readTokenFile } from './knowledge/token-list.ts'
import type { Recording } from './sources/recording-source.ts'

export interface DecodeOptions {
  /** Default: the bundled lists. */
  readonly knowledge?: Knowledge
  /** Only this chain of the recording. Default: all, one after the other by chain id. */
  readonly chainId?: number
}

/**
 * The bundled lists and then the user's files, which win over them.
 * @throws {ListFileError} naming file and line.
 */
export async function loadKnowledge(files: {
  readonly tokens?: readonly string[]
  readonly labels?: readonly string[]
}): Promise<Knowledge> {
  const tokens = await Promise.all((files.tokens ?? []).map(readTokenFile))
  const labels = await Promise.all((files.labels ?? []).map(readLabelFile))
  return { tokens: [...bundledTokens(), ...tokens.flat()], labels: [...bundledLabels(), ...labels.flat()] }
}

/** The records of one block of final history: its transactions, its seal and its finality. Written in one append. */
export interface RecordedBatch {
  readonly chainId: number
  readonly blockNumber: number
  readonly sequence: number
  readonly records: readonly TransactionsRecord[]
}

/** The recording's blocks as the batches that ingestion writes. The last one of each chain is the watermark's. */
export async function* decodeBatches(recording: Recording, options: DecodeOptions = {}): AsyncGenerator<RecordedBatch> {
  const knowledge = options.knowledge ?? (await loadKnowledge({}))
  for (const { chainId, last } of recording.chains) {
    if (options.chainId !== undefined && options.chainId !== chainId) continue
    const decoder = blockDecoder(chainFacts(chainId), knowledge)
    let sequence = 0
    for await (const block of recording.blocks(chainId)) {
      const { transactions, seal } = decoder.decode(block)
      const records: TransactionsRecord[] = [...transactions, { ...seal, sequence }, finalizedRecord(seal)]
      yield { chainId, blockNumber: block.number, sequence, records }
      sequence++
    }
    yield { chainId, blockNumber: last, sequence, records: [{ type: 'watermark', watermark: maxWatermark }] }
  }
}

/** The records that {@link ingestRecording} would write to the transactions topic, in order. */
export async function* decodeRecording(
  recording: Recording,
  options: DecodeOptions = {},
): AsyncGenerator<TransactionsRecord> {
  for await (const { records } of decodeBatches(recording, options)) yield* records
}
