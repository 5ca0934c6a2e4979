import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { readEnvironment } from '@tocsin/service-kit'
import { startTocsin, type Running } from '@tocsin/test/tocsin-process'
import { startStubNode } from '../ingest/stub-node.ts'
import { rounded } from '../measure.ts'
import type { Cluster } from './cluster.ts'
import { childrenOf, load, watchShare } from './cpu-share.ts'

const readyMs = 60_000
/** What a start has left to do, with the garbage that it made. */
const settleMs = 20_000
/** More than come while it is measured. */
const blocks = 5_000

/**
 * The three processes with their default settings, at a node of recorded mainnet blocks that has a new one every `secondsABlock`, or none if that is 0, and
 * PostgreSQL, which `tocsin serve` has begun: the share of a core that each takes.
 */
export async function idlePipeline(cluster: Cluster, folder: string, seconds: number, secondsABlock: number) {
  const prefix = `idle-pipeline-${Date.now()}`
  const shared = readEnvironment()['TOCSIN_SHARED'] ?? '../shared'
  const node = await startStubNode(shared, blocks, secondsABlock * 1000)
  const { PATH = '', HOME = '' } = readEnvironment()
  const env = { PATH, HOME, TOCSIN_KAFKA_BROKERS: cluster.bootstrap, TOCSIN_TOPIC_PREFIX: prefix, TOCSIN_OPS_PORT: '0' }
  const running: Running[] = []
  const start = async (args: readonly string[], ready: RegExp) => {
    const process = startTocsin(args, { env: { ...env, TOCSIN_DATABASE_FOLDER: join(folder, prefix, 'postgres') } })
    running.push(process)
    await process.printed(ready, readyMs)
    return process.child.pid
  }
  try {
    const ingest = await start(['ingest', '--chain-id', '1', '--rpc', node.url], /health and metrics are served/)
    const detect = await start(
      ['detect', '--chain-id', '1', '--state-folder', join(folder, prefix, 'state')],
      /runs a shard/,
    )
    const serve = await start(['serve', '--port', '0'], /serving/)
    await setTimeout(settleMs)
    const shares = [ingest, detect, serve].map(watchShare)
    const [postmaster = ''] = (await readFile(join(folder, prefix, 'postgres/postmaster.pid'), 'utf8')).split('\n')
    // It ends one process and begins another now and then: those that run throughout count.
    const postgres = [Number(postmaster), ...childrenOf(Number(postmaster))]
    const postgresShares = postgres.map(watchShare)
    const brokerShare = watchShare(cluster.pid)
    await setTimeout(1000 * seconds)
    const [ingestCpuShare, detectCpuShare, serveCpuShare] = shares.map((share) => share() ?? 0)
    const together = rounded((ingestCpuShare ?? 0) + (detectCpuShare ?? 0) + (serveCpuShare ?? 0))
    const postgresCpuShare = rounded(postgresShares.reduce((sum, share) => sum + (share() ?? 0), 0))
    return {
      ...{ measure: 'idle-pipeline', seconds, secondsABlock, ingestCpuShare, detectCpuShare, serveCpuShare, together },
      ...{ postgresCpuShare, brokerCpuShare: brokerShare(), ...load() },
    }
  } finally {
    for (const { child } of running.toReversed()) child.kill('SIGTERM')
    await Promise.all(running.map(({ finished }) => finished))
    await node.close()
  }
}
