import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { detectionTopics, takeDetectionSavepoint } from '@tocsin/detector'
import { sharedSettings } from '@tocsin/service-kit'
import { SavepointError } from '@tocsin/stream-core'
import { knownSettings } from '../all-settings.ts'
import { checkCluster, openClusterLog } from '../cluster-log.ts'
import { clusterSettings } from '../cluster-settings.ts'
import { defineCommand } from '../command.ts'
import { detectionJobOf, detectionJobSettings } from './detection-job.ts'

export const savepointTake = defineCommand(
  {
    name: 'savepoint take',
    runs: 'to-end',
    summary: 'Write the state of a chain’s detection, stopped, to a file.',
    about: [
      'Stop every tocsin detect of the job first: as long as its group has a member nothing is begun. Takes all shards over,',
      'from their checkpoints in Kafka to where the last commits stood, and writes state and positions to FILE. Alerts of',
      'blocks that are not final are retracted, and raised again with the next revision by who goes on from here.',
      'Give the --detectors, --param, --rules, --job and --shards that the job ran with.',
    ].join('\n'),
    examples: ['tocsin savepoint take detection.savepoint --kafka-brokers localhost:9092 --chain-id 1 --shards 2'],
    positional: { name: 'FILE', doc: 'what to write.', count: 'one' },
    settings: { shared: sharedSettings, cluster: clusterSettings, detector: detectionJobSettings },
    check: async ({ settings }) => {
      checkCluster(settings, 'savepoint take')
      await detectionJobOf(settings)
    },
    run: async ({ settings, word, lifecycle, io }) => {
      const job = await detectionJobOf(settings)
      const log = openClusterLog(settings, 'savepoint', lifecycle)
      const members = await log.groupMembers(detectionTopics(job))
      if (members > 0) {
        const processes = members === 1 ? 'one process' : `${members} processes`
        throw new SavepointError(`The job "${detectionTopics(job)}" is run by ${processes}: stop them first.`)
      }
      const stateFolder = await mkdtemp(join(tmpdir(), 'tocsin-savepoint-'))
      try {
        const file = resolve(io.folder, word ?? '')
        const { cells } = await takeDetectionSavepoint({ ...job, log, file, stateFolder, clock: io.clock })
        await io.stdout.write(`${cells} cells of "${detectionTopics(job)}" in ${file}\n`)
      } finally {
        await rm(stateFolder, { recursive: true, force: true })
      }
      return undefined
    },
  },
  knownSettings,
)
