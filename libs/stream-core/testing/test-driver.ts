import type { LogRecord } from '@tocsin/event-log'
import { ListView } from '../src/state/list-view.ts'
import type { OutputTag } from '../src/process-function.ts'
import type { Transition } from '../src/sink.ts'
import type { SourceCodec, SourceRecord } from '../src/source.ts'
import { JoinTable } from '../src/state/join-table.ts'
import { NestedTable } from '../src/state/nested-table.ts'
import { PaneTable } from '../src/state/pane-table.ts'
import { ValueTable } from '../src/state/value-table.ts'
import type { Waiting } from '../src/state/waiting-elements.ts'
import { newMemoryStoreContents, openMemoryStore, type MemoryStoreContents } from '../src/state/memory-store.ts'
import { Timed } from '../src/state/timed.ts'
import { restoreCheckpoint, writeCheckpoint } from '../src/task/checkpoint.ts'
import { nodeEventLoop } from '../src/task/event-loop.ts'
import type { AnswerUse } from '../src/task/answers.ts'
import { Task, type Resumption, type TaskDeadLetter } from '../src/task/task.ts'
import { deadLetterSink } from '../src/task/output-buffer.ts'
import { maxTimestamp, type Timestamp } from '../src/time.ts'
import { Timers } from '../src/timers.ts'
import { nameOfNode, type Topology, type TopologyNode } from '../src/topology.ts'
import { answersAtOnce, type GivenAnswers } from './answers-at-once.ts'

export interface TestDriverOptions {
  /** Of each topic. Default 1. */
  readonly partitions?: Readonly<Record<string, number>>
  /** What `enrich` is answered in place of its `ask`: at once. */
  readonly answers?: GivenAnswers
}

/** What a sink wrote. `key` and `value` are the bytes as the codec made them. */
export interface DriverOutput {
  readonly sink: string
  readonly output: unknown
  readonly transition: Transition
  readonly key: Uint8Array | null
  readonly value: Uint8Array
}

/** To be given to `restore`. */
export interface DriverCheckpoint {
  /** @internal */
  readonly store: MemoryStoreContents
  /** How many records each input had been pushed. @internal */
  readonly ends: readonly number[]
  /** @internal */
  readonly steps: number
  /** @internal */
  readonly resumptions: readonly Resumption[]
  /** How many answers had been used. @internal */
  readonly answers: number
}

/**
 * Runs a topology in memory, without a log: records are pushed as their source would decode them, and each push is
 * folded as far as the merge of the inputs allows before it returns. Values in state are deep-frozen, so code that
 * edits them fails. Source: Kafka Streams' TopologyTestDriver.
 */
export interface TestDriver {
  /** `source` is a uid. An element of one source waits until the others are known to have nothing before it. */
  push(source: string, ...records: readonly SourceRecord<unknown>[]): void
  pushTo(source: string, partition: number, ...records: readonly SourceRecord<unknown>[]): void
  /** Bytes that the source's codec reads itself. */
  pushBytes(source: string, value: Uint8Array, key?: Uint8Array | null): void
  /** A watermark on every partition of every source. */
  advanceWatermark(watermark: Timestamp): void
  /** A record of the journaled clock on every partition of every source: processing time goes on to `time`. */
  advanceProcessingTime(time: Timestamp): void
  /** Nothing follows: all that waits fires. */
  end(): void
  /** In order, of one sink or all. */
  outputs(sink?: string): readonly DriverOutput[]
  /** What stands of a sink's outputs, by id in order of ids: added or confirmed and not retracted. */
  standing(sink: string): ReadonlyMap<string, { readonly output: unknown; readonly status: 'added' | 'confirmed' }>
  deadLetters(): readonly TaskDeadLetter[]
  /** What an operator sent to a tag, whether it is read or not; what a reverted epoch sent stays. */
  sideOutput<T>(operator: string, tag: OutputTag<T>): readonly { readonly value: T; readonly timestamp: Timestamp }[]
  /**
   * An operator's state by name, then by key (as bytes, one char each): a value, a list, or entries in order. Of state with
   * a TTL or a bounded map each value stands with the `time` of its last access.
   */
  state(operator: string): Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** All operators' state and timers without what is empty: equal states give equal dumps. */
  dump(): Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** An operator's event-time timers: times by key. */
  timers(operator: string): Readonly<Record<string, readonly Timestamp[]>>
  processingTimers(operator: string): Readonly<Record<string, readonly Timestamp[]>>
  /** What a checkpoint would hold now, with all that was pushed so far: what a process that ends here leaves behind. */
  checkpoint(): Promise<DriverCheckpoint>
  /**
   * The task is gone, and a new one goes on from the checkpoint as a process does that starts again: it replays what was
   * pushed after the checkpoint's base and before `checkpoint` was called, with outputs withheld. What was pushed later
   * is forgotten; push it again.
   */
  restore(from: DriverCheckpoint): Promise<void>
  readonly lateElements: number
  /** Records that wait for the merge. */
  readonly waiting: number
  readonly watermark: Timestamp | null
}

