import type { LogRecord } from '@tocsin/event-log'
import { Output, type LifecycleSink, type Operator, type OperatorContext } from '../operators/operator.ts'
import type { CheckpointedTable } from '../state/checkpointed-table.ts'
import type { TableLayout } from '../state/state-cells.ts'
import { maxTimestamp, minTimestamp, type Timestamp } from '../time.ts'
import { Timers } from '../timers.ts'
import { nameOfNode, type Topology, type TopologyNode } from '../topology.ts'
import { watermarkAfter } from '../watermark-strategy.ts'
import { WatermarkMultiplexer } from '../watermark-multiplexer.ts'
import { WatermarkValve, type ValveSnapshot, type WatermarkCombiner } from '../watermark.ts'
import { EpochError, SourceError } from './errors.ts'
import { Input, type InputSnapshot, type Undecodable } from './input.ts'
import type { SourceRecord } from '../source.ts'
import { deadLetterSink, OutputBuffer, type OutputProof } from './output-buffer.ts'
import { nextInSequence, placeOf, type Placed } from './place.ts'
import { UndoLog } from './rewind.ts'

export interface TaskDeadLetter {
  readonly operator: string
  readonly code: string
  readonly reason: string
  readonly origin: string
  readonly payload: Uint8Array
}

export interface TaskOptions {
  readonly topology: Topology
  readonly partitions: (topic: string) => number
  readonly deadLetters: { readonly topic: string; readonly encode: (letter: TaskDeadLetter) => Uint8Array }
  /** Deep-freezes what enters state, so that a test sees who edits it. Default: as it is. */
  readonly freeze?: <T>(value: T) => T
  /** Sees all that goes to side outputs, in tests. */
  readonly onSideOutput?: (operator: string, tag: string, value: unknown, timestamp: Timestamp) => void
}

/** Where the fold stands: what a checkpoint holds besides keyed state, and what a rewind puts back. */
export interface TaskSnapshot {
  /** The newest epoch that is part of it; null before the first. */
  readonly epoch: number | null
  /** Source records taken, over rewinds. */
  readonly steps: number
  readonly inputs: readonly InputSnapshot[]
  /** By node, in order of id; of a source, one channel a partition. */
  readonly valves: readonly ValveSnapshot[]
  readonly proofs: Readonly<Record<string, OutputProof>>
  readonly sequences: readonly number[]
  readonly lateElements: number
  readonly finalized: number | null
  /** What the journaled clock last showed. */
  readonly processingTime: Timestamp
}

/** An idle input went on: with what record the others let it cannot be told from the logs, so it is written down. */
export interface Resumption {
  readonly step: number
  readonly input: number
}

/** How a table lies in a checkpoint, and how many keys it has there. */
export interface StoredTableInfo {
  readonly layout: TableLayout
  readonly size: number
}

/** The newest checkpoint's cells, read one by one, and what tables it has. */
export interface StoredState {
  readonly tables: Readonly<Record<string, StoredTableInfo>>
  read(table: string, key: string, sub: string | null): Uint8Array | undefined
}

/** A source record that is being folded. */
interface Step {
  readonly input: Input
  readonly logRecord: LogRecord
  readonly record: SourceRecord<unknown> | Undecodable
  readonly node: Node
  readonly channel: number
}

interface Node {
  readonly spec: TopologyNode
  readonly name: string
  readonly valve: WatermarkCombiner
  readonly operator: Operator
  readonly main: Output
  readonly side: (tag: string) => Output
}

/**
 * A topology at work: a deterministic fold over one sequence of records. Knows no log, no store and no clock: records
 * are offered, outputs are drained. The same records give the same outputs, whenever they are offered.
 */
