import { join } from 'node:path'
import { alertCodec, transactionsCodec, transactionsTopic, type Alert } from '@tocsin/chain-model'
import {
  configureDetectors,
  detectorSettings,
  inCanonicalOrder,
  parseOverrides,
  putAsideTeller,
  runDetection,
  waitingTeller,
  type ConfiguredDetector,
  type DetectionResult,
} from '@tocsin/detector'
import { openEmbeddedLog, readRange, type EventLog } from '@tocsin/event-log'
import {
  ingestPriceFile,
  ingestRecording,
  readPriceFile,
  RecordingError,
  wrappedNativeOf,
  type Knowledge,
  type PriceFile,
  type Recording,
} from '@tocsin/ingestor'
import {
  aborted,
  createOutage,
  createProgressBar,
  defineSettings,
  setting,
  type Logger,
  type ProgressBar,
} from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { defineCommand, type CommandContext } from '../command.ts'
import { fileFacts } from '../file-facts.ts'
import { openOutput } from '../output.ts'
import { decodedWith, openRecordings, recordingSettings } from '../recording.ts'
import { rulesFrom } from '../rules.ts'
import { openWorkFolder } from '../work-folder.ts'

const replaySettings = defineSettings({
  prices: setting.path({
    flag: 'prices',
    doc: 'A price file, CSV or NDJSON with asset (address or native), price (USD), time (ms) and source; a line without time holds throughout.',
    default: null,
  }),
  detectors: detectorSettings.detectors,
  parameters: detectorSettings.parameters,
  rules: detectorSettings.rules,
  out: setting.path({
    flag: 'out',
    doc: 'The file to write, whole or not at all. None: standard output.',
    default: null,
  }),
  work: setting.path({
    flag: 'work',
    doc: 'Where the run keeps what it has done, so that the same command goes on after it was cut short. Removed at the end. None: OUT.work, or a temporary folder without --out.',
    default: null,
  }),
  batchSize: setting.integer({
    flag: 'batch-size',
    doc: 'Elements between two looks at the clock. Results never depend on it.',
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: 'elements',
  }),
})

const settings = { recording: recordingSettings, replay: replaySettings }

/** One program's log, so any prefix does. */
const prefix = 'replay'
/** Nobody waits for the alerts of a replay, and each commit costs. */
const commitIntervalMs = 1_000

export const replay = defineCommand(
  {
    name: 'replay',
    runs: 'to-end',
    summary: 'Run the whole detection over recorded blocks and print the final alerts.',
    about: [
      'Runs ingestor and detectors over recorded history and writes the final alerts in canonical order (event time, id), one',
      'JSON object a line. The same recording, prices and parameters give the same bytes, whatever the batch size and',
      'however often the run was cut short: the same command goes on where it was.',
    ].join('\n'),
    examples: [
      'tocsin replay --recording blocks/ --prices prices.csv --out alerts.ndjson',
      'tocsin replay --recording logs.jsonl.gz --prices prices.csv --detectors transfer-volume \\',
      "    --param transfer-volume.window=trailing --param 'transfer-volume.exclude=[]'",
      'tocsin replay --recording blocks/ --abi Vault.json --rules rules.json',
    ],
    settings,
    check: async ({
      settings: {
        replay: { rules },
        recording,
      },
    }) => void (await rulesFrom(rules, recording.abis)),
    run: replayRecording,
  },
  knownSettings,
)

type Context = CommandContext<typeof settings>

