import { resolve } from 'node:path'
import { defineSettings, setting } from '@tocsin/service-kit'
import { describeSavepoint, inspectSavepoint } from '@tocsin/stream-core'
import { knownSettings } from '../all-settings.ts'
import { defineCommand } from '../command.ts'

export const savepointInspect = defineCommand(
  {
    name: 'savepoint inspect',
    runs: 'to-end',
    summary: 'Say what a savepoint of a job holds, and whether it is whole.',
    about: [
      'Reads a savepoint once, from its beginning to its end, and changes nothing: the job and its version, where it stood in',
      'each source, and each state with its keys, cells, bytes, codec versions and timers. Times are in ms, of the events.',
      'Exit code 1 if FILE is no savepoint, cut off, or not as it was written.',
    ].join('\n'),
    examples: ['tocsin savepoint inspect detection.savepoint', 'tocsin savepoint inspect detection.savepoint --json'],
    positional: { name: 'FILE', doc: 'a savepoint, as a job wrote it.', count: 'one' },
    settings: {
      savepoint: defineSettings({
        json: setting.boolean({ flag: 'json', doc: 'Print one JSON object instead of tables.', default: false }),
      }),
    },
    run: async ({ settings, word, io }) => {
      const inspection = await inspectSavepoint(resolve(io.folder, word ?? ''))
      const text = settings.savepoint.json ? JSON.stringify(inspection, null, 2) : describeSavepoint(inspection)
      await io.stdout.write(`${text}\n`)
      return undefined
    },
  },
  knownSettings,
)
