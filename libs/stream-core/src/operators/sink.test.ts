import { describe, expect, test, vi } from 'vitest'
import { jsonStateCodec, StreamBuilder, TopologyError, type SourceRecord } from '../index.ts'
import { ValueTable } from '../state/value-table.ts'
import { testDriver } from '../../testing/test-driver.ts'

interface Alert {
  readonly id: string
  readonly text: string
}

const alerts = (options: { readonly epochs?: boolean; readonly maxFinishedIds?: number } = {}) => {
  const { epochs = true, ...sink } = options
  const builder = new StreamBuilder({ job: 'alerts', version: '1' })
  const codec = { decode: (): SourceRecord<Alert> => ({ type: 'watermark', watermark: 0 }) }
  builder.source('in', { topic: 'in', codec, watermarks: { type: 'in-log' }, epochs }).sinkTo('out', {
    topic: 'out',
    codec: {
      idOf: ({ id }) => id,
      encode: ({ id, text }) => ({ key: Buffer.from(id), value: Buffer.from(text) }),
      outputCodec: jsonStateCodec(),
    },
    ...sink,
  })
  const driver = testDriver(builder.build())
  return {
    driver,
    raise: (id: string, text = '') => driver.push('in', { type: 'element', timestamp: 0, value: { id, text } }),
    seal: (epoch: number) => driver.push('in', { type: 'sealed', epoch, watermark: epoch }),
    revert: (epoch: number) => driver.push('in', { type: 'reverted', epoch }),
    finalize: (epoch: number) => driver.push('in', { type: 'finalized', epoch }),
    told: () =>
      driver.outputs().map(({ output, transition: { type, revision } }) => {
        const { id, text } = output as Alert // the stream carries nothing else
        return `${id}${text} ${type} ${revision}`
      }),
  }
}

describe('sinkTo', () => {
  test('default: added, then confirmed', () => {
    const { raise, seal, finalize, told } = alerts()
    raise('a')
    raise('b')
    seal(1)
    raise('c')
    seal(2)
    finalize(1)
    expect(told()).toEqual(['a added 1', 'b added 1', 'c added 1', 'a confirmed 2', 'b confirmed 2'])
  })

  test('behavior: retracted, and found again on the new branch, it is the next revision of the same id', () => {
    const { raise, seal, revert, finalize, told } = alerts()
    raise('a')
    seal(1)
    revert(1)
    raise('a')
    seal(1)
    finalize(1)
    expect(told()).toEqual(['a added 1', 'a retracted 2', 'a added 3', 'a confirmed 4'])
  })

  test('behavior: an update that is reverted brings the earlier content back, provisional as it was', () => {
    const { raise, seal, revert, finalize, told } = alerts()
    raise('a', '=1')
    seal(1)
    raise('a', '=2')
    seal(2)
    revert(2)
    seal(2)
    finalize(2)
    expect(told()).toEqual(['a=1 added 1', 'a=2 added 2', 'a=1 added 3', 'a=1 confirmed 4'])
  })

  test('behavior: an update of a confirmed content that is reverted brings it back confirmed', () => {
    const { raise, seal, revert, finalize, told } = alerts()
    raise('a', '=1')
    seal(1)
    finalize(1)
    raise('a', '=2')
    seal(2)
    revert(2)
    expect(told()).toEqual(['a=1 added 1', 'a=1 confirmed 2', 'a=2 added 3', 'a=1 added 4', 'a=1 confirmed 5'])
  })

  test('behavior: while an update may yet fall, the finality of what is below it is not told', () => {
    const { raise, seal, finalize, revert, told } = alerts()
    raise('a', '=1')
    seal(1)
    raise('a', '=2')
    seal(2)
    finalize(1)
    expect(told()).toEqual(['a=1 added 1', 'a=2 added 2'])
    revert(2)
    expect(told().slice(2)).toEqual(['a=1 added 3', 'a=1 confirmed 4'])
  })

  test('behavior: what was raised in a block not yet sealed falls with the block before it', () => {
    const { raise, seal, revert, told } = alerts()
    raise('a')
    seal(1)
    raise('b')
    revert(1)
    expect(told()).toEqual(['a added 1', 'b added 1', 'b retracted 2', 'a retracted 2'])
  })

  test('behavior: without epochs an output is final at once', () => {
    const { raise, told } = alerts({ epochs: false })
    raise('a', '=1')
    raise('a', '=2')
    expect(told()).toEqual(['a=1 added 1', 'a=1 confirmed 2', 'a=2 added 3', 'a=2 confirmed 4'])
  })

  test('behavior: of ids at rest only so many are remembered, the latest', () => {
    const { raise, told } = alerts({ epochs: false, maxFinishedIds: 2 })
    for (const id of ['a', 'b', 'c', 'a', 'c']) raise(id)
    expect(told().filter((line) => line.includes('added'))).toEqual([
      'a added 1',
      'b added 1',
      'c added 1',
      'a added 1',
      'c added 3',
    ])
  })

  test('behavior: what a revert or finality looks at does not grow with what is open beside it', () => {
    const looksAt = (open: number) => {
      const { driver, raise, seal, revert, finalize } = alerts()
      raise('old')
      seal(1)
      for (let n = 0; n < open; n += 1) raise(`open-${n}`)
      seal(2)
      raise('young')
      seal(3)
      const get = vi.spyOn(ValueTable.prototype, 'get')
      try {
        finalize(1)
        revert(3)
        return { looks: get.mock.calls.length, told: driver.outputs().length - open }
      } finally {
        get.mockRestore()
      }
    }
    const few = looksAt(1)
    expect(few.told).toBe(4) // old added and confirmed, young added and retracted
    expect(looksAt(1000)).toEqual(few)
  })

  test('behavior: ids may hold any text', () => {
    const { raise, seal, revert, told } = alerts()
    raise('→')
    raise('\u0092')
    seal(1)
    revert(1)
    expect(told()).toEqual(['→ added 1', '\u0092 added 1', '\u0092 retracted 2', '→ retracted 2'])
  })

  test('error: a final epoch is not reverted', () => {
    const { seal, finalize, revert } = alerts()
    seal(1)
    finalize(1)
    expect(() => revert(1)).toThrow('Epoch 1 is to be reverted, but epoch 1 is final and so is all before it.')
  })

  test('error: an epoch after the end of the data', () => {
    const { driver, seal } = alerts()
    seal(1)
    driver.end()
    expect(() => seal(2)).toThrow('Epoch 2 of "in" is sealed after its log said that nothing follows.')
  })

  test('error: epochs ascend', () => {
    const { seal } = alerts()
    seal(5)
    expect(() => seal(5)).toThrow('Epoch 5 of "in" is sealed after epoch 5; epochs ascend.')
  })

  test('error: a source that does not declare its epochs cannot have them', () => {
    const { seal } = alerts({ epochs: false })
    expect(() => seal(1)).toThrow('The source "in" met a sealed record of epoch 1 but is not declared with epochs.')
  })
})

describe('sinkPlainTo', () => {
  test('error: where epochs can be reverted it could not take back what it wrote', () => {
    const builder = new StreamBuilder({ job: 'plain', version: '1' })
    const codec = { decode: (): SourceRecord<string> => ({ type: 'watermark', watermark: 0 }) }
    builder
      .source('in', { topic: 'in', codec, watermarks: { type: 'in-log' }, epochs: true })
      .sinkPlainTo('out', { topic: 'out', codec: { encode: () => ({ key: null, value: new Uint8Array() }) } })
    expect(() => builder.build()).toThrow(TopologyError)
  })
})