export class Task {
  readonly topology: Topology
  readonly inputs: readonly Input[]
  readonly outputs: OutputBuffer
  readonly #options: TaskOptions
  readonly #hasEpochs: boolean
  readonly #undo: UndoLog
  readonly #nodes: Node[] = []
  readonly #nodeOfInput: { readonly node: Node; readonly channel: number }[] = []
  readonly #sinks: LifecycleSink[] = []
  readonly #tables = new Map<string, CheckpointedTable>()
  #stored: StoredState | null = null
  #tablesInCheckpoint: readonly CheckpointedTable[] = []
  /** Ends of epochs that can be returned to, oldest first; the first is the base, which no revert goes below. */
  #marks: TaskSnapshot[]
  /** Of the input with epochs; -1 if there is none. */
  readonly #epochIndex: number
  #steps = 0
  #lateElements = 0
  #finalized: number | null = null
  #place: Timestamp | null = null
  #processingTime = minTimestamp
  #current: Step | null = null
  /** What is left of the step in hand, in order. Each does one unit of its work and says whether it has more. */
  readonly #rest: (() => boolean)[] = []
  /** How far the watermark of the step in hand has come: this node is next, or fires. */
  #cursor = 0
  /** The same of the clock record in hand. */
  #clockCursor = 0
  /** Outputs that waited when the step in hand began. */
  #emittedBefore = 0
  #isFiring = false
  #resumptions: readonly Resumption[] = []
  #replay: { readonly resumptions: readonly Resumption[]; readonly until: number } | null = null

