import { alertCodec, type Alert } from '@tocsin/chain-model'
import type { LogRecord } from '@tocsin/event-log'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { emptyDatabase, sampleAlert } from '../../testing/index.ts'
import { readPositions, transitionsAfter, transitionsOf } from '../alert-store.ts'
import { openDatabase, type Database } from '../database.ts'
import { PositionLostError, storeBatch } from './postgres-sink.ts'

const topic = 'tocsin.alerts'
const none = { provisional: 0, confirmed: 0, retracted: 0 }
let database: Database

beforeAll(async () => {
  database = await openDatabase({ url: await emptyDatabase() })
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.query('truncate transitions, alerts, positions, dead_letters, webhooks, deliveries restart identity')
})

const record = (offset: number, value: Alert | Uint8Array): LogRecord => ({
  offset,
  key: null,
  value: value instanceof Uint8Array ? value : alertCodec.encode(value),
})
const batch = (...records: readonly LogRecord[]) => ({
  topic,
  partition: 0,
  fromOffset: records[0]?.offset ?? 0,
  records,
  nextOffset: (records.at(-1)?.offset ?? -1) + 1,
})
const store = (...records: readonly LogRecord[]) => storeBatch(database, batch(...records), 0)
const current = () =>
  database.query<{ id: string; revision: number; status: string }>(
    'select id, revision, status from alerts order by id',
  )
const bytes = (text: string) => new TextEncoder().encode(text)

const alert = sampleAlert('one')
const confirmed: Alert = { ...alert, revision: 2, status: 'confirmed' }

