import { resolve } from 'node:path'
import { detectionTopics, restoreDetection } from '@tocsin/detector'
import { defineSettings, setting, sharedSettings } from '@tocsin/service-kit'
import { knownSettings } from '../all-settings.ts'
import { checkCluster, openClusterLog } from '../cluster-log.ts'
import { clusterSettings } from '../cluster-settings.ts'
import { defineCommand } from '../command.ts'
import { detectionJobOf, detectionJobSettings } from './detection-job.ts'

export const savepointRestore = defineCommand(
  {
    name: 'savepoint restore',
    runs: 'to-end',
    summary: 'Make a job of a chain’s detection out of a savepoint, in other shards.',
    about: [
      'Writes the state that FILE holds into the topics of a new job, named by --job and cut into --shards; nothing runs',
      'after it. Then start tocsin detect with the same --detectors, --param, --rules, --job and --shards, and no longer those of the',
      'job that the savepoint is of: both would write the same alerts. State is there whole or not at all.',
    ].join('\n'),
    examples: [
      'tocsin savepoint restore detection.savepoint --kafka-brokers localhost:9092 --chain-id 1 --job detection-4 --shards 4',
    ],
    positional: { name: 'FILE', doc: 'a savepoint, as savepoint take wrote it.', count: 'one' },
    settings: {
      shared: sharedSettings,
      cluster: clusterSettings,
      detector: detectionJobSettings,
      restore: defineSettings({
        allowNonRestoredState: setting.boolean({
          flag: 'allow-non-restored-state',
          doc: 'Leave out what no detector of this version has a use for, and say what. Otherwise it is refused.',
          default: false,
        }),
      }),
    },
    check: async ({ settings }) => {
      checkCluster(settings, 'savepoint restore')
      await detectionJobOf(settings)
    },
    run: async ({ settings, word, lifecycle, io }) => {
      const job = await detectionJobOf(settings)
      const log = openClusterLog(settings, 'savepoint', lifecycle)
      const { cells, notRestored, newInputs } = await restoreDetection({
        ...job,
        log,
        file: resolve(io.folder, word ?? ''),
        allowNonRestoredState: settings.restore.allowNonRestoredState,
      })
      await io.stdout.write(
        [
          `${cells} cells in ${job.shards} ${job.shards === 1 ? 'shard' : 'shards'} of "${detectionTopics(job)}"`,
          ...notRestored.map((what) => `left out: ${what}`),
          ...newInputs.map((what) => `read from its beginning: ${what}`),
          '',
        ].join('\n'),
      )
      return undefined
    },
  },
  knownSettings,
)