const marker = Buffer.from('pushed')

export const testDriver = (topology: Topology, options: TestDriverOptions = {}): TestDriver => {
  const partitions = (topic: string) => options.partitions?.[topic] ?? 1
  const pushed = new Map<Uint8Array, SourceRecord<unknown>>()
  // The source's own codec would need bytes: a pushed record is its bytes' meaning.
  const passing = (codec: SourceCodec<unknown>): SourceCodec<unknown> => ({
    decode: (value, key) => pushed.get(value) ?? codec.decode(value, key),
  })
  const nodes = topology.nodes.map((node): TopologyNode =>
    node.source === null ? node : { ...node, source: { ...node.source, codec: passing(node.source.codec) } },
  )
  const sides: { operator: string; tag: string; value: unknown; timestamp: Timestamp }[] = []
  let isReplaying = false
  /** All answers that were used. */
  let journal: AnswerUse[] = []
  const newTask = () =>
    new Task({
      topology: { ...topology, nodes },
      partitions,
      deadLetters: { topic: 'dead-letters', encode: () => new Uint8Array() },
      freeze: deepFreeze,
      answerAtOnce: answersAtOnce(topology, options.answers ?? {}),
      onSideOutput: (operator, tag, value, timestamp) => {
        if (!isReplaying) sides.push({ operator, tag, value, timestamp })
      },
    })
  let task = newTask()
  /** Of each input: all that was offered. */
  const logs: LogRecord[][] = task.inputs.map(() => [])
  let contents = newMemoryStoreContents()
  task.attach({
    tables: {},
    read: (...at) => openMemoryStore(contents).read(...at),
    readSpill: () => undefined,
  })
  const outputs: DriverOutput[] = []
  const letters: TaskDeadLetter[] = []

  const run = () => {
    task.advance(Infinity)
    journal.push(...task.drainAnswers())
    for (const { sink, record, output, transition } of task.outputs.drain()) {
      if (sink === deadLetterSink)
        letters.push(output as TaskDeadLetter) // the task emits nothing else to it
      else outputs.push({ sink, output, transition, key: record.key, value: record.value })
    }
  }
  const offer = (source: string, partition: number, value: Uint8Array, key: Uint8Array | null) => {
    const topic = nodes.find(({ uid }) => uid === source)?.source?.topic
    const index = task.inputs.findIndex((one) => one.source.topic === topic && one.partition === partition)
    const input = task.inputs[index]
    if (input === undefined) throw new Error(`The topology has no source "${source}" with a partition ${partition}.`)
    const record: LogRecord = { offset: input.fetchOffset, key, value }
    logs[index]?.push(record)
    input.offer([record], record.offset + 1)
  }
  const pushTo = (source: string, partition: number, ...records: readonly SourceRecord<unknown>[]) => {
    for (const record of records) {
      const value = Buffer.from(marker) // a fresh object: its identity names the record
      pushed.set(value, record)
      offer(source, partition, value, null)
    }
    run()
  }
  const pushToAll = (record: SourceRecord<never>) => {
    for (const { source, partition } of task.inputs) {
      const uid = nodes.find((node) => node.source === source)?.uid ?? ''
      pushTo(uid, partition, record)
    }
  }
  const advanceWatermark = (watermark: Timestamp) => pushToAll({ type: 'watermark', watermark })
  const checkpoint = async (): Promise<DriverCheckpoint> => {
    const starts = task.inputs.map(() => 0)
    await writeCheckpoint({
      task,
      store: openMemoryStore(contents),
      starts,
      rest: () => nodeEventLoop.turn(),
      clock: () => 0,
    })
    return {
      store: { meta: contents.meta, cells: new Map(contents.cells) },
      ends: logs.map(({ length }) => length),
      steps: task.steps,
      resumptions: task.resumptionsSince(task.checkpointableSteps),
      answers: task.answersUsed,
    }
  }
  const restore = async ({ store, ends, steps, resumptions, answers }: DriverCheckpoint): Promise<void> => {
    contents = { meta: store.meta, cells: new Map(store.cells) }
    logs.forEach((log, index) => (log.length = ends[index] ?? 0))
    task = newTask()
    await restoreCheckpoint(task, openMemoryStore(contents))
    task.replay(resumptions, steps)
    journal = journal.slice(0, answers)
    task.replayAnswers(journal.slice(task.answersUsed))
    task.inputs.forEach((input, index) => {
      const log = logs[index] ?? []
      input.offer(log.slice(input.fetchOffset), log.length)
    })
    isReplaying = true
    task.advance(steps - task.steps)
    task.outputs.drain()
    isReplaying = false
    run()
  }
  const stateOf = (operator: string) => {
    const states: Record<string, Record<string, unknown>> = {}
    for (const [name, table] of task.tables) {
      if (!name.startsWith(`${operator}/`) || table instanceof Timers || table.survivesRewind) continue
      const values: [string, unknown][] = []
      // What no element has asked for since a restore lies in the store alone.
      for (const { table: of, key, sub } of contents.cells.values()) {
        if (of !== name || sub !== null) continue
        if (table instanceof ValueTable) table.get(key)
        else if (table instanceof NestedTable || table instanceof JoinTable) table.of(key)
      }
      if (table instanceof ValueTable) {
        for (const [key, value] of table.entries()) {
          values.push([key, shown(value)])
        }
      } else if (table instanceof NestedTable) {
        for (const [key, entries] of table.entries()) {
          const plain = entries.keys().map((sub: string | number) => {
            const value: unknown = entries.get(sub)
            return [sub, shown(value)]
          })
          values.push([key, plain])
        }
      } else if (table instanceof JoinTable) {
        for (const [key, elements] of table.entries()) {
          values.push([key, elements.map(({ time, value }: Waiting<unknown>) => [time, shown(value)])])
        }
      } else if (table instanceof PaneTable) {
        const byKey = new Map<string, unknown[]>()
        for (const [key, start, value] of table.all()) {
          byKey.set(key, [...(byKey.get(key) ?? []), [start, shown(value)]])
        }
        values.push(...byKey)
      }
      values.sort(([a], [b]) => (a < b ? -1 : 1))
      states[table.name] = Object.fromEntries(values)
    }
    return states
  }
  const timersOf = (operator: string, name = '#timers', isShown = (_namespace: string) => true) => {
    const table = task.tables.get(`${operator}/${name}`)
    if (!(table instanceof Timers)) return {}
    const byKey = new Map<string, Timestamp[]>()
    for (const { key, at, namespace } of table.all()) {
      if (isShown(namespace)) byKey.set(key, [...(byKey.get(key) ?? []), at])
    }
    const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(sorted.map(([key, times]) => [key, times.sort((a, b) => a - b)]))
  }

  return {
    push: (source, ...records) => pushTo(source, 0, ...records),
    pushTo,
    pushBytes: (source, value, key = null) => {
      offer(source, 0, value, key)
      run()
    },
    advanceWatermark,
    advanceProcessingTime: (time) => pushToAll({ type: 'clock', time }),
    end: () => advanceWatermark(maxTimestamp),
    outputs: (sink) => (sink === undefined ? outputs : outputs.filter((output) => output.sink === sink)),
    standing: (sink) => {
      const standing = new Map<string, { output: unknown; status: 'added' | 'confirmed' }>()
      const idOf = nodes.find(({ uid }) => uid === sink)?.sink?.idOf
      if (idOf === undefined || idOf === null) throw new Error(`The topology has no sink "${sink}" with a lifecycle.`)
      for (const { output, transition } of outputs.filter((one) => one.sink === sink)) {
        const id = idOf(output)
        if (transition.type === 'retracted') standing.delete(id)
        else standing.set(id, { output, status: transition.type })
      }
      return new Map([...standing].sort(([a], [b]) => (a < b ? -1 : 1)))
    },
    deadLetters: () => letters,
    sideOutput: <T>(operator: string, tag: OutputTag<T>) =>
      sides.flatMap((side) =>
        side.operator === operator && side.tag === tag.id
          ? [{ value: side.value as T, timestamp: side.timestamp }] // the tag carries the type of what it is given
          : [],
      ),
    state: stateOf,
    dump: () =>
      Object.fromEntries(
        nodes
          .map(nameOfNode)
          .flatMap((name) => [
            ...Object.entries(stateOf(name)).map(([state, values]) => [`${name}/${state}`, values] as const),
            [`${name}/#timers`, timersOf(name)] as const,
            [`${name}/#processing-timers`, timersOf(name, '#processing-timers')] as const,
          ])
          .filter(([, values]) => Object.keys(values).length > 0),
      ),
    timers: (operator) => timersOf(operator, '#timers', (namespace) => namespace === ''),
    processingTimers: (operator) => timersOf(operator, '#processing-timers'),
    checkpoint,
    restore,
    get lateElements() {
      return task.lateElements
    },
    get waiting() {
      return task.inputs.reduce((sum, { queuedRecords }) => sum + queuedRecords, 0)
    },
    get watermark() {
      return task.watermark
    },
  }
}

/** What has a TTL or is an entry of a bounded map shows its time. */
const shown = (value: unknown): unknown => {
  if (value instanceof ListView) return value.toArray().map(shown)
  return value instanceof Timed ? { value: value.shown as unknown, time: value.time } : value
}

const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  for (const field of Object.values(value)) deepFreeze(field)
  return value
}
