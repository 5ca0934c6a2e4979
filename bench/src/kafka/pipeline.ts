import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import {
  alertCodec,
  alertsTopic,
  maxWatermark,
  pricesCodec,
  pricesTopic,
  transactionsCodec,
  transactionsTopic,
  type Control,
} from '@tocsin/chain-model'
import { address, tick, transaction, transfer, units, usdc } from '@tocsin/detector/testing'
import { openKafkaLog, type EventLog, type NewRecord } from '@tocsin/event-log'
import { readEnvironment } from '@tocsin/service-kit'
import { startTocsin } from '@tocsin/test/tocsin-process'
import type { Cluster } from './cluster.ts'
import { load, watchShare } from './cpu-share.ts'
import { now, percentiles } from './latencies.ts'

export interface PipelineOptions {
  /** Transactions, of one transfer each. */
  readonly perSecond: number
  readonly seconds: number
}

const chainId = 1
/** As of a fast chain: a block's transactions come at once. */
const blockMs = 100
/** Of transactions, those that pass on what the one before has brought; in each block at least one. */
const firingShare = 0.01
const finalityDepth = 20
const genesis = 1_700_000_000_000
const wallets = 1_000
const warmUpSeconds = 5
const readyMs = 60_000

/**
 * `tocsin detect` with all detectors, as a process of its own, over blocks that come at an even rate and are appended as
 * the ingestor does it, each in one transaction. How long after a block was due the alerts that it makes fire could be
 * read, committed: those of `pass-through`, which waits for nothing.
 */
export async function pipeline(cluster: Cluster, folder: string, options: PipelineOptions) {
  const { perSecond, seconds } = options
  const prefix = `pipeline-${perSecond}-${Date.now()}`
  const log = openKafkaLog({ brokers: [cluster.bootstrap], clientId: 'tocsin-bench' })
  const { PATH = '', HOME = '' } = readEnvironment()
  const detect = startTocsin(
    ['detect', '--chain-id', `${chainId}`, '--state-folder', join(folder, prefix), '--ops-port', '0'],
    { env: { PATH, HOME, TOCSIN_KAFKA_BROKERS: cluster.bootstrap, TOCSIN_TOPIC_PREFIX: prefix } },
  )
  try {
    await detect.printed(/runs a shard/, readyMs)
    await tellPrices(log, prefix)
    const blocksIn = (span: number) => Math.ceil((span * 1000) / blockMs)
    const firstMeasured = blocksIn(warmUpSeconds)
    const transactions = Math.ceil((perSecond * blockMs) / 1000)
    const blocks = Array.from({ length: firstMeasured + blocksIn(seconds) }, (_, number) =>
      blockOf(prefix, number, transactions),
    )
    const producer = await log.openProducer(`${prefix}.${chainId}.ingestor`)
    const began = now() + blockMs
    const dueAt = (number: number) => began + number * blockMs
    const reading = readAlerts(log, prefix, blocks.length * firingIn(transactions))
    let shares = { jobCpuShare: watchShare(null), brokerCpuShare: watchShare(null) }
    for (const [number, records] of blocks.entries()) {
      if (number === firstMeasured)
        shares = { jobCpuShare: watchShare(detect.child.pid), brokerCpuShare: watchShare(cluster.pid) }
      await setTimeout(Math.max(0, dueAt(number) - now()))
      await producer.append(records)
    }
    const [jobCpuShare, brokerCpuShare] = [shares.jobCpuShare(), shares.brokerCpuShare()]
    const times = (await reading).flatMap(({ block, readAt }) => (block < firstMeasured ? [] : [readAt - dueAt(block)]))
    return {
      ...{ measure: 'pipeline', ...options, blockMs, transactionsABlock: transactions, alerts: times.length },
      ...{ ...percentiles(times), jobCpuShare, brokerCpuShare, ...load() },
    }
  } finally {
    detect.child.kill('SIGTERM')
    await detect.finished
    await log.close()
  }
}

/** One price that holds throughout, and that no other comes. */
async function tellPrices(log: EventLog, prefix: string): Promise<void> {
  const topic = pricesTopic(prefix, chainId)
  const producer = await log.openProducer(`${prefix}.${chainId}.prices`)
  const values = [tick(usdc, '1'), { type: 'watermark', watermark: maxWatermark } as const]
  await producer.append(values.map((value) => ({ topic, partition: 0, key: null, value: pricesCodec.encode(value) })))
  await producer.close()
}

const firingIn = (transactions: number) => Math.max(1, Math.round(transactions * firingShare))

/** The records of a block, as the ingestor appends them: transfers among known wallets, and some that are passed on. */
function blockOf(prefix: string, number: number, transactions: number): readonly NewRecord[] {
  const block = { number, hash: null, timestamp: timeOf(number) }
  const firing = firingIn(transactions)
  const pay = (name: string, from: string, to: string, amount: string) =>
    transaction({
      name: `${name} of ${number}`,
      from: address(from),
      to: usdc.address,
      events: [transfer(usdc, address(from), address(to), units(usdc, amount))],
    })
  const scripts = [
    ...Array.from({ length: Math.max(0, transactions - 2 * firing) }, (_, index) => {
      const at = number * transactions + index
      return pay(`payment ${index}`, `wallet ${at % wallets}`, `wallet ${(at + 1) % wallets}`, '10')
    }),
    ...Array.from({ length: firing }, (_, index) => {
      const [funder, mule, fresh] = ['funder', 'mule', 'fresh'].map((role) => `${role} ${number}.${index}`)
      return [
        pay(`funding ${index}`, funder ?? '', mule ?? '', '11000'),
        pay(`passing ${index}`, mule ?? '', fresh ?? '', '11000'),
      ]
    }).flat(),
  ]
  const final = number - finalityDepth
  const sealed: Control = {
    ...{ type: 'sealed', chainId, sequence: number, block: { ...block, parentHash: null } },
    ...{ transactions: scripts.length, events: scripts.length, watermark: block.timestamp + blockMs - 1 },
  }
  const finalized: Control = {
    type: 'finalized',
    chainId,
    block: { number: final, hash: null, timestamp: timeOf(final) },
  }
  const records = [
    ...scripts.map((script, index) => script({ block, index, firstLogIndex: index })),
    sealed,
    ...(final < 0 ? [] : [finalized]),
  ]
  const topic = transactionsTopic(prefix, chainId)
  return records.map((record) => ({ topic, partition: 0, key: null, value: transactionsCodec.encode(record) }))
}

const timeOf = (block: number) => genesis + block * blockMs

/** Until so many alerts have fired. @returns of each, of which block it is and when it was read */
async function readAlerts(log: EventLog, prefix: string, count: number) {
  const topic = alertsTopic(prefix)
  const partitions = await log.partitions(topic)
  const reader = await log.openReader(
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })),
  )
  const read: { readonly block: number; readonly readAt: number }[] = []
  while (read.length < count) {
    for (const { records } of await reader.poll(100)) {
      const readAt = now()
      for (const { value } of records) {
        const { revision, eventTime } = alertCodec.decode(value)
        if (revision === 1) read.push({ block: (eventTime - genesis) / blockMs, readAt })
      }
    }
  }
  await reader.close()
  return read
}
