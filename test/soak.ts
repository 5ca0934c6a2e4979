import { parseArgs } from 'node:util'
import { soakChaos } from './soak/chaos.ts'
import { soakIngest, soakIngestKills } from './soak/ingest.ts'
import { soakKafka, soakKafkaMutants } from './soak/kafka.ts'
import { soakKills, soakReorgs, soakSimulator } from './soak/stream-core.ts'
import { soakTakeover } from './soak/takeover.ts'

const usage = `Usage: npm run soak -- <what> [options]
  chaos                  storms over the whole program: reorgs, outages, kill -9
      --rounds N           how many, default 10
      --steps M            events in each, default 40
  ingest                 the ingestor over simulated nodes: reorgs to depth 64, forks that flip, lies, silence, crashes
      --seeds N            how many, default 10000
  ingest --kills N       kill -9 of a real process that follows a node into the embedded log, N times; every second reads
                         far ahead in workers, and in the last quarter the newest blocks are replaced
  kafka                  storms over processes, a broker and PostgreSQL: kill -9, stops, cuts, restarts, full disks
      --faults N           how many, in storms of 40; default 200
      --broker-disk        the only broker's disk fills too; Kafka itself does not always come back from that
      --preload MODULE     what each process loads before all else, to break it on purpose
  kafka --mutants        breaks the program in ways that a short storm must notice, one after the other
  stream-core            simulated jobs under crashes, fences, full disks and nested reverts
      --seeds N            how many, default 10000
  stream-core --storm    reverts of depth 1 to 64 over generated blocks, recorded ones, and all detectors
      --reverts N          how many of each, in storms of 1000; default 10000
  stream-core --kills N  kill -9 of a real process on the embedded log, N times
  takeover               how long a sharded job on a real broker stands still after kill -9 and SIGTERM
      --keys N             of its state, default 1000000
      --rate N             events each second, default 2000
      --session-timeout MS one or more, a comma between, default 2000,6000
  --seed S               the first seed, or the one to play again; default: a fresh one, which is printed
Exits with 1 when a law is broken; the first broken run is shown with its seed.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '10' },
    steps: { type: 'string', default: '40' },
    faults: { type: 'string', default: '200' },
    preload: { type: 'string' },
    'broker-disk': { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '10000' },
    storm: { type: 'boolean', default: false },
    reverts: { type: 'string', default: '10000' },
    kills: { type: 'string' },
    keys: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '2000' },
    'session-timeout': { type: 'string', default: '2000,6000' },
    seed: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const count = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  process.stderr.write(`--${name} is "${text}"; give a whole number.\n`)
  process.exit(2)
}
const seed = values.seed === undefined ? undefined : count('seed', values.seed)

const soak = async (): Promise<boolean> => {
  switch (positionals.join(' ')) {
    case 'chaos':
      return soakChaos({ rounds: count('rounds', values.rounds), steps: count('steps', values.steps), seed })
    case 'ingest':
      if (values.kills !== undefined) return soakIngestKills({ kills: count('kills', values.kills), seed })
      return soakIngest({ seeds: count('seeds', values.seeds), seed })
    case 'kafka':
      if (values.mutants) return soakKafkaMutants({ seed })
      return soakKafka({
        faults: count('faults', values.faults),
        seed,
        preload: values.preload,
        brokerDisk: values['broker-disk'],
      })
    case 'stream-core':
      if (values.kills !== undefined) return soakKills({ kills: count('kills', values.kills), seed })
      if (values.storm) return soakReorgs({ reverts: count('reverts', values.reverts), seed })
      return soakSimulator({ seeds: count('seeds', values.seeds), seed })
    case 'takeover':
      return soakTakeover({
        keys: count('keys', values.keys),
        rate: count('rate', values.rate),
        sessionTimeoutsMs: values['session-timeout'].split(',').map((text) => count('session-timeout', text)),
      })
    default:
      process.stderr.write(usage)
      process.exit(2)
  }
}

if (values.help) process.stdout.write(usage)
else process.exitCode = (await soak()) ? 0 : 1
