import { openEmbeddedLog } from '@tocsin/event-log'
import { jsonStateCodec, minutes, openJob, sliding, StreamBuilder, stringKey } from '@tocsin/stream-core'

interface Transfer {
  readonly from: string
  readonly value: number
  readonly time: number
}
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value))
const transferOf = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Transfer

const builder = new StreamBuilder({ job: 'wallet-volume', version: '1' })
builder
  .source('transfers', {
    topic: 'transfers',
    codec: { decode: (bytes) => ({ type: 'element', timestamp: transferOf(bytes).time, value: transferOf(bytes) }) },
    watermarks: { type: 'bounded-out-of-orderness', delay: 1000 },
  })
  .keyBy(({ from }) => from, stringKey)
  .window(sliding(minutes(10), minutes(1)))
  .reduce('volume', (a, b) => ({ ...b, value: a.value + b.value }), jsonStateCodec())
  .filter(({ value }) => value > 1000)
  .sinkPlainTo('busy', { topic: 'busy', codec: { encode: (busy) => ({ key: null, value: bytesOf(busy) }) } })
const topology = builder.build()

export const openFirstJob = async (folder: string) => {
  const log = await openEmbeddedLog(`${folder}/log`)
  await log.createTopics(['transfers', 'busy', 'dead'].map((topic) => ({ topic, partitions: 1 })))
  const fixed = { progressTopic: 'wallet-volume', deadLetters: { topic: 'dead', encode: bytesOf } }
  const clock = () => performance.now()
  const job = await openJob({ topology, log, stateFolder: `${folder}/state`, clock, ...fixed })
  return { log, job } // job.run(signal) runs it
}
