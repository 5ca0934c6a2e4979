import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createProgressBar, readEnvironment } from '@tocsin/service-kit'
import { perThousand, quarters, watchUsage } from './ingest/client-usage.ts'
import type { IngestRun } from './ingest/ingest-process.ts'
import { findPeers, type InstalledPeer } from './ingest/peers.ts'
import { startStubNode, type StubNode } from './ingest/stub-node.ts'
import { openCluster } from './kafka/cluster.ts'
import { median, rounded } from './measure.ts'

const help = `Usage: npm run bench -- ingest [options]

Recorded mainnet blocks, served by a local node over and over again as one chain, into the log: ours with all hashes
and roots verified, and beside it in the same run ethereum-etl and @subsquid/evm-processor on the same node.

  --blocks N         of each client (default 5000)
  --peer-blocks N    of each peer, where that is to be another number
  --passes N         of each, in turn (default 1)
  --verify LIST      on, off or on,off: whether hashes and roots are recomputed (default on)
  --log LIST         embedded, kafka or embedded,kafka (default embedded)
  --kafka BOOTSTRAP  the cluster (default: a broker of our own, by Java and Maven)
  --peers FOLDER     where the peers are installed (default ../tocsin-bench-peers)
  --install-peers    installs those that are missing there, from PyPI and npm
  --help             this text

One JSON line a measure on stdout, and one for people on stderr, where a bar shows how many blocks the node has served.
A core's rate is blocks by CPU seconds of the client alone, user and system of all its threads. On Linux CPU and memory are
told for each 1,000 blocks too, and the mean of what is held over the first and the last quarter.
`

const entryOf = (name: string): readonly string[] => [
  ...process.execArgv,
  fileURLToPath(new URL(`./ingest/${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)),
]

/** What a client says of itself at the end; `blocks` and `events` as it counted them. */
interface Took {
  readonly blocks: number
  readonly events: number
  readonly transfers?: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakRssMiB: number
}

/** Waits for a client, with a bar of the blocks that the node has served it. @throws with its code where it fails. */
async function answerOf(client: string, child: ChildProcess, node: StubNode, blocks: number) {
  const lines: string[] = []
  const { stdout, stderr } = child
  if (stdout === null || child.pid === undefined) throw new Error(`${client} did not start.`)
  createInterface({ input: stdout }).on('line', (line) => lines.push(line))
  let said = ''
  stderr?.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString('utf8')}`.slice(-2_000)))
  const bar = createProgressBar({
    ...{ stream: process.stderr, now: () => performance.now() },
    ...{ label: client, unit: 'blocks' },
  })
  const served = async () => (await node.served()).blocks
  const usage = watchUsage(child.pid, served, (done) => bar.update({ done: Math.min(done, blocks), total: blocks }))
  const [code] = (await once(child, 'close')) as [number | null]
  const samples = await usage()
  bar.end()
  const took = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Took)[0]
  if (code !== 0 || took === undefined)
    throw new Error(`${client} ended with code ${code}: ${said.trimEnd().split('\n').at(-1)?.slice(0, 300) ?? ''}`)
  if (took.blocks < blocks) throw new Error(`${client} wrote ${took.blocks} of ${blocks} blocks.`)
  const { seconds, cpuSeconds, events } = took
  const { bytes } = await node.served()
  return {
    ...took,
    megabytes: rounded(bytes / 1e6),
    blocksPerSecond: rounded(took.blocks / seconds),
    eventsPerSecond: Math.round(events / seconds),
    megabytesPerSecond: rounded(bytes / 1e6 / seconds),
    blocksPerCpuSecond: rounded(took.blocks / cpuSeconds),
    cpuSecondsPerThousandBlocks: rounded((1_000 * cpuSeconds) / took.blocks),
    meanRssMiBOfQuarters: quarters(samples),
    thousands: perThousand(samples),
  }
}

async function ours(node: StubNode, run: Omit<IngestRun, 'url'>) {
  await node.begin()
  const argument = JSON.stringify({ ...run, url: node.url } satisfies IngestRun)
  const words = [...entryOf('ingest-process'), argument]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const log = 'folder' in run.log ? 'embedded' : 'kafka'
  const client = run.verify === 'on' ? 'tocsin' : 'tocsin without recomputed hashes'
  return { client, log, ...(await answerOf(client, child, node, run.blocks)) }
}