describe('storeBatch', () => {
  test('default: keeps each transition as it was written, the newest as the alert, and the position', async () => {
    expect(await store(record(4, alert), record(5, confirmed))).toEqual({
      stored: { provisional: 1, confirmed: 1, retracted: 0 },
      repeated: 0,
      dead: [],
    })
    expect(await current()).toEqual([{ id: alert.id, revision: 2, status: 'confirmed' }])
    expect((await transitionsOf(database, alert.id)).map((one) => JSON.stringify(one.alert))).toEqual([
      alertCodec.stringify(alert),
      alertCodec.stringify(confirmed),
    ])
    expect(await readPositions(database, topic)).toEqual([{ topic, partition: 0, offset: 6 }])
  })

  test('behavior: the same records again change nothing', async () => {
    await store(record(0, alert), record(1, confirmed))
    expect(await store(record(0, alert), record(1, confirmed))).toEqual({ stored: none, repeated: 2, dead: [] })
    expect(await transitionsAfter(database, 0, 10)).toHaveLength(2)
  })

  test('behavior: a batch that overlaps what was read stores the rest', async () => {
    await store(record(0, alert))
    expect(await store(record(0, alert), record(1, confirmed))).toMatchObject({ stored: { confirmed: 1 }, repeated: 1 })
  })

  test('behavior: a transition that the writer appended twice is stored once', async () => {
    expect(await store(record(0, alert), record(1, alert))).toEqual({
      stored: { ...none, provisional: 1 },
      repeated: 1,
      dead: [],
    })
  })

  test('behavior: an older revision that comes late is kept and does not replace the newer', async () => {
    await store(record(0, confirmed))
    await store(record(1, alert))
    expect(await current()).toEqual([{ id: alert.id, revision: 2, status: 'confirmed' }])
    expect((await transitionsOf(database, alert.id)).map(({ alert: { revision } }) => revision)).toEqual([1, 2])
  })

  test('behavior: two replicas that store the same batch at once store it once', async () => {
    const both = await Promise.all([store(record(0, alert)), store(record(0, alert))])
    expect(both.map(({ stored }) => stored.provisional).sort((a, b) => a - b)).toEqual([0, 1])
  })

  test('behavior: fields that the schema does not know yet are kept', async () => {
    const json = { ...(JSON.parse(alertCodec.stringify(alert)) as object), assignee: 'ann\u0000' }
    await store(record(0, bytes(JSON.stringify(json))))
    expect((await transitionsOf(database, alert.id))[0]?.alert).toEqual(json)
  })

  test('error: a malformed record is put aside with its bytes, and what surrounds it is stored', async () => {
    const { dead, stored } = await store(
      record(0, alert),
      record(1, bytes('{"id": 5}')),
      record(2, new Uint8Array([0xff, 0x00])),
      record(3, { ...sampleAlert('nul'), key: 'a\0b' }),
      record(4, confirmed),
    )
    expect(stored).toEqual({ provisional: 1, confirmed: 1, retracted: 0 })
    expect(dead.map(({ code, reason, offset }) => ({ code, reason, offset }))).toEqual([
      { offset: 1, code: 'MODEL_MALFORMED_RECORD', reason: expect.stringMatching(/^Not an? alert: id/) as string },
      { offset: 2, code: 'MODEL_MALFORMED_RECORD', reason: expect.stringContaining('UTF-8') as string },
      { offset: 3, code: 'MODEL_MALFORMED_RECORD', reason: expect.stringContaining('NUL') as string },
    ])
    const [row] = await database.query<{ payload: Buffer }>('select payload from dead_letters where record_offset = 1')
    expect(row?.payload.toString()).toBe('{"id": 5}')
    expect(await readPositions(database, topic)).toEqual([{ topic, partition: 0, offset: 5 }])
  })

  test('error: another content under a stored revision is put aside; the first stays', async () => {
    await store(record(0, alert))
    const other = { ...alert, title: 'Another' }
    const { dead } = await store(record(1, other), record(2, alert))
    expect(dead).toMatchObject([{ offset: 1, code: 'API_TRANSITION_CONFLICT' }])
    expect((await transitionsOf(database, alert.id)).map(({ alert: { title } }) => title)).toEqual([alert.title])
  })

  test('error: a batch that does not follow what is stored is refused, and read again from there loses nothing', async () => {
    await store(record(0, alert))
    await store(record(1, { ...alert, revision: 2, status: 'retracted' }))
    // A replica took over that had not got the newest commit.
    await database.query('delete from alerts')
    await database.query('delete from transitions where revision = 2')
    await database.query('update positions set next_offset = 1')
    const third = record(2, { ...alert, revision: 3 })
    await expect(store(third)).rejects.toThrow(PositionLostError)
    await store(record(1, { ...alert, revision: 2, status: 'retracted' }), third)
    expect((await transitionsOf(database, alert.id)).map(({ alert: { revision } }) => revision)).toEqual([1, 2, 3])
  })

  test('error: what fails half-way stores nothing of the batch', async () => {
    const failing: Database = {
      ...database,
      transaction: (work) =>
        database.transaction(async (tx) => {
          await work(tx)
          throw new Error('lost')
        }),
    }
    await expect(storeBatch(failing, batch(record(0, alert)), 0)).rejects.toThrow('lost')
    expect(await current()).toEqual([])
    expect(await readPositions(database, topic)).toEqual([])
  })

  test('property: however the log is cut into batches and read again, the same transitions are stored', async () => {
    const log = ['a', 'b', 'c'].flatMap((name) => [
      sampleAlert(name),
      sampleAlert(name, { revision: 2, status: 'retracted' }),
      sampleAlert(name, { revision: 3 }),
    ])
    const records = log.map((one, offset) => record(offset, one))
    const cut = fc.array(fc.record({ from: fc.nat(8), length: fc.integer({ min: 1, max: 9 }) }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(cut, async (cuts) => {
        await database.query('truncate transitions, alerts, positions, dead_letters restart identity')
        let read = 0
        for (const { from, length } of [...cuts, { from: 0, length: 9 }]) {
          // A reader goes on where it was or further back, never beyond.
          const start = Math.min(from, read)
          const part = records.slice(start, start + length)
          await store(...part)
          read = Math.max(read, start + part.length)
        }
        const stored = await database.query<{ id: string; revision: number }>(
          'select id, revision from transitions order by sequence',
        )
        expect(stored).toEqual(log.map(({ id, revision }) => ({ id, revision })))
      }),
      { numRuns: 25 },
    )
  })
})