async function replayRecording({ settings: config, lifecycle, log, io }: Context): Promise<undefined> {
  const { signal } = lifecycle
  const began = io.clock()
  const detectors = configureDetectors(
    config.replay.detectors,
    parseOverrides(config.replay.parameters),
    await rulesFrom(config.replay.rules, config.recording.abis),
  )
  const recording = await openRecordings(config.recording, log)
  const known = await decodedWith(config.recording)
  const { knowledge } = known
  const prices = await pricesOf(config, recording, knowledge, log)
  const chainIds = recording.chains.map(({ chainId }) => chainId)

  const { out, batchSize } = config.replay
  const workPath = config.replay.work ?? (out === null ? null : `${out}.work`)
  const work = await openWorkFolder(workPath, await argumentsOf(config, detectors))
  if (work.resumed) log.info('resuming the run that was cut short', { work: work.path })
  // Only what nobody could find again is removed when the run is cut short.
  let remove = workPath === null
  const eventLog = await openEmbeddedLog(join(work.path, 'log'))
  try {
    await ingest()
    const alerts: Alert[] = []
    for (const chainId of chainIds) alerts.push(...(await detect(chainId)))
    const file = await openOutput(out, io.stdout)
    try {
      for (const alert of inCanonicalOrder(alerts)) await file.write(`${alertCodec.stringify(alert)}\n`)
      await file.finish()
    } finally {
      await file.abandon()
    }
    remove = true
    const seconds = (io.clock() - began) / 1000
    io.stderr.write(summary(await countLog(eventLog, chainIds), alerts, work.resumed ? null : seconds))
  } catch (error) {
    // A recording that is wrong will be another one when it is mended: there is nothing to go on with.
    if (error instanceof RecordingError) remove = true
    throw error
  } finally {
    await eventLog.close()
    if (remove) await work.remove()
  }
  return undefined

  function bar(label: string, unit: string): ProgressBar {
    return createProgressBar({ stream: io.stderr, now: io.clock, label, unit })
  }

  async function ingest(): Promise<void> {
    const progress = bar('ingest', 'blocks')
    const total = recording.chains.reduce((sum, { blocks }) => sum + blocks, 0)
    const done = new Map<number, number>()
    const outage = createOutage(log, 'the replay')
    const told = { onRetry: (error: unknown) => void outage.failing(error) }
    for (const [at, chainId] of chainIds.entries()) {
      // What is no price is of no chain: kept once.
      const file = at === 0 ? prices : { ...prices, bad: [] }
      await ingestPriceFile({ file, log: eventLog, prefix, chainId, signal, ...told })
    }
    outage.over()
    await ingestRecording({
      ...{ recording, ...known, log: eventLog, prefix, signal, ...told },
      onProgress: ({ chainId, blocks }) => {
        outage.over()
        done.set(chainId, blocks)
        progress.update({ done: [...done.values()].reduce((sum, count) => sum + count, 0), total })
      },
    })
    progress.end()
  }

  async function detect(chainId: number): Promise<readonly Alert[]> {
    const progress = bar(chainIds.length === 1 ? 'detect' : `detect chain ${chainId}`, 'records')
    const tellWaiting = waitingTeller(createOutage(log, 'the replay'))
    const detection = runDetection({
      ...{ log: eventLog, chainId, prefix, detectors, batchSize, commitIntervalMs, clock: io.clock },
      stateFolder: join(work.path, `state-${chainId}`),
      onDeadLetter: putAsideTeller(log),
      onProgress: (now) => {
        tellWaiting(now)
        progress.update({
          done: now.inputs.reduce((sum, { position }) => sum + position, 0),
          total: now.inputs.reduce((sum, { end }) => sum + end, 0),
        })
      },
    })
    // Being cut short here is what a kill is: the next run recovers from it.
    const result = await Promise.race([detection, aborted(signal).then(() => signal.throwIfAborted())])
    progress.end()
    if (result === undefined) return []
    tellWhatWasLeftOut(log, chainId, result)
    return result.alerts
  }
}

/** What makes two runs the same run. The batch size does not. */
async function argumentsOf(config: Context['settings'], detectors: readonly ConfiguredDetector[]): Promise<unknown> {
  const { recording, recordingChainId, tokens, labels, abis, chainPrices } = config.recording
  const { prices } = config.replay
  return {
    recording: await fileFacts(recording),
    prices: await fileFacts(prices === null ? [] : [prices]),
    tokens: await fileFacts(tokens),
    labels: await fileFacts(labels),
    abis: await fileFacts(abis),
    'chain-prices': await fileFacts(chainPrices === null ? [] : [chainPrices]),
    'chain-id': recordingChainId,
    detectors: detectors.map(({ id, version, parameters }) => ({ id, version, parameters })),
  }
}