async function peers(node: StubNode, peer: InstalledPeer, blocks: number, folder: string) {
  await node.begin()
  const [program, ...args] = peer.command(peer.folder)
  const words = [...args, node.url, `${blocks}`, join(folder, 'peer.ndjson'), `${node.sizes.length}`]
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], cwd: peer.folder })
  const { name, installed, licence, differs } = peer
  return { client: name, installed, licence, differs, ...(await answerOf(name, child, node, blocks)) }
}

/** So many blocks the node has beyond those that are asked for: subsquid takes a block as final under another. */
const confirmations = 1

/** `npm run bench -- ingest [--install-peers]`. */
export async function* ingest(args: readonly string[]): AsyncGenerator {
  const { values } = parseArgs({
    args: [...args],
    options: {
      blocks: { type: 'string', default: '5000' },
      'peer-blocks': { type: 'string' },
      passes: { type: 'string', default: '1' },
      verify: { type: 'string', default: 'on' },
      log: { type: 'string', default: 'embedded' },
      kafka: { type: 'string' },
      peers: { type: 'string', default: '../tocsin-bench-peers' },
      'install-peers': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return
  }
  const [blocks, passes] = [Number(values.blocks), Number(values.passes)]
  const peerBlocks = Number(values['peer-blocks'] ?? blocks)
  const logs = values.log.split(',')
  const verify = values.verify.split(',').filter((one) => one === 'on' || one === 'off')
  const isWhole = [blocks, peerBlocks, passes].every((value) => Number.isInteger(value) && value > 0)
  if (!isWhole || verify.length === 0 || !logs.every((log) => log === 'embedded' || log === 'kafka'))
    throw new Error(`Whole numbers and known words are needed.\n\n${help}`)
  const say = (text: string) => process.stderr.write(`${text}\n`)
  const found = await findPeers(resolve(values.peers), values['install-peers'])
  for (const peer of found) {
    if ('missing' in peer) say(`${peer.name} is missing: ${peer.missing}`)
    else say(`${peer.name}: ${peer.installed}`)
  }
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-ingest-'))
  const node = await startStubNode(
    readEnvironment()['TOCSIN_SHARED'] ?? '../shared',
    Math.max(blocks, peerBlocks) + confirmations,
  )
  const cluster = logs.includes('kafka') ? await openCluster(values.kafka) : null
  const rates = new Map<string, number[]>()
  const told = <Answer extends { client: string; log?: string; blocksPerCpuSecond: number; blocksPerSecond: number }>(
    answer: Answer,
  ) => {
    const name = `${answer.client}${answer.log === undefined ? '' : ` to ${answer.log}`}`
    rates.set(name, [...(rates.get(name) ?? []), answer.blocksPerCpuSecond])
    say(`${name}: ${answer.blocksPerSecond} blocks/s, ${answer.blocksPerCpuSecond} blocks by CPU second`)
    return { ...answer, loadAverage: rounded(loadavg()[0] ?? 0), cores: cpus().length }
  }
  try {
    for (let pass = 0; pass < passes; pass++) {
      for (const [log, hashes] of logs.flatMap((one) => verify.map((how) => [one, how] as const))) {
        const prefix = `bench-${Date.now()}`
        const to = log === 'embedded' ? { folder: join(folder, prefix) } : { brokers: [cluster?.bootstrap ?? ''] }
        yield told(await ours(node, { blocks, prefix, verify: hashes, log: to }))
        if ('folder' in to) await rm(to.folder, { recursive: true, force: true })
      }
      for (const peer of found) {
        if ('missing' in peer) continue
        try {
          yield told(await peers(node, peer, peerBlocks, folder))
        } catch (error) {
          say(error instanceof Error ? error.message : String(error))
        }
      }
    }
    const medians = [...rates].map(([name, values_]) => [name, median(values_)] as const)
    const best = Math.max(0, ...medians.filter(([name]) => !name.startsWith('tocsin')).map(([, rate]) => rate))
    for (const [name, rate] of medians.filter(([one]) => one.startsWith('tocsin')))
      if (best > 0) {
        const times = rounded(rate / best)
        say(`${name}: ${times} times the best peer's blocks by CPU second`)
        yield {
          measure: 'ratio',
          client: name,
          timesTheBestPeer: times,
          blocksPerCpuSecond: Object.fromEntries(medians),
        }
      }
  } finally {
    await cluster?.close()
    await node.close()
    await rm(folder, { recursive: true, force: true })
  }
}
