import {
  CommitUnknownError,
  type EventLog,
  type NewRecord,
  type Producer,
  type TopicPartition,
} from '@tocsin/event-log'
import { ExchangeInput } from '../../src/distributed/exchange-input.ts'
import { Exchange } from '../../src/distributed/exchange.ts'
import { BroadcastTable } from '../../src/state/broadcast-state.ts'
import { Answers } from '../../src/task/answers.ts'
import { Expiry } from '../../src/state/expiry.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import type { CheckpointMeta } from '../../src/task/checkpoint.ts'
import { Input } from '../../src/task/input.ts'
import { OutputBuffer } from '../../src/task/output-buffer.ts'
import { decodeMarker, encodeMarker, type ProgressMarker } from '../../src/task/marker.ts'
import { Schedule } from '../../src/schedule.ts'
import { JoinTable } from '../../src/state/join-table.ts'
import { MemoryBudget } from '../../src/state/memory-budget.ts'
import { ValueTable } from '../../src/state/value-table.ts'
import { UndoLog } from '../../src/task/rewind.ts'
import { UndoSpill } from '../../src/task/undo-spill.ts'
import { Task, type TaskSnapshot } from '../../src/task/task.ts'
import { minTimestamp } from '../../src/time.ts'
import { Timers } from '../../src/timers.ts'
import type { Topology, TopologyNode } from '../../src/topology.ts'
import { interposedStore, type StoreBatch } from '../interposed-store.ts'
import type { Defect } from './defect.ts'

/**
 * Faults that an engine like ours could have, each planted from outside. They stay: as long as the simulator finds each
 * of them, it can be believed when it finds nothing.
 */