/** The price file, its bad lines told. Without one nothing has a price, and nothing waits for any. */
async function pricesOf(
  config: Context['settings'],
  recording: Recording,
  knowledge: Knowledge,
  log: Logger,
): Promise<PriceFile> {
  const { prices } = config.replay
  if (prices === null) {
    if (config.recording.chainPrices === null)
      log.warn('without --prices or --chain-prices nothing can be valued in USD; rules in USD stay silent')
    return { ticks: [], bad: [] }
  }
  const [only, second] = recording.chains
  const chainId = only !== undefined && second === undefined ? only.chainId : config.recording.recordingChainId
  const file = await readPriceFile(prices, { chainId, wrappedNative: (of) => wrappedNativeOf(knowledge.tokens, of) })
  const [first] = file.bad
  if (first !== undefined) log.warn(first, { badLines: file.bad.length })
  return file
}

function tellWhatWasLeftOut(log: Logger, chainId: number, result: DetectionResult): void {
  const { deadLetters, lateElements, unpriced, suppressed } = result
  if (deadLetters > 0) log.warn('records could not be evaluated and were put aside', { chainId, deadLetters })
  if (lateElements > 0) log.warn('elements came after their window', { chainId, lateElements })
  for (const [detector, elements] of Object.entries(unpriced)) {
    log.info('left out for want of a price', { chainId, detector, elements })
  }
  for (const [detector, reasons] of Object.entries(suppressed)) {
    const counts = Object.entries(reasons).map(([reason, elements]) => `${reason} ${elements}`)
    log.info('left out by label or cool-down', { chainId, detector, elements: counts.join(', ') })
  }
}

interface Counts {
  readonly blocks: number
  readonly transactions: number
  readonly events: number
}

const sealedStart = new TextEncoder().encode('{"type":"sealed"')

/** What the blocks' seals in the log say, of this run and of those it resumed. */
async function countLog(log: EventLog, chainIds: readonly number[]): Promise<Counts> {
  let [blocks, transactions, events] = [0, 0, 0]
  for (const chainId of chainIds) {
    const topic = transactionsTopic(prefix, chainId)
    const { beginning, end } = await log.offsets({ topic, partition: 0 })
    for await (const { records } of readRange(log, { topic, partition: 0, offset: beginning }, end)) {
      for (const { value } of records) {
        if (sealedStart.some((byte, at) => value[at] !== byte)) continue
        const seal = transactionsCodec.decode(value)
        if (seal.type !== 'sealed') continue
        blocks++
        transactions += seal.transactions
        events += seal.events
      }
    }
  }
  return { blocks, transactions, events }
}

/** `seconds` is null where this run did only a part of the work: then there is no rate to tell. */
function summary({ blocks, transactions, events }: Counts, alerts: readonly Alert[], seconds: number | null): string {
  const number = (count: number) => count.toLocaleString('en-US')
  const rate = seconds === null ? '' : ` in ${seconds.toFixed(1)} s: ${number(Math.round(events / seconds))} events/s`
  const byDetector = new Map<string, number>()
  for (const { detector } of alerts) byDetector.set(detector, (byDetector.get(detector) ?? 0) + 1)
  const counts = [...byDetector].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, count]) => `${id} ${number(count)}`)
  return [
    `${number(blocks)} blocks, ${number(transactions)} transactions, ${number(events)} events${rate}`,
    `${number(alerts.length)} ${alerts.length === 1 ? 'alert' : 'alerts'}${counts.length === 0 ? '' : `: ${counts.join(', ')}`}`,
    '',
  ].join('\n')
}
