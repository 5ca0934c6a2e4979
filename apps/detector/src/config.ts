import { defineSettings, setting } from '@tocsin/service-kit'
import { refusedNames, refusedParameters } from './configure.ts'

/** What the detector process reads besides the shared settings. */
export const detectorSettings = defineSettings({
  chainId: setting.chainIds({
    env: 'TOCSIN_CHAIN_ID',
    flag: 'chain-id',
    doc: 'The chains to watch, each by a job of its own: whose transactions topics are read.',
    default: [1],
  }),
  detectors: setting.list({
    env: 'TOCSIN_DETECTORS',
    flag: 'detectors',
    doc: 'Which detectors run; empty: all of `tocsin detectors`.',
    default: [],
    refusals: refusedNames,
  }),
  parameters: setting.list({
    env: 'TOCSIN_DETECTOR_PARAMETERS',
    flag: 'param',
    doc: 'Parameters of detectors, each detector.name=value with the value as JSON or a bare word; may be repeated.',
    default: [],
    refusals: refusedParameters,
  }),
  rules: setting.list({
    of: 'path',
    env: 'TOCSIN_RULES',
    flag: 'rules',
    doc: 'Files of rules of your own over events and calls of contracts whose ABI is given (docs/rules.md). They run beside what --detectors names.',
    default: [],
  }),
  stateFolder: setting.path({
    env: 'TOCSIN_DETECTOR_STATE_FOLDER',
    flag: 'state-folder',
    doc: 'Where the detector keeps checkpoints of its state, of several chains each in a folder below. A copy of what the log says: it may be deleted.',
    default: '.tocsin/detector',
  }),
  alertPartitions: setting.integer({
    env: 'TOCSIN_ALERT_PARTITIONS',
    flag: 'alert-partitions',
    doc: 'Partitions of the alerts topic, when it is created.',
    default: 4,
    min: 1,
    max: 1024,
  }),
  commitIntervalMs: setting.duration({
    env: 'TOCSIN_COMMIT_INTERVAL',
    flag: 'commit-interval',
    doc: 'How long alerts wait to be committed together, at most.',
    default: 25,
    min: 1,
    max: 20_000, // a transaction of Kafka is begun with the first output, and may last 60 s
  }),
  checkpointIntervalMs: setting.duration({
    env: 'TOCSIN_CHECKPOINT_INTERVAL',
    flag: 'checkpoint-interval',
    doc: 'How far apart checkpoints of the state are, at least.',
    default: 10_000,
    min: 100,
    max: 3_600_000,
  }),
  job: setting.string({
    env: 'TOCSIN_DETECTOR_JOB',
    flag: 'job',
    doc: 'What the detection’s own topics and its group of processes are named by. Another one after a restore from a savepoint.',
    default: 'detection',
  }),
  shards: setting.integer({
    env: 'TOCSIN_DETECTOR_SHARDS',
    flag: 'shards',
    doc: 'In how many shards detection is cut on Kafka: as many processes can share it. To change it takes a savepoint.',
    default: 1,
    min: 1,
    max: 128,
  }),
  standbys: setting.integer({
    env: 'TOCSIN_DETECTOR_STANDBYS',
    flag: 'standbys',
    doc: 'How many other processes keep a copy of each shard’s checkpoints, so that they can take it over at once.',
    default: 1,
    min: 0,
    max: 10,
  }),
  sessionTimeoutMs: setting.duration({
    env: 'TOCSIN_DETECTOR_SESSION_TIMEOUT',
    flag: 'session-timeout',
    doc: 'A process that is silent for so long is dead to the others, which take its shards over. Brokers allow 6 s and more unless told otherwise.',
    default: 6000,
    min: 1000,
    max: 300_000,
  }),
  heartbeatIntervalMs: setting.duration({
    env: 'TOCSIN_DETECTOR_HEARTBEAT_INTERVAL',
    flag: 'heartbeat-interval',
    doc: 'How often a process says that it lives, and how late it may hear that shards move.',
    default: 300,
    min: 10,
    max: 60_000,
  }),
})