export const defects: readonly Defect[] = [
  {
    name: 'a timer lost on restore',
    store: writing((cells) => {
      const lost = cells.findIndex(
        ({ table, key, value }) => table.endsWith('/#timers') && key === '' && value !== null,
      )
      return cells.filter((_, index) => index !== lost)
    }),
  },
  {
    name: 'watermarks not restored',
    store: restoring((snapshot) => ({
      ...snapshot,
      valves: snapshot.valves.map((valve) => ({
        ...valve,
        watermark: minTimestamp,
        channels: valve.channels.map((channel) => ({ ...channel, watermark: minTimestamp })),
      })),
    })),
  },
  {
    name: 'an element read twice after recovery',
    store: restoring((snapshot) => ({
      ...snapshot,
      inputs: snapshot.inputs.map((input) => ({ ...input, offset: Math.max(0, input.offset - 1) })),
    })),
  },
  {
    name: 'places not restored',
    store: restoring((snapshot) => ({
      ...snapshot,
      inputs: snapshot.inputs.map((input) => ({ ...input, place: minTimestamp, watermark: minTimestamp })),
    })),
  },
  {
    name: 'a checkpoint that misses a changed cell',
    store: writing((cells) => {
      const missed = cells.findLastIndex(({ table }) => !table.includes('#'))
      return cells.filter((_, index) => index !== missed)
    }),
  },
  {
    name: 'a sink whose revisions no checkpoint holds',
    store: writing((cells) => cells.filter(({ table }) => !table.endsWith('/#outputs'))),
  },
  {
    name: 'open sessions that no checkpoint holds',
    store: writing((cells) => cells.filter(({ table }) => !table.endsWith('/#sessions'))),
  },
  {
    name: 'the journaled clock not restored',
    store: restoring((snapshot) => ({ ...snapshot, processingTime: minTimestamp })),
  },
  {
    name: 'a checkpoint written cell by cell',
    store: (store) =>
      interposedStore(store, async ({ meta, cells }, write) => {
        for (const cell of cells) await write({ meta, cells: [cell] })
      }),
  },
  {
    name: 'a failed checkpoint taken for a written one',
    store: (store) => interposedStore(store, (batch, write) => write(batch).catch(() => undefined)),
  },
  {
    name: 'a pane counted twice when its element comes back',
    topology: changing(
      (node) => node.operator === 'window',
      (node) => ({
        ...node,
        create: (context) => {
          const operator = node.create(context)
          const seen = new Set<string>()
          const receivers = operator.receivers.map((receiver) => ({
            process: (value: unknown, timestamp: number) => {
              receiver.process(value, timestamp)
              const name = `${timestamp} ${JSON.stringify(value)}`
              if (seen.has(name)) receiver.process(value, timestamp)
              seen.add(name)
            },
          }))
          return { ...operator, receivers }
        },
      }),
    ),
  },
  {
    name: 'a retraction forgotten',
    log: appending((producer, records) =>
      producer.append(records.filter(({ value }) => !Buffer.from(value).includes('"type":"retracted"'))),
    ),
  },
  {
    name: 'an undo entry dropped',
    breakIn: breaking(UndoLog.prototype, 'record', (record) => {
      let records = 0
      return function (this: UndoLog, ...change) {
        if (++records % 40 !== 0) record.apply(this, change)
      }
    }),
  },
  {
    name: 'state that ends before its time to live',
    breakIn: breaking(
      Expiry.prototype,
      'hasExpired',
      (hasExpired) =>
        function (this: Expiry, time, now) {
          return hasExpired.call(this, time, now + 500)
        },
    ),
  },
  { name: 'timers not rewound', breakIn: breaking(Timers.prototype, 'restore', () => () => undefined) },
  {
    name: 'places not rewound',
    breakIn: breaking(
      Input.prototype,
      'rewindPlace',
      (rewindPlace) =>
        function (this: Input, snapshot) {
          rewindPlace.call(this, { ...snapshot, place: this.place, watermark: this.watermark })
        },
    ),
  },
  { name: 'the other inputs not rewound', breakIn: breaking(Input.prototype, 'rewind', () => () => undefined) },
  {
    name: 'state dropped from memory before a checkpoint holds it',
    breakIn: breaking(
      MemoryBudget.prototype,
      'keep',
      (keep) =>
        function (this: MemoryBudget, tables, steps) {
          return keep.call(this, tables, steps, Infinity)
        },
    ),
  },
  { name: 'undo in the store lost', breakIn: breaking(UndoSpill.prototype, 'take', () => () => []) },
  {
    name: 'a checkpoint that takes values of after its point',
    breakIn: breaking(ValueTable.prototype, 'note', () => () => undefined),
  },
  { name: 'a schedule not restored', breakIn: breaking(Schedule.prototype, 'load', () => () => undefined) },
  {
    name: 'a marker written before its outputs',
    log: appending(async (producer, records) => {
      const [outputs, markers] = [records.filter((one) => !isMarker(one)), records.filter(isMarker)]
      const positions = await producer.append(markers)
      if (outputs.length > 0) await producer.append(outputs)
      return positions
    }),
  },
  {
    name: 'outputs withheld too long',
    log: (log, owner) => {
      let isFirst = !owner.endsWith('#1')
      return appending((producer, records) => {
        const withheld = isFirst ? records.findIndex((one) => !isMarker(one)) : -1
        isFirst = false
        return producer.append(records.filter((_, index) => index !== withheld))
      })(log, owner)
    },
  },
  {
    name: 'the end of idleness not written down',
    log: marking((marker) => ({ ...marker, resumptions: [] })),
  },
  {
    name: 'a return to what is final, for a savepoint, not written down',
    log: marking((marker) => ({ ...marker, returns: [] })),
  },
  {
    name: 'versions of a temporal join that no checkpoint holds',
    store: writing((cells) => cells.filter(({ table }) => !table.endsWith('/#versions'))),
  },
  {
    name: 'elements of an interval join that no checkpoint holds',
    store: writing((cells) => cells.filter(({ table }) => !table.endsWith('/#right'))),
  },
  { name: 'an interval join not rewound', breakIn: breaking(JoinTable.prototype, 'restore', () => () => undefined) },
  {
    name: 'broadcast state that no checkpoint holds',
    store: writing((cells) => cells.filter(({ table }) => !table.includes('/#broadcast-'))),
  },
  {
    name: 'broadcast state not rewound',
    breakIn: breaking(BroadcastTable.prototype, 'restore', () => () => undefined),
  },
  {
    name: 'answers not written down',
    log: appending((producer, records) => producer.append(records.filter(({ topic }) => !topic.endsWith('.answers')))),
  },
  {
    name: 'an answer of an undone unit counted as used',
    breakIn: breaking(Answers.prototype, 'undo', () => () => undefined),
  },
  {
    name: 'outputs of an undone unit sent all the same',
    breakIn: breaking(OutputBuffer.prototype, 'rollback', () => () => undefined),
  },
  {
    name: 'the stamps of an exchange not restored',
    breakIn: breaking(Exchange.prototype, 'restore', () => () => undefined),
  },
  {
    name: 'what other tasks told taken twice by one that comes back',
    breakIn: breaking(
      ExchangeInput.prototype,
      'start',
      (start) =>
        function (this: ExchangeInput, snapshot) {
          start.call(this, { ...snapshot, ordinal: 0 })
        },
    ),
  },
  {
    name: 'what other tasks told trimmed before a checkpoint holds it',
    log: (log) => ({
      ...log,
      trim: async (at, before) => log.trim(at, isInternal(at) ? (await log.offsets(at)).end : before),
    }),
  },
  {
    name: 'a savepoint of what may yet be reverted',
    breakIn: breaking(Task.prototype, 'returnToBase', () => () => false),
  },
  { name: 'a savepoint of an older moment', breakIn: breaking(Task.prototype, 'makeBase', () => () => undefined) },
  {
    name: 'fencing left out',
    log: (log, owner) => ({ ...log, openProducer: (id) => log.openProducer(`${id}-${owner}`) }),
  },
  {
    name: 'a commit of unknown outcome made again',
    log: (log) => ({
      ...log,
      openProducer: async (id) => {
        const producer = await log.openProducer(id)
        return {
          ...producer,
          append: async (records) => {
            try {
              return await producer.append(records)
            } catch (error) {
              if (!(error instanceof CommitUnknownError)) throw error
              const next = await log.openProducer(id)
              return next.append(records)
            }
          },
        }
      },
    }),
  },
]

