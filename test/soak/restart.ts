import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog, type NewRecord } from '@tocsin/event-log'
import {
  numberCodec,
  openJob,
  StreamBuilder,
  stringKey,
  valueState,
  type SourceRecord,
  type Topology,
} from '@tocsin/stream-core'
import { progressBar } from './progress-bar.ts'

const count = valueState('count', numberCodec)
const batchRecords = 5_000
const dayMs = 86_400_000

/** Counts what it sees of each key, and says each count. */
const counting = (): Topology => {
  const builder = new StreamBuilder({ job: 'counting', version: '1' })
  builder
    .source<string>('keys', {
      topic: 'keys',
      codec: {
        decode: (bytes): SourceRecord<string> => {
          const [timestamp = '', value = ''] = textOf(bytes).split(' ')
          return { type: 'element', timestamp: Number(timestamp), value }
        },
      },
      watermarks: { type: 'in-log' },
    })
    .keyBy((key) => key, stringKey)
    .process<string>('count', {
      processElement(key, ctx) {
        const seen = ctx.state(count)
        seen.value = (seen.value ?? 0) + 1
        ctx.timers.registerEventTimeTimer(ctx.timestamp + dayMs)
        ctx.emit(`${key} ${seen.value}`)
      },
    })
    .sinkPlainTo('counts', {
      topic: 'counts',
      codec: { encode: (line) => ({ key: null, value: Buffer.from(line) }) },
    })
  return builder.build()
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/**
 * How long a job with so many keys in its state takes from being opened, on an embedded log in a folder, to its first
 * output after that: with a value and a timer a key, seen over a day. Prints what it measured; it holds nothing to a limit.
 */
export async function measureRestart(keys: number): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'stream-core-restart-'))
  const log = await openEmbeddedLog(join(folder, 'log'))
  await log.createTopics([
    { topic: 'keys', partitions: 1 },
    { topic: 'counts', partitions: 1 },
    { topic: 'dead-letters', partitions: 1 },
  ])
  let committedAt: number | null = null
  const openCounting = () =>
    openJob({
      progressIntervalMs: 0,
      onProgress: ({ commits }) => {
        if (commits > 0) committedAt ??= performance.now()
      },
      topology: counting(),
      log,
      stateFolder: join(folder, 'state'),
      progressTopic: 'progress',
      deadLetters: { topic: 'dead-letters', encode: ({ reason }) => Buffer.from(reason) },
      clock: () => performance.now(),
    })
  const producer = await log.openProducer('writer')
  const bar = progressBar('keys', keys)
  let job = await openCounting()
  for (let from = 0; from < keys; from += batchRecords) {
    const batch = Array.from({ length: Math.min(batchRecords, keys - from) }, (_, index): NewRecord => {
      const number = from + index
      const value = Buffer.from(`${Math.floor((number * dayMs) / keys)} wallet-${number}`)
      return { topic: 'keys', partition: 0, key: null, value }
    })
    await producer.append(batch)
    await job.runToEnd()
    bar.advance(from + batch.length)
  }
  await job.close()
  bar.end()
  const value = Buffer.from(`${dayMs} wallet-0`)
  await producer.append([{ topic: 'keys', partition: 0, key: null, value }])
  committedAt = null
  const started = performance.now()
  job = await openCounting()
  const openedMs = performance.now() - started
  await job.runToEnd()
  const endedMs = performance.now() - started
  // Set in a callback, which the compiler does not follow.
  const firstOutputMs = ((committedAt as number | null) ?? Infinity) - started
  const { end } = await log.offsets({ topic: 'counts', partition: 0 })
  const reader = await log.openReader([{ topic: 'counts', partition: 0, offset: end - 1 }])
  const [batch] = await reader.poll(1000)
  const last = textOf(batch?.records[0]?.value ?? new Uint8Array())
  await reader.close()
  await job.close()
  await producer.close()
  await log.close()
  await rm(folder, { recursive: true, force: true })
  const isRight = last === 'wallet-0 2'
  process.stdout.write(
    `${keys} keys: opened in ${openedMs.toFixed(0)} ms, first output committed ${firstOutputMs.toFixed(0)} ms and next ` +
      `checkpoint written ${endedMs.toFixed(0)} ms after the start; it says "${last}"${isRight ? '' : ', which is wrong'}.\n`,
  )
  return isRight
}
