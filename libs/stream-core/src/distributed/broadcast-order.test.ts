import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  jsonStateCodec,
  listState,
  mapState,
  numberCodec,
  StreamBuilder,
  stringCodec,
  stringKey,
  valueState,
  type KeyedBroadcastProcessFunction,
  type SourceCodec,
  type SourceRecord,
  type Topology,
} from '../index.ts'
import { Task } from '../task/task.ts'
import { FrameBuffer } from './frame-buffer.ts'
import { planJob } from './plan.ts'

interface Tick {
  readonly key: string
  readonly n: number
}
const codec: SourceCodec<Tick> = { decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<Tick> }

const rules = mapState('rules', stringCodec, numberCodec)
const last = valueState('last', numberCodec)
const all = listState('all', numberCodec)

/** A rule is told to each key twice, of two states, and more than once to some. */
const told = (name: string): KeyedBroadcastProcessFunction<string, Tick, Tick, string> => ({
  processElement({ n }, ctx) {
    ctx.state(last).value = n
    if (n % 2 === 0) ctx.state(all).add(n)
  },
  processBroadcastElement({ n }, ctx) {
    ctx.applyToKeyedState(last, (key, state, emit) => {
      for (let again = n % 3; again >= 0; again -= 1) emit(`${name} ${n}: ${key} last ${state.value}`)
    })
    ctx.applyToKeyedState(all, (key, state, emit) => emit(`${name} ${n}: ${key} all ${[...state.get()].join('+')}`))
  },
})

/** Two operators hear of the same rules, and one key behind them sees the order of all that they emit. */
const topology = (): Topology => {
  const builder = new StreamBuilder({ job: 'rules', version: '1' })
  const source = (topic: string) =>
    builder.source(topic, { topic, codec, watermarks: { type: 'bounded-out-of-orderness', delay: 0 } })
  const heard = source('rules').broadcast(rules)
  const keyed = source('ticks').keyBy(({ key }) => key, stringKey)
  const seen = listState('seen', jsonStateCodec<string>())
  keyed
    .connect(heard)
    .process('first', told('first'))
    .union(keyed.connect(heard).process('second', told('second')))
    .keyBy(() => 'one', stringKey)
    .process<string>('met', {
      processElement(value, ctx) {
        ctx.state(seen).add(value)
        ctx.emit(`${[...ctx.state(seen).get()].length} ${value}`)
      },
    })
    .sinkPlainTo('out', { topic: 'out', codec: { encode: (value) => ({ key: null, value: Buffer.from(value) }) } })
  return builder.build()
}

type Logs = Readonly<Record<string, readonly SourceRecord<Tick>[]>>
const deadLetters = { topic: 'dead', encode: () => Buffer.from('dead') }
const partitions = () => 1
const emittedBy = (task: Task) => task.outputs.drain().map(({ record }) => Buffer.from(record.value).toString())
const offerLogs = (task: Task, logs: Logs) => {
  for (const input of task.inputs) {
    const records = logs[input.source.topic] ?? []
    input.offer(
      records.map((record, offset) => ({ offset, key: null, value: Buffer.from(JSON.stringify(record)) })),
      records.length,
    )
  }
}

const byOneTask = (logs: Logs): readonly string[] => {
  const task = new Task({ topology: topology(), partitions, deadLetters })
  offerLogs(task, logs)
  task.advance(Infinity)
  return emittedBy(task)
}

/** Lower levels first, so that each task has all it reads when it is its turn. */
const byShards = (logs: Logs, shards: number): readonly string[] => {
  const plan = planJob({ topology: topology(), partitions, shards, topicOf: (name) => name })
  const exchanged = new Map<string, Uint8Array[]>()
  return plan.tasks.flatMap((part) => {
    const task = new Task({ topology: topology(), partitions, deadLetters, part })
    if (part.reads.length === 0) offerLogs(task, logs)
    else
      for (const input of task.inputs) {
        const values = exchanged.get(`${input.source.topic}/${input.partition}`) ?? []
        input.offer(
          values.map((value, offset) => ({ offset, key: null, value })),
          values.length,
        )
      }
    task.advance(Infinity)
    const frames = new FrameBuffer(part.writes)
    frames.add(task.outputs.drainCrossings())
    for (const { topic, partition, value } of frames.records(task.progress)) {
      const name = `${topic}/${partition}`
      exchanged.set(name, [...(exchanged.get(name) ?? []), value])
    }
    return emittedBy(task)
  })
}

const log = (keys: readonly string[]): fc.Arbitrary<readonly SourceRecord<Tick>[]> =>
  fc
    .array(fc.record({ gap: fc.nat(20), key: fc.constantFrom(...keys), n: fc.nat(9) }), { minLength: 1, maxLength: 8 })
    .map((steps) => {
      let timestamp = 0
      const elements = steps.map(({ gap, ...value }) => {
        timestamp += gap
        return { type: 'element' as const, timestamp, value }
      })
      return [...elements, { type: 'watermark' as const, watermark: Number.MAX_SAFE_INTEGER }]
    })

describe('applyToKeyedState', () => {
  test('property: what it emits meets the next key call by call and key by key, however many shards there are', () => {
    let emissions = 0
    fc.assert(
      fc.property(
        log(['a', 'b', 'c', 'd', 'e']),
        log(['rule']),
        fc.integer({ min: 2, max: 5 }),
        (ticks, heard, shards) => {
          const logs = { ticks, rules: heard }
          const expected = byOneTask(logs)
          emissions += expected.length
          expect(byShards(logs, shards)).toEqual(expected)
        },
      ),
    )
    expect(emissions).toBeGreaterThan(100)
  })
})