  constructor(options: TaskOptions) {
    const { topology, partitions } = options
    this.#options = options
    this.topology = topology
    this.#hasEpochs = topology.nodes.some(({ source }) => source?.epochs === true)
    this.#undo = new UndoLog(this.#hasEpochs)
    this.outputs = new OutputBuffer(partitions)
    const inputs: Input[] = []
    for (const spec of topology.nodes) {
      const node = this.#createNode(spec, spec.source === null ? 1 : partitions(spec.source.topic))
      if (spec.source === null) continue
      const count = partitions(spec.source.topic)
      if (spec.source.epochs && count !== 1) {
        throw new SourceError(`The source "${node.name}" has epochs and ${count} partitions; epochs need one order.`)
      }
      for (let partition = 0; partition < count; partition += 1) {
        inputs.push(new Input(spec.source, partition, this.#hasEpochs && !spec.source.epochs))
        this.#nodeOfInput.push({ node, channel: partition })
        if (spec.source.watermarks.type === 'clock') node.valve.setIdle(partition, true)
      }
    }
    this.inputs = inputs
    this.#epochIndex = inputs.findIndex(({ source }) => source.epochs)
    this.#marks = [this.#snapshot(null)]
  }

  get #epochInput(): Input | undefined {
    return this.inputs[this.#epochIndex]
  }
  get steps(): number {
    return this.#steps
  }
  /** The last record is not wholly folded: nothing of it may be committed or put into a checkpoint yet. */
  get isInStep(): boolean {
    return this.#rest.length > 0
  }
  get hasEpochs(): boolean {
    return this.#hasEpochs
  }
  get lateElements(): number {
    return this.#lateElements
  }
  get place(): Timestamp | null {
    return this.#place
  }
  /** What the journaled clock last showed; `minTimestamp` before its first record. */
  get processingTime(): Timestamp {
    return this.#processingTime
  }
  get openEpochs(): number {
    return this.#undo.sealedSegments
  }
  /** Of the whole task: the lowest of its operators'. Null before the first. */
  get watermark(): Timestamp | null {
    const lowest = Math.min(...this.#nodes.map(({ valve }) => (valve.isIdle ? maxTimestamp : valve.watermark)))
    return lowest === minTimestamp ? null : lowest
  }
  get keys(): number {
    let keys = 0
    for (const table of this.#tables.values()) if (!(table instanceof Timers)) keys += table.size
    return keys
  }
  get timers(): number {
    let timers = 0
    for (const table of this.#tables.values()) if (table instanceof Timers) timers += table.count
    return timers
  }
  /** State by operator and name: `uid` and the table's own name, joined by `/`. */
  get tables(): ReadonlyMap<string, CheckpointedTable> {
    return this.#tables
  }
  get undoSize(): number {
    return this.#undo.size
  }
  /** The newest step that a checkpoint could hold: the base of the undo log, or now where there are no epochs. */
  get checkpointableSteps(): number {
    return this.#hasEpochs ? (this.#marks[0]?.steps ?? 0) : this.#steps
  }

  /**
   * Folds up to `limit` source records, as many as the merge lets it. Asks `shouldPause` after each unit of work (an
   * element, a timer, a window of a key) and returns when it says so, if need be in the middle of a step: the next call
   * goes on there. Where it paused shows in no result. @returns how many steps it ended
   */
  advance(limit: number, shouldPause: () => boolean = never): number {
    let ended = 0
    while (ended < limit) {
      if (!this.isInStep) {
        const next = this.#next()
        if (next === undefined) return ended
        this.#begin(next.input, next.place)
      }
      for (let unit = this.#rest[0]; unit !== undefined; unit = this.#rest[0]) {
        if (!unit()) this.#rest.shift()
        else if (shouldPause()) return ended
      }
      ended += 1
      if (shouldPause()) return ended
    }
    return ended
  }

  /** Begins to read at these offsets, in order of the inputs. Call before anything is offered. */
  start(offsets: readonly number[]): void {
    this.inputs.forEach((input, index) => input.startAt(offsets[index] ?? 0))
    this.#marks = [this.#snapshot(null)]
  }

  /** Until step `until`, idle inputs go on exactly where an earlier run let them. */
  replay(resumptions: readonly Resumption[], until: number): void {
    this.#replay = { resumptions, until }
  }
  /** Where idle inputs went on, after step `since`. */
  resumptionsSince(since: number): readonly Resumption[] {
    this.#resumptions = this.#resumptions.filter(({ step }) => step > since)
    return this.#resumptions
  }

  /** The state that is not in memory is read from there. Call before anything is offered. */
  attach(stored: StoredState): void {
    this.#stored = stored
    for (const [name, table] of this.#tables) this.#attach(name, table)
  }

  /** Of the checkpoint that the task began with. */
  get restoredTables(): Readonly<Record<string, StoredTableInfo>> {
    return this.#stored?.tables ?? {}
  }

  /** A checkpoint of the base begins: what it holds besides the cells, and the tables that have them. */
  beginCheckpoint(): { readonly snapshot: TaskSnapshot; readonly tables: readonly [string, CheckpointedTable][] } {
    if (this.isInStep) throw new Error('A checkpoint was asked for in the middle of a step.')
    const base = this.#hasEpochs ? this.#marks[0] : this.#snapshot(null)
    if (base === undefined) throw new Error('A task always has a base.') // #marks is never emptied
    const tables = [...this.#tables]
    this.#tablesInCheckpoint = tables.map(([, table]) => table)
    for (const table of this.#tablesInCheckpoint) table.beginCheckpoint()
    this.#undo.beginNotes()
    return { snapshot: base, tables }
  }
  /**
   * The tables note what their cells were at the base. Repeat it until it says no, before the first cell is taken and
   * again whenever the fold has gone on. @returns whether more is left
   */
  noteForCheckpoint(): boolean {
    return this.#undo.noteNext()
  }
  *endCheckpoint(isDurable: boolean): Generator<void> {
    this.#undo.endNotes()
    for (const table of this.#tablesInCheckpoint) yield* table.endCheckpoint(isDurable)
    this.#tablesInCheckpoint = []
  }

  /** Starts from a checkpoint. Call before anything is offered. */
  restore(snapshot: TaskSnapshot): void {
    this.#steps = snapshot.steps
    this.#lateElements = snapshot.lateElements
    this.#finalized = snapshot.finalized
    this.#processingTime = snapshot.processingTime
    this.outputs.restore(snapshot.proofs)
    this.inputs.forEach((input, index) => {
      const at = snapshot.inputs[index]
      if (at !== undefined) input.start(at)
    })
    this.#nodes.forEach(({ valve }, index) => {
      const at = snapshot.valves[index]
      if (at !== undefined) valve.restore(at)
    })
    this.#sinks.forEach((sink, index) => (sink.sequence = snapshot.sequences[index] ?? 0))
    this.#marks = [snapshot]
  }

  #createNode(spec: TopologyNode, channels: number): Node {
    const name = nameOfNode(spec)
    const main = new Output()
    const sides = new Map<string, Output>()
    const valve =
      spec.inputs.length === 0
        ? new WatermarkMultiplexer(Array.from({ length: channels }, (_, partition) => partition))
        : new WatermarkValve(spec.inputs.length)
    const { onSideOutput } = this.#options
    const side = (tag: string): Output => {
      const existing = sides.get(tag)
      if (existing !== undefined) return existing
      const created = new Output()
      if (onSideOutput !== undefined) {
        created.connect({ process: (value, timestamp) => onSideOutput(name, tag, value, timestamp) })
      }
      sides.set(tag, created)
      return created
    }
    // oxlint-disable-next-line typescript/no-this-alias -- the getters below belong to the context
    const task = this
    const context: OperatorContext = {
      name,
      undo: this.#undo,
      outputs: this.outputs,
      main,
      side,
      hasEpochs: this.#hasEpochs,
      get watermark() {
        return valve.watermark
      },
      get processingTime() {
        return task.#processingTime
      },
      get segment() {
        return task.#undo.open
      },
      register: (table) => this.#register(`${name}/${table.name}`, table),
      registerSink: (sink) => this.#sinks.push(sink),
      freeze: this.#options.freeze ?? ((value) => value),
      countLate: () => (this.#lateElements += 1),
      fail: (error, undoPosition, outputPosition) => {
        this.#undo.rollback(undoPosition)
        this.outputs.rollback(outputPosition)
        if (shouldStop(error)) throw error
        this.#deadLetter(name, error, 'STREAM_FUNCTION_FAILED')
      },
    }
    const operator = spec.create(context)
    spec.inputs.forEach((input, index) => {
      const receiver = operator.receivers[index]
      const upstream = this.#nodes[input]
      if (receiver === undefined || upstream === undefined) throw new Error(`Node ${spec.id} has no input ${index}.`)
      // A tag is read from the operator that feeds the side-output node.
      if (spec.tag === null) upstream.main.connect(receiver)
      else upstream.side(spec.tag).connect(receiver)
    })
    const node: Node = { spec, name, valve, operator, main, side }
    this.#nodes.push(node)
    return node
  }

  #register(name: string, table: CheckpointedTable): void {
    this.#tables.set(name, table)
    this.#attach(name, table)
  }
  #attach(name: string, table: CheckpointedTable): void {
    const stored = this.#stored
    if (stored === null) return
    table.attach({ size: stored.tables[name]?.size ?? 0, read: (key, sub) => stored.read(name, key, sub) })
  }

  #next(): Placed | undefined {
    const replay = this.#replay
    if (replay === null || this.#steps >= replay.until) return nextInSequence(this.inputs)
    const resumption = replay.resumptions.find(({ step }) => step === this.#steps + 1)
    if (resumption === undefined) return nextInSequence(this.inputs, true)
    const input = this.inputs[resumption.input]
    const record = input?.peek()
    if (input === undefined || record === undefined) return undefined
    return { input: resumption.input, place: placeOf(record, input) }
  }

  /** Takes the next record of an input and puts what is to be done with it into `#rest`. */
  #begin(index: number, place: Timestamp): void {
    const input = this.inputs[index]
    const at = this.#nodeOfInput[index]
    const record = input?.peek()
    const logRecord = input?.headRecord
    if (input === undefined || at === undefined || record === undefined || logRecord === undefined) {
      throw new Error(`Input ${index} has nothing to take.`) // the merge has just seen it
    }
    const { ordinal } = input.position
    this.outputs.begin({ place, input: index, offset: logRecord.offset, ordinal })
    this.#steps += 1
    this.#place = place
    input.place = place
    input.take()
    if (input.isIdle) this.#resumptions = [...this.#resumptions, { step: this.#steps, input: index }]
    this.#emittedBefore = this.outputs.position
    this.#current = { input, logRecord, record, node: at.node, channel: at.channel }
    if (record.type !== 'idle' && record.type !== 'clock' && input.speak()) {
      at.node.valve.setIdle(at.channel, false)
      this.#propagate(at.node)
    }
    this.#rest.push(this.#foldStep)
  }

  readonly #foldStep = (): boolean => {
    const step = this.#current
    if (step !== null) this.#fold(step)
    this.#rest.push(this.#endStep)
    return false
  }
  readonly #endStep = (): boolean => {
    // A unit may have brought up others, as a revert lets the sinks answer: the step ends behind them.
    if (this.#rest.length > 1) {
      this.#rest.push(this.#endStep)
      return false
    }
    if (this.#hasEpochs && this.#epochInput?.hasEnded === true) this.#finishEnded()
    this.#undo.settle()
    this.outputs.settle()
    return false
  }

  #fold({ record, input, node, channel }: Step): void {
    switch (record.type) {
      case 'element': {
        node.main.emit(record.value, record.timestamp)
        const { watermarks } = input.source
        if (watermarks.type === 'in-log') return
        const watermark = this.#watermarkAfter(record, input, node)
        input.highest = Math.max(input.highest, record.timestamp)
        if (watermark !== null) this.#advance(watermark, input, node, channel)
        return
      }
      case 'watermark':
        this.#advance(record.watermark, input, node, channel)
        return
      case 'idle':
        input.isIdle = true
        node.valve.setIdle(channel, true)
        this.#propagate(node)
        return
      case 'clock':
        if (input.tick(record.time)) {
          node.valve.setIdle(channel, true)
          this.#propagate(node)
        }
        if (record.time <= this.#processingTime) return
        this.#processingTime = record.time
        this.#clockCursor = 0
        this.#rest.push(this.#fireNextProcessingTime)
        return
      case 'undecodable':
        if (shouldStop(record.error)) throw record.error
        this.#deadLetter(node.name, record.error, 'STREAM_UNDECODABLE')
        return
      case 'sealed':
        this.#requireEpochs(input, node, record)
        this.#seal(record.epoch, record.watermark, input, node, channel)
        return
      case 'reverted':
        this.#requireEpochs(input, node, record)
        this.#revert(record.epoch, input)
        return
      case 'finalized':
        this.#requireEpochs(input, node, record)
        this.#finalize(record.epoch)
    }
  }

  #watermarkAfter(element: { value: unknown; timestamp: Timestamp }, input: Input, node: Node): Timestamp | null {
    try {
      return watermarkAfter(input.source.watermarks, element, input.highest)
    } catch (error) {
      if (shouldStop(error)) throw error
      this.#deadLetter(node.name, error, 'STREAM_FUNCTION_FAILED')
      return null
    }
  }

  #requireEpochs(input: Input, node: Node, record: { readonly type: string; readonly epoch: number }): void {
    if (input.source.epochs) return
    throw new SourceError(
      `The source "${node.name}" met a ${record.type} record of epoch ${record.epoch} but is not declared with epochs.`,
    )
  }

  #advance(watermark: Timestamp, input: Input, node: Node, channel: number): void {
    if (watermark <= input.watermark) return
    input.watermark = watermark
    node.valve.advance(channel, watermark)
    this.#propagate(node)
  }

  /** An operator processes a watermark wholly before the ones downstream hear of it: nodes are in topological order. */
  #propagate(source: Node): void {
    this.#cursor = source.spec.id + 1
    this.#rest.push(this.#propagateNext)
  }
  readonly #propagateNext = (): boolean => {
    const nodes = this.#nodes
    for (let node = nodes[this.#cursor]; node !== undefined; node = nodes[this.#cursor]) {
      const { valve, operator } = node
      if (!this.#isFiring) {
        const before = valve.watermark
        this.#align(node)
        this.#isFiring = valve.watermark > before
      }
      if (this.#isFiring && operator.fireNext?.(valve.watermark) === true) {
        this.#undo.settle()
        this.outputs.settle(outputsAProof)
        return true
      }
      this.#isFiring = false
      this.#cursor += 1
    }
    return false
  }

