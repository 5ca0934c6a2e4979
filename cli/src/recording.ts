import { defineSettings, required, setting, type Logger, type SettingsOf } from '@tocsin/service-kit'
import { loadKnowledge, openRecording, readChainPriceFeeds, type Recording } from '@tocsin/ingestor'

/** What the commands over recorded history read. */
export const recordingSettings = defineSettings({
  recording: setting.list({
    of: 'path',
    flag: 'recording',
    doc: 'Files or folders: blocks with receipts and traces, ranges of logs, ranges of traces; JSON or JSON lines, gzipped or not.',
    default: required,
  }),
  recordingChainId: setting.integer({
    flag: 'chain-id',
    doc: 'The chain of files that do not say theirs.',
    default: 1,
    min: 1,
  }),
  tokens: setting.list({
    of: 'path',
    flag: 'tokens',
    doc: 'Token lists (JSON) that win over the one that comes with Tocsin.',
    default: [],
  }),
  labels: setting.list({
    of: 'path',
    flag: 'labels',
    doc: 'Label lists (JSON or CSV) that win over the one that comes with Tocsin.',
    default: [],
  }),
  abis: setting.list({
    of: 'path',
    flag: 'abi',
    doc: 'ABIs of contracts that are to be decoded too: JSON files, folders of them, or of Sourcify’s form.',
    default: [],
  }),
  chainPrices: setting.path({
    flag: 'chain-prices',
    doc: 'Chainlink feeds, with their aggregators, and pools whose prices the blocks themselves tell: CSV or NDJSON.',
    default: null,
  }),
})

export type RecordingConfig = SettingsOf<typeof recordingSettings>

/** Opens the recording and tells once what its files lack. */
export function openRecordings(config: RecordingConfig, log: Logger): Promise<Recording> {
  return openRecording(config.recording, {
    chainId: config.recordingChainId,
    onNotice: ({ message }) => log.warn(message),
  })
}

export const knowledgeOf = ({ tokens, labels, abis }: RecordingConfig) => loadKnowledge({ tokens, labels, abis })

/** What blocks are decoded with: lists, and feeds whose prices stand in them. */
export const decodedWith = async (config: RecordingConfig) => ({
  knowledge: await knowledgeOf(config),
  priceFeeds: config.chainPrices === null ? [] : await readChainPriceFeeds(config.chainPrices, { node: false }),
})
