import { openKafkaLog } from '@tocsin/event-log'
import { openDistributedJob, openJob } from '@tocsin/stream-core'
import { countingJob, type CountingJob } from './counting-job.ts'

/** The job of the latency bench in a process of its own, until SIGTERM; says `running` once it reads. */
const options = JSON.parse(process.argv[2] ?? '') as CountingJob // its parent's
const { brokers, name, stages, commitIntervalMs, stateFolder } = options
const log = openKafkaLog({ brokers, clientId: 'tocsin-bench-job' })
const paces = { commitIntervalMs, stateFolder, progressTopic: `${name}.progress`, restart: { type: 'none' } } as const
const definition = countingJob(options)
let said = false
const onProgress = ({ status }: { readonly status: string }) => {
  if (!said && status === 'running') process.stdout.write('running\n')
  said ||= status === 'running'
}
const job =
  stages === 1
    ? await openJob({ ...definition, ...paces, log, onProgress })
    : await openDistributedJob({ ...paces, definition, log, shards: 1, internalTopics: name, onProgress })
const ending = new AbortController()
process.once('SIGTERM', () => ending.abort())
await job.run(ending.signal)
await job.close()
await log.close()
