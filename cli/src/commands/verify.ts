import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { resolve } from 'node:path'
import { alertCodec, type Alert, type ChainTransaction } from '@tocsin/chain-model'
import { recordedTransactions, verifyAlert } from '@tocsin/detector'
import { decodeRecording } from '@tocsin/ingestor'
import { exitCodes } from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { defineCommand } from '../command.ts'
import { knowledgeOf, openRecordings, recordingSettings } from '../recording.ts'

/** The file of alerts cannot be read. */
export class AlertFileError extends Error {
  readonly code = 'CLI_ALERT_FILE'
  readonly handling = 'stop'
  readonly remedy = 'Give a file that tocsin replay wrote, uncompressed: one alert a line, by docs/schemas.'
}

export const verify = defineCommand(
  {
    name: 'verify',
    runs: 'to-end',
    summary: 'Derive alerts again from their evidence and say which do not hold.',
    about: [
      'Derives every alert of FILE again from its evidence alone, against the recording that it was found in: each reference',
      'must be what was recorded, and the detector, fed with nothing else, must make the same alert. Says which do not hold',
      'and why. Exit code 0 if all hold, 1 if not.',
    ].join('\n'),
    examples: ['tocsin verify alerts.ndjson --recording blocks/'],
    positional: { name: 'FILE', doc: 'alerts as tocsin replay writes them, one JSON object a line.', count: 'one' },
    settings: { recording: recordingSettings },
    run: async ({ settings, word, lifecycle, log, io }) => {
      const alerts = await readAlerts(resolve(io.folder, word ?? ''))
      const recording = await openRecordings(settings.recording, log)
      const knowledge = await knowledgeOf(settings.recording)
      const byChain = new Map<number, ChainTransaction[]>()
      for await (const record of decodeRecording(recording, { knowledge })) {
        lifecycle.signal.throwIfAborted()
        if (record.type === 'transaction') {
          const known = byChain.get(record.chainId) ?? []
          if (known.length === 0) byChain.set(record.chainId, known)
          known.push(record)
        }
      }
      const recorded = new Map([...byChain].map(([chainId, known]) => [chainId, recordedTransactions(known)]))
      const none = recordedTransactions([])
      let failed = 0
      for (const { line, alert, malformed } of alerts) {
        const { holds, reasons } =
          alert === null
            ? { holds: false, reasons: [malformed] }
            : verifyAlert(alert, recorded.get(alert.chainId) ?? none)
        if (holds) continue
        failed++
        await io.stdout.write(
          `line ${line}: ${alert === null ? 'it' : `${alert.detector} ${alert.id}`} does not hold\n`,
        )
        for (const reason of reasons) await io.stdout.write(`  ${reason}\n`)
      }
      const found = alerts.length === 1 ? '1 alert holds' : `${alerts.length} alerts hold`
      await io.stdout.write(`${alerts.length - failed} of ${found}\n`)
      return failed === 0 ? exitCodes.done : exitCodes.failed
    },
  },
  knownSettings,
)

/** A line of the file: an alert, or why it is none. */
type AlertLine = { readonly line: number } & (
  { readonly alert: Alert; readonly malformed: null } | { readonly alert: null; readonly malformed: string }
)

/** One line that is no alert hides no other. @throws {AlertFileError} if none is one, or the file cannot be read. */
async function readAlerts(path: string): Promise<readonly AlertLine[]> {
  const lines: AlertLine[] = []
  try {
    let line = 0
    for await (const text of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
      line++
      if (text.trim() !== '') lines.push({ line, ...parseAlert(text) })
    }
  } catch (cause) {
    throw new AlertFileError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`, {
      cause,
    })
  }
  const [first] = lines
  if (first !== undefined && lines.every(({ alert }) => alert === null))
    throw new AlertFileError(`${path}, line ${first.line}: ${first.malformed}`)
  return lines
}

function parseAlert(text: string) {
  try {
    return { alert: alertCodec.parse(text), malformed: null }
  } catch (error) {
    return { alert: null, malformed: error instanceof Error ? error.message : String(error) }
  }
}