function writing(change: (cells: StoreBatch['cells']) => StoreBatch['cells']): (store: StateStore) => StateStore {
  return (store) => interposedStore(store, ({ meta, cells }, write) => write({ meta, cells: change(cells) }))
}

function restoring(change: (snapshot: TaskSnapshot) => TaskSnapshot): (store: StateStore) => StateStore {
  return (store) => ({
    ...store,
    readMeta: async () => {
      const bytes = await store.readMeta()
      if (bytes === undefined) return undefined
      const meta = JSON.parse(Buffer.from(bytes).toString()) as CheckpointMeta // a checkpoint wrote it
      return Buffer.from(JSON.stringify({ ...meta, snapshot: change(meta.snapshot) }))
    },
  })
}

function appending(
  append: (producer: Producer, records: readonly NewRecord[]) => ReturnType<Producer['append']>,
): (log: EventLog, owner: string) => EventLog {
  return (log) => ({
    ...log,
    openProducer: async (id) => {
      const producer = await log.openProducer(id)
      return { ...producer, append: (records) => append(producer, records) }
    },
  })
}

function marking(of: (marker: ProgressMarker) => ProgressMarker): (log: EventLog, owner: string) => EventLog {
  return appending((producer, records) =>
    producer.append(
      records.map((record) =>
        isMarker(record) ? { ...record, value: encodeMarker(of(decodeMarker(record.value))) } : record,
      ),
    ),
  )
}

function changing(
  where: (node: TopologyNode) => boolean,
  change: (node: TopologyNode) => TopologyNode,
): (topology: Topology) => Topology {
  return (topology) => ({ ...topology, nodes: topology.nodes.map((node) => (where(node) ? change(node) : node)) })
}

/** A method of all instances. */
function breaking<T extends object, Name extends keyof T>(
  prototype: T,
  name: Name,
  broken: (whole: T[Name]) => T[Name],
): () => () => void {
  return () => {
    const whole = prototype[name]
    prototype[name] = broken(whole)
    return () => {
      prototype[name] = whole
    }
  }
}

const isInternal = ({ topic }: TopicPartition): boolean => topic.includes('.internal.')
const isMarker = ({ topic }: NewRecord): boolean => topic.endsWith('.progress')
