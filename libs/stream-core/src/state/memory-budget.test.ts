import { openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import {
  mapState,
  numberCodec,
  openJob,
  StreamBuilder,
  stringCodec,
  stringKey,
  valueState,
  type SourceRecord,
} from '../index.ts'
import { openMemoryStore } from './memory-store.ts'

const total = valueState('total', numberCodec)
const texts = mapState('texts', stringCodec, stringCodec)

/** For each record what its key has had, and what has been said of it. */
const answers = () => {
  const builder = new StreamBuilder({ job: 'answers', version: '1' })
  builder
    .source<string>('wallets', {
      topic: 'wallets',
      codec: { decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<string> },
      watermarks: { type: 'in-log' },
    })
    .keyBy((wallet) => wallet, stringKey)
    .process<string>('answer', {
      processElement(wallet, ctx) {
        const [count, said] = [ctx.state(total), ctx.state(texts)]
        count.value = (count.value ?? 0) + 1
        said.set(`${count.value}`, wallet.repeat(20))
        ctx.emit(`${wallet} ${count.value} ${said.size}`)
      },
    })
    .sinkPlainTo('lines', { topic: 'lines', codec: { encode: (line) => ({ key: null, value: Buffer.from(line) }) } })
  return builder.build()
}

/** A part of the history after the other, each with a checkpoint at its end. */
const run = async (memoryBudgetBytes: number) => {
  const log = openSimulatedLog()
  await log.createTopics(['wallets', 'lines', 'dead'].map((topic) => ({ topic, partitions: 1 })))
  const producer = await log.openProducer('writer')
  const job = await openJob({
    ...{ topology: answers(), log, store: openMemoryStore(), stateFolder: '', progressTopic: 'progress' },
    ...{ deadLetters: { topic: 'dead', encode: () => Buffer.alloc(0) }, clock: () => 0, memoryBudgetBytes },
  })
  const [wallets, rounds, part] = [1000, 3, 50]
  const held: number[] = []
  for (let from = 0; from < wallets * rounds; from += part) {
    const history = Array.from({ length: part }, (_, at): SourceRecord<string> => ({
      ...{ type: 'element', timestamp: from + at, value: `wallet ${(from + at) % wallets}` },
    }))
    const values = history.map((record) => Buffer.from(JSON.stringify(record)))
    await producer.append(values.map((value) => ({ topic: 'wallets', partition: 0, key: null, value })))
    await job.runToEnd()
    held.push(job.progress().operators.reduce((sum, { bytesInMemory }) => sum + bytesInMemory, 0))
  }
  await job.close()
  const lines = log.records({ topic: 'lines', partition: 0 }).map(({ value }) => Buffer.from(value).toString())
  return { highest: Math.max(...held), lines }
}

describe('MemoryBudget', () => {
  test('default: what is in memory stays near the budget, whatever the state, and no output tells', async () => {
    const budget = 200_000
    const [roomy, tight] = [await run(1e9), await run(budget)]
    expect(roomy.highest).toBeGreaterThan(4 * budget)
    expect(tight.highest).toBeLessThan(2 * budget)
    expect(tight.lines).toEqual(roomy.lines)
  })
})