  /** What the clock makes due, operator by operator: one downstream sees what those before it emit. */
  readonly #fireNextProcessingTime = (): boolean => {
    for (let node = this.#nodes[this.#clockCursor]; node !== undefined; node = this.#nodes[this.#clockCursor]) {
      if (node.operator.fireNextProcessingTime?.(this.#processingTime) === true) {
        this.#undo.settle()
        return true
      }
      this.#clockCursor += 1
    }
    return false
  }

  /** Tells a node's valve how those upstream stand. */
  #align({ valve, spec }: Node): void {
    for (let channel = 0; channel < spec.inputs.length; channel += 1) {
      const upstream = this.#nodes[spec.inputs[channel] ?? -1]?.valve
      if (upstream === undefined) continue
      if (!upstream.isIdle) valve.setIdle(channel, false)
      valve.advance(channel, upstream.watermark)
      if (upstream.isIdle) valve.setIdle(channel, true)
    }
  }

  #seal(epoch: number, watermark: Timestamp, input: Input, node: Node, channel: number): void {
    const last = this.#marks.at(-1)?.epoch ?? null
    if (input.hasEnded) {
      throw new EpochError(`Epoch ${epoch} of "${node.name}" is sealed after its log said that nothing follows.`)
    }
    if (last !== null && epoch <= last) {
      throw new EpochError(`Epoch ${epoch} of "${node.name}" is sealed after epoch ${last}; epochs ascend.`)
    }
    this.#advance(watermark, input, node, channel)
    this.#rest.push(() => {
      this.outputs.settle()
      this.#undo.seal(epoch)
      this.#marks.push(this.#snapshot(epoch))
      return false
    }, this.#compactNext)
  }
  readonly #compactNext = (): boolean => this.#undo.compactNext()

  #revert(epoch: number, source: Input): void {
    const base = this.#marks[0]?.epoch ?? null
    if (base !== null && epoch <= base) {
      throw new EpochError(`Epoch ${epoch} is to be reverted, but epoch ${base} is final and so is all before it.`)
    }
    const index = this.#marks.findLastIndex((mark) => mark.epoch === null || mark.epoch < epoch)
    const mark = this.#marks[index]
    if (mark === undefined) throw new EpochError(`Epoch ${epoch} is to be reverted, but nothing before it is known.`)
    this.#undo.rewind(index)
    this.#marks.length = index + 1
    this.#rest.push(this.#rewindNext, () => {
      this.#returnTo(mark, source)
      return false
    })
  }
  readonly #rewindNext = (): boolean => this.#undo.rewindNext()

  /** Keyed state is put back: now all else, and the sinks answer. `source` is the one that reverts, and reads on. */
  #returnTo(mark: TaskSnapshot, source: Input): void {
    this.#lateElements = mark.lateElements
    this.#processingTime = mark.processingTime
    this.inputs.forEach((input, at) => {
      const snapshot = mark.inputs[at]
      if (snapshot === undefined) return
      if (input === source) input.rewindPlace(snapshot)
      else input.rewind(snapshot)
    })
    this.#nodes.forEach(({ valve }, at) => {
      const snapshot = mark.valves[at]
      if (snapshot !== undefined) valve.restore(snapshot)
    })
    this.#letSinksAnswer((sink) => sink.revert())
  }

  #letSinksAnswer(begin: (sink: LifecycleSink) => Iterator<void>): void {
    for (const sink of this.#sinks) {
      let answer: Iterator<void> | null = null
      this.#rest.push(() => {
        answer ??= begin(sink)
        const hasMore = answer.next().done !== true
        this.outputs.settle(outputsAProof)
        return hasMore
      })
    }
  }

  #finalize(epoch: number): void {
    this.#letSinksAnswer((sink) => sink.finalize(epoch))
    this.#rest.push(() => {
      this.#finalized = Math.max(this.#finalized ?? epoch, epoch)
      const index = this.#marks.findLastIndex((mark) => mark.epoch !== null && mark.epoch <= epoch)
      if (index > 0) this.#raiseBase(index)
      return false
    })
  }

  /** The mark at `index` becomes the base: what led to it can no longer be undone. */
  #raiseBase(index: number): void {
    this.#undo.finalize(index)
    this.#rest.push(this.#finalizeNext)
    this.#marks = this.#marks.slice(index)
    const base = this.#marks[0]
    this.inputs.forEach((input, at) => {
      const position = base?.inputs[at]
      if (position !== undefined) input.release(position)
    })
  }

  readonly #finalizeNext = (): boolean => this.#undo.finalizeNext()

  /**
   * Behind the last watermark of the source with epochs nothing can be reverted: once its epochs are final, so is at
   * once what that watermark, and what the other inputs still hold, brings about. What emits nothing can wait.
   */
  #finishEnded(): void {
    const hasEmitted = this.outputs.position > this.#emittedBefore
    // What came before the last watermark and after the last epoch is due with the watermark, whoever emitted it.
    const isDue = this.#current?.input === this.#epochInput || hasEmitted || this.#undo.position > maxTailChanges
    if (!isDue || this.#undo.position === 0) return
    const last = this.#marks.at(-1)?.epoch ?? null
    if (last !== null && last > (this.#finalized ?? minTimestamp)) return
    // A mark stands at the end of a step. So sinks confirm before it is set: what they say in this step would otherwise
    // be missing from the counts of a checkpoint at this mark, and a replay from there would not say it again.
    this.#undo.open.epoch = maxTimestamp
    this.#letSinksAnswer((sink) => sink.finalize(maxTimestamp))
    this.#rest.push(() => {
      this.#finalized = maxTimestamp
      this.outputs.settle()
      this.#undo.seal(maxTimestamp)
      this.#marks.push(this.#snapshot(maxTimestamp))
      this.#raiseBase(this.#marks.length - 1)
      return false
    })
  }

  #snapshot(epoch: number | null): TaskSnapshot {
    return {
      epoch,
      steps: this.#steps,
      inputs: this.inputs.map((input) => input.snapshot()),
      valves: this.#nodes.map(({ valve }) => valve.snapshot()),
      proofs: this.outputs.proofs(),
      sequences: this.#sinks.map(({ sequence }) => sequence),
      lateElements: this.#lateElements,
      finalized: this.#finalized,
      processingTime: this.#processingTime,
    }
  }

  #deadLetter(operator: string, error: unknown, fallbackCode: string): void {
    const { topic, encode } = this.#options.deadLetters
    const at = this.#current
    const origin = at === null ? '' : `${at.input.source.topic}/${at.input.partition}@${at.logRecord.offset}`
    const letter: TaskDeadLetter = {
      operator,
      code: codeOf(error) ?? fallbackCode,
      reason: error instanceof Error ? error.message : String(error),
      origin,
      payload: at?.logRecord.value ?? new Uint8Array(),
    }
    const record = { key: null, value: encode(letter), partition: 0 }
    this.outputs.emit(deadLetterSink, topic, record, letter, { type: 'added', revision: 1 })
  }
}

/** Outputs of one step that are hashed together: all at once would hold the event loop. */
const outputsAProof = 256

const never = (): boolean => false

/** What follows the last epoch and emits nothing is made final in stretches of so many changes. */
const maxTailChanges = 10_000

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

const shouldStop = (error: unknown): boolean =>
  error instanceof Error && 'handling' in error && error.handling === 'stop'
