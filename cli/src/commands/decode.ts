import { transactionsCodec } from '@tocsin/chain-model'
import { decodeBatches } from '@tocsin/ingestor'
import { createProgressBar, defineSettings, setting } from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { defineCommand } from '../command.ts'
import { openOutput } from '../output.ts'
import { decodedWith, openRecordings, recordingSettings } from '../recording.ts'

export const decode = defineCommand(
  {
    name: 'decode',
    runs: 'to-end',
    summary: 'Print what the ingestor would write for recorded blocks, a JSON object a line.',
    about: [
      'Reads recorded blocks and prints, as NDJSON, the records that the ingestor would write to the transactions topic:',
      'decoded transactions, and after each block its `sealed` and `finalized`. The shape is docs/schemas.',
    ].join('\n'),
    examples: [
      'tocsin decode --recording block-18000000.json.gz',
      'tocsin decode --recording blocks/ --out transactions.ndjson',
    ],
    settings: {
      recording: recordingSettings,
      decode: defineSettings({
        out: setting.path({
          flag: 'out',
          doc: 'The file to write, whole or not at all. None: standard output.',
          default: null,
        }),
      }),
    },
    run: async ({ settings, lifecycle, log, io }) => {
      const recording = await openRecordings(settings.recording, log)
      const known = await decodedWith(settings.recording)
      const total = recording.chains.reduce((sum, { blocks }) => sum + blocks, 0)
      const bar = createProgressBar({ stream: io.stderr, now: io.clock, label: 'decode', unit: 'blocks' })
      // Lines that go to the terminal are progress enough.
      const shown = settings.decode.out !== null
      const out = await openOutput(settings.decode.out, io.stdout)
      try {
        let blocks = 0
        for await (const { records } of decodeBatches(recording, known)) {
          lifecycle.signal.throwIfAborted()
          for (const record of records) {
            await out.write(`${transactionsCodec.stringify(record)}\n`)
            if (record.type === 'sealed') blocks++
          }
          if (shown) bar.update({ done: blocks, total })
        }
        await out.finish()
        bar.end()
        if (shown) log.info('decoded', { blocks, out: settings.decode.out })
      } finally {
        bar.end()
        await out.abandon()
      }
      return undefined
    },
  },
  knownSettings,
)
