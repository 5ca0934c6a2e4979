import { describe, expect, test } from 'vitest'
import { StreamBuilder, stringKey, type DataStream, type KeyedProcessFunction, type SourceCodec } from './index.ts'
import { inWatermarkOrder, subTopologiesOf } from './topology.ts'

interface Item {
  readonly key: string
}
const codec: SourceCodec<Item> = { decode: () => ({ type: 'watermark', watermark: 0 }) }
const plainCodec = { encode: ({ key }: Item) => ({ key: null, value: Buffer.from(key) }) }
const watermarks = { type: 'in-log' } as const
const echo: KeyedProcessFunction<string, Item, Item> = { processElement: (item, ctx) => ctx.emit(item) }

const cut = (build: (source: (uid: string, epochs?: boolean) => DataStream<Item>) => void) => {
  const builder = new StreamBuilder({ job: 'job', version: '1' })
  build((uid, epochs = false) => builder.source<Item>(uid, { topic: uid, codec, watermarks, epochs }))
  return subTopologiesOf(builder.build().nodes).map(({ name, level, nodes, edges }) => [
    level,
    name,
    nodes.map(({ id }) => id),
    edges,
  ])
}
const byKey = ({ key }: Item) => key

describe('subTopologiesOf', () => {
  test('default: cuts behind each keyBy', () => {
    const subs = cut((source) => {
      const first = source('a').keyBy(byKey, stringKey).process('first', echo)
      first.keyBy(byKey, stringKey).process('second', echo).sinkPlainTo('out', { topic: 'out', codec: plainCodec })
    })
    expect(subs).toEqual([
      [0, 'a', [0, 1], []],
      [1, 'first', [2, 3], [1]],
      [2, 'second', [4, 5], [3]],
    ])
  })
  test('behavior: who reads the same keyBy stays together, and so do both sides of a connect', () => {
    const subs = cut((source) => {
      const a = source('a').keyBy(byKey, stringKey)
      const b = source('b').keyBy(byKey, stringKey)
      a.process('one', echo)
      a.connect(b).process<Item>('both', { processElement1: () => {}, processElement2: () => {} })
    })
    expect(subs).toEqual([
      [0, 'a', [0, 1], []],
      [0, 'b', [2, 3], []],
      [1, 'one', [4, 5], [1, 3]],
    ])
  })
  test('behavior: a union of several levels stands in each, so no sub-topology reads from itself', () => {
    const subs = cut((source) => {
      const first = source('a').keyBy(byKey, stringKey).process('first', echo)
      const second = first.keyBy(byKey, stringKey).process('second', echo)
      first.union(second).sinkPlainTo('out', { topic: 'out', codec: plainCodec })
    })
    expect(subs).toEqual([
      [0, 'a', [0, 1], []],
      [1, 'first', [2, 3, 5, 6], [1]],
      [2, 'second', [4, 5, 6], [3]],
    ])
  })
  test('behavior: a stream joined with what was made of it is read on two levels', () => {
    const subs = cut((source) => {
      const a = source('a').keyBy(byKey, stringKey)
      const b = a.process('first', echo).keyBy(byKey, stringKey)
      a.connect(b).process<Item>('both', { processElement1: () => {}, processElement2: () => {} })
    })
    expect(subs).toEqual([
      [0, 'a', [0, 1], []],
      [1, 'first', [2, 3], [1]],
      [2, 'both', [4], [1, 3]],
    ])
  })
  test('behavior: sources are read together where one has epochs', () => {
    const subs = cut((source) => {
      source('a').keyBy(byKey, stringKey).process('one', echo)
      source('b', true).keyBy(byKey, stringKey).process('two', echo)
    })
    expect(subs).toEqual([
      [0, 'a', [0, 1, 3, 4], []],
      [1, 'one', [2], [1]],
      [1, 'two', [5], [4]],
    ])
  })
})

describe('inWatermarkOrder', () => {
  test('default: nodes behind fewer cuts hear of a watermark first', () => {
    const builder = new StreamBuilder({ job: 'job', version: '1' })
    const a = builder.source<Item>('a', { topic: 'a', codec, watermarks })
    a.keyBy(byKey, stringKey).process('one', echo).keyBy(byKey, stringKey).process('two', echo)
    a.keyBy(byKey, stringKey).process('three', echo)
    expect(inWatermarkOrder(builder.build().nodes)).toEqual([0, 1, 5, 2, 3, 6, 4])
  })
})
