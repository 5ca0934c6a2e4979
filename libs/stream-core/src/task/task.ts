import type { LogRecord, Position } from '@tocsin/event-log'
import { ExchangeInput, nextOfExchange, type ExchangeInputSnapshot } from '../distributed/exchange-input.ts'
import { exchangeReceiver } from '../distributed/exchange-receiver.ts'
import { Exchange, type Told } from '../distributed/exchange.ts'
import { decodeFrame, type ExchangeElement, type ExchangeItem } from '../distributed/frame.ts'
import {
  compareStamps,
  controlTag,
  endStamp,
  phases,
  stampBefore,
  type Stamp,
  type StamperSnapshot,
  type Step,
} from '../distributed/stamp.ts'
import type { TaskPart } from '../distributed/task-part.ts'
import type { Outcome, TopologyEnrichment } from '../enrichment.ts'
import { Output, type LifecycleSink, type Operator, type OperatorContext } from '../operators/operator.ts'
import type { CheckpointedTable } from '../state/checkpointed-table.ts'
import { maxTimestamp, minTimestamp, type Timestamp } from '../time.ts'
import { inWatermarkOrder, nameOfNode, type Topology, type TopologyNode } from '../topology.ts'
import { watermarkAfter } from '../watermark-strategy.ts'
import { WatermarkMultiplexer } from '../watermark-multiplexer.ts'
import { originOf, RelayedWatermark, WatermarkValve, type ValveSnapshot, type WatermarkCombiner } from '../watermark.ts'
import { inputsToPause } from './alignment.ts'
import { Answers, type AnswerAtOnce, type AnswerRequest, type AnswerUse } from './answers.ts'
import { EpochError, SourceError } from './errors.ts'
import { decodeAll, Input, type InputSnapshot, type Undecodable } from './input.ts'
import type { SourceRecord } from '../source.ts'
import { LookAhead, type SeenInput } from './look-ahead.ts'
import { deadLetterSink, OutputBuffer, type SentCounts } from './output-buffer.ts'
import type { OutputProof } from './output-chain.ts'
import type { OperatorProgress } from './operator-progress.ts'
import { nextInSequence, placeOf } from './place.ts'
import type { InputPosition } from './record-queue.ts'
import { UndoLog } from './rewind.ts'
import { TaskTables, type StoredState, type StoredTableInfo } from './task-tables.ts'
import type { SpillStore } from './undo-spill.ts'

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
  /** Of a distributed job. Default: the whole topology. */
  readonly part?: TaskPart | undefined
  /** Deep-freezes what enters state, so that a test sees who edits it. Default: as it is. */
  readonly freeze?: <T>(value: T) => T
  /** Answers what the topology asks, in tests. */
  readonly answerAtOnce?: AnswerAtOnce | undefined
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
  readonly sent: SentCounts
  readonly sequences: readonly number[]
  readonly lateElements: number
  readonly finalized: number | null
  /** Of the last source record; null before the first. */
  readonly place: Timestamp | null
  /** Answers used, over rewinds. */
  readonly answers: number
  /** What the journaled clock last showed. */
  readonly processingTime: Timestamp
  /** Of a task that reads what others write: what that time makes due is still to fire. */
  readonly isTimeDue: boolean
  /** Of a task that reads what other tasks write, instead of `inputs`. */
  readonly exchanges: readonly ExchangeInputSnapshot[]
  /** What it has told other tasks; null if it is the whole job. */
  readonly told: StamperSnapshot | null
}

/** What a task reads: partitions of sources, or what other tasks write for it. */
export interface TaskInput {
  readonly source: { readonly topic: string }
  readonly partition: number
  readonly position: InputPosition
  /** The offset from which the log is to be read on. */
  readonly fetchOffset: number
  readonly queuedBytes: number
  readonly queuedRecords: number
  readonly watermark: Timestamp
  readonly isIdle: boolean
  readonly isSilent: boolean
  offer(records: readonly LogRecord[], nextOffset: number): void
}

/** An idle input went on: with what record the others let it cannot be told from the logs, so it is written down. */
export interface Resumption {
  readonly step: number
  readonly input: number
}

/** An input that is a partition of a source, and the last record that was taken from it. */
interface SourceStep {
  readonly input: Input
  /** Its number among the partitions of all sources. */
  readonly id: number
  readonly node: Node
  readonly channel: number
  logRecord: LogRecord
  record: SourceRecord<unknown> | Undecodable
}

/** What another task told that is being folded. */
interface ItemStep {
  readonly input: ExchangeInput
  readonly logRecord: LogRecord
  readonly item: ExchangeItem
}

interface Node {
  readonly spec: TopologyNode
  /** Its turn among all nodes to hear of a watermark, the same in all tasks of the job. */
  readonly rank: number
  /** The same among those that matter here and are told. */
  turn: number
  readonly name: string
  readonly valve: WatermarkCombiner
  /** By input: who is told of the watermark that it brings. */
  readonly origins: readonly WatermarkCombiner[]
  readonly operator: Operator
  readonly main: Output
  readonly side: (tag: string) => Output
  /** Those that were asked for. */
  readonly sides: ReadonlyMap<string, Output>
  /** Of this task, where the topology is cut. */
  readonly isHere: boolean
}

/**
 * A topology at work: a deterministic fold over one sequence of records. Knows no log, no store and no clock: records
 * are offered, outputs are drained. The same records give the same outputs, whenever they are offered.
 */
export class Task {
  readonly topology: Topology
  /** Either partitions of sources or exchanges. */
  readonly inputs: readonly TaskInput[]
  readonly outputs: OutputBuffer
  /** Who of it asks the world, by name. */
  readonly enrichments: ReadonlyMap<string, TopologyEnrichment>
  readonly #sources: readonly Input[]
  readonly #exchanges: readonly ExchangeInput[]
  /** Null where the task is the whole job. */
  readonly #exchange: Exchange | null
  readonly #options: TaskOptions
  readonly #hasEpochs: boolean
  readonly #undo: UndoLog
  readonly #nodes: Node[] = []
  /** Those that work here and those before them, in the order in which they hear of a watermark. */
  readonly #order: readonly Node[]
  /** Of them, those that are told: the others relay what their input knows. */
  readonly #told: readonly Node[]
  /** By partition, over all sources of the topology. */
  readonly #channels: { readonly node: Node; readonly channel: number }[] = []
  /** One for each of `#sources`. */
  readonly #sourceSteps: SourceStep[] = []
  readonly #sinks: LifecycleSink[] = []
  /** Null where nothing of it asks the world. */
  readonly #answers: Answers | null
  readonly #lookAhead: LookAhead
  readonly #tables = new TaskTables()
  /** Ends of epochs that can be returned to, oldest first; the first is the base, which no revert goes below. */
  #marks: TaskSnapshot[]
  /** Of the input with epochs, among all; -1 if there is none. */
  readonly #epochInputId: number
  #steps = 0
  #lateElements = 0
  /** Since the task was opened: not put back by a rewind. */
  readonly #lateByNode: number[] = []
  #finalized: number | null = null
  /** `minTimestamp` before the first record: null would have each later place allocated. */
  #place: Timestamp = minTimestamp
  /** The clock has moved, and what that makes due is still to fire. */
  #isTimeDue = false
  #processingTime = minTimestamp
  #current: SourceStep | null = null
  #item: ItemStep | null = null
  /** Of the source record in hand, for the tasks behind this one. */
  #stepInHand: Step | null = null
  /** What is left of the step in hand, in order. Each does one unit of its work and says whether it has more. */
  readonly #rest: (() => boolean)[] = []
  /** How far the watermark of the step in hand has come: this node is next, or fires. */
  #cursor = 0
  /** The same of the clock record in hand. */
  #clockCursor = 0
  /** Outputs that waited when the step in hand began. */
  #emittedBefore = 0
  #isFiring = false
  /** The watermark of the operator that fires, before. */
  #firingSince = minTimestamp
  #isFiringTime = false
  #resumptions: readonly Resumption[] = []
  /** Steps that went back to the base. */
  #returns: readonly number[] = []
  #replay: {
    readonly resumptions: readonly Resumption[]
    readonly returns: readonly number[]
    readonly until: number
  } | null = null

  constructor(options: TaskOptions) {
    const { topology, partitions, part } = options
    this.#options = options
    this.topology = topology
    this.#hasEpochs = topology.nodes.some(({ source }) => source?.epochs === true)
    const asking = new Map<string, TopologyEnrichment>()
    for (const node of topology.nodes) {
      if (node.enrichment === null || part?.nodes.includes(node.id) === false) continue
      asking.set(nameOfNode(node), node.enrichment)
    }
    this.enrichments = asking
    const capacityOf = (operator: string) => asking.get(operator)?.capacity ?? 0
    this.#answers = asking.size === 0 ? null : new Answers(capacityOf, options.answerAtOnce)
    this.#undo = new UndoLog(this.#hasEpochs, { redoesUnits: this.#answers !== null })
    this.outputs = new OutputBuffer(partitions)
    this.#exchange = part === undefined ? null : new Exchange(part.writes, this.outputs)
    const order = inWatermarkOrder(topology.nodes)
    const sources: Input[] = []
    let epochInputId = -1
    for (const spec of topology.nodes) {
      const { source } = spec
      const count = source === null ? 1 : partitions(source.topic)
      const node = this.#createNode(spec, count, order.indexOf(spec.id))
      if (source === null) continue
      if (source.epochs && count !== 1) {
        throw new SourceError(`The source "${node.name}" has epochs and ${count} partitions; epochs need one order.`)
      }
      for (let partition = 0; partition < count; partition += 1) {
        const id = this.#channels.push({ node, channel: partition }) - 1
        if (source.epochs) epochInputId = id
        if (source.watermarks.type === 'clock') node.valve.setIdle(partition, true)
        if (part !== undefined && !part.inputs.includes(id)) continue
        const input = new Input(source, partition, this.#hasEpochs && !source.epochs)
        sources.push(input)
        this.#sourceSteps.push({ input, id, node, channel: partition, logRecord: nothingTaken, record: nothingDecoded })
      }
    }
    this.#order = order.flatMap((id) => this.#nodes[id] ?? []).filter(this.#leadsHere())
    this.#told = this.#order.filter(({ valve }) => !(valve instanceof RelayedWatermark))
    this.#told.forEach((node, turn) => (node.turn = turn))
    this.#sources = sources
    this.#exchanges = part?.reads.map(({ topic, partition }) => new ExchangeInput(topic, partition)) ?? []
    this.inputs = this.#exchanges.length > 0 ? this.#exchanges : sources
    this.#epochInputId = epochInputId
    const own = this.#nodes.flatMap(({ spec, isHere }) => (isHere ? [spec] : []))
    this.#lookAhead = new LookAhead(own, this.#seenInputs())
    this.#marks = [this.#snapshot(null)]
  }

  /** The source with epochs has said that nothing follows. */
  get #haveEpochsEnded(): boolean {
    const id = this.#epochInputId
    if (id === -1) return false
    const own = this.#sourceSteps.find((step) => step.id === id)
    return own === undefined ? (this.#channels[id]?.node.valve.watermark ?? 0) >= maxTimestamp : own.input.hasEnded
  }
  get steps(): number {
    return this.#steps
  }
  /** The last record is not wholly folded: nothing of it may be committed or put into a checkpoint yet. */
  get isInStep(): boolean {
    return this.#rest.length > 0
  }
  /** What of the sources it reads, in the order of a snapshot's inputs. */
  get sources(): readonly { readonly source: string; readonly topic: string; readonly partition: number }[] {
    return this.#sourceSteps.map(({ input: { source, partition }, node }) => {
      return { source: node.name, topic: source.topic, partition }
    })
  }
  /** Its watermarks are those of the whole job: it reads all sources, or is told of them. */
  get followsAllSources(): boolean {
    return this.#exchanges.length > 0 || this.#sources.length === this.#channels.length
  }
  /** Of this node it knows the watermark. */
  isFollowed(node: number): boolean {
    return this.#order.some(({ spec }) => spec.id === node)
  }
  /** It cannot go on without an answer that is not there. */
  get isAwaitingAnswers(): boolean {
    return this.#answers?.isAwaited === true
  }
  /** Answers used so far, over reverts. */
  get answersUsed(): number {
    return this.#answers?.used ?? 0
  }
  /** Of them, those that a checkpoint of now would cover. */
  get checkpointableAnswers(): number {
    return this.#hasEpochs ? (this.#marks[0]?.answers ?? 0) : this.answersUsed
  }
  /** Of the run before, answers whose use has not come again. */
  get answersToReplay(): number {
    return this.#answers?.toReplay ?? 0
  }
  get hasEpochs(): boolean {
    return this.#hasEpochs
  }
  get lateElements(): number {
    return this.#lateElements
  }
  get place(): Timestamp | null {
    return this.#place === minTimestamp ? null : this.#place
  }
  /** What the journaled clock last showed; `minTimestamp` before its first record. */
  get processingTime(): Timestamp {
    return this.#processingTime
  }
  get openEpochs(): number {
    return this.#undo.sealedSegments
  }
  /** Of them, those whose undo lies in the store. */
  get spilledEpochs(): number {
    return this.#undo.spilledSegments
  }
  /** Of the whole task: the lowest of its operators'. Null before the first. */
  get watermark(): Timestamp | null {
    const lowest = Math.min(...this.#nodes.map(({ valve }) => (valve.isIdle ? maxTimestamp : valve.watermark)))
    return lowest === minTimestamp ? null : lowest
  }
  get keys(): number {
    return this.#tables.keys
  }
  get timers(): number {
    return this.#tables.timers
  }
  /** By node of this task. Adds up what is counted anyway: meant for a look now and then. */
  get operators(): readonly OperatorProgress[] {
    const written = this.outputs.counts()
    const sizes = this.#tables.sizes()
    return this.#nodes
      .filter(({ isHere }) => isHere)
      .map(({ spec, name, valve, main, sides }) => {
        const { id, operator, inputs, tag } = spec
        let given = main.records
        for (const side of sides.values()) given += side.records
        let taken = spec.source === null ? 0 : main.records
        for (const input of inputs) {
          const upstream = this.#nodes[input]
          taken += (tag === null ? upstream?.main : upstream?.side(tag))?.records ?? 0
        }
        return {
          id,
          name,
          operator,
          recordsIn: taken,
          recordsOut: spec.sink === null ? given : (written.get(name) ?? 0),
          lateRecords: this.#lateByNode[id] ?? 0,
          ...(sizes.get(name) ?? { keys: 0, bytesInMemory: 0, timers: 0 }),
          watermark: valve.watermark === minTimestamp ? null : valve.watermark,
        }
      })
  }
  /** State by operator and name: `uid` and the table's own name, joined by `/`. */
  get tables(): ReadonlyMap<string, CheckpointedTable> {
    return this.#tables.byName
  }
  /** Those to read no further for now. */
  inputsToPause(maxQueuedBytes: number): ReadonlySet<number> {
    if (this.#exchanges.length === 0) return inputsToPause(this.#sources, maxQueuedBytes)
    return new Set(this.#exchanges.flatMap(({ queuedBytes }, index) => (queuedBytes > maxQueuedBytes ? [index] : [])))
  }
  /** From where on a checkpoint of now would need what other tasks wrote for this one. */
  get neededOfExchanges(): readonly Position[] {
    const base = this.#hasEpochs ? this.#marks[0] : undefined
    return this.#exchanges.map(({ source, partition, position }, index) => {
      const { offset } = base?.exchanges[index] ?? position
      return { topic: source.topic, partition, offset }
    })
  }
  /** What this task tells others from here on stands at or behind it. Ask between steps. */
  get progress(): Stamp {
    const exchange = this.#exchange
    if (exchange === null) return endStamp
    let first: Stamp | undefined
    let hasEnded = true
    const waitFor = (stamp: Stamp): void => {
      if (first === undefined || compareStamps(stamp, first) < 0) first = stamp
    }
    for (const { input, id } of this.#sourceSteps) {
      const record = input.peek()
      if (record === undefined && input.hasEnded) continue
      hasEnded = false
      if (record === undefined && input.isIdle) continue
      const place = record === undefined ? input.bound : placeOf(record, input)
      waitFor(stampBefore(exchange.section, place, id))
    }
    for (const input of this.#exchanges) {
      const item = input.peek()
      if (item === undefined && input.hasEnded) continue
      hasEnded = false
      // What a control record lets fire is told before the record itself.
      if (item !== undefined) waitFor(item.type === 'element' ? item.stamp : { ...item.stamp, tag: '' })
      else if (!input.isIdle) waitFor(input.bound)
    }
    if (hasEnded) return endStamp
    const { progress } = exchange
    return first === undefined || compareStamps(first, progress) < 0 ? progress : first
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
    const rest = this.#rest
    let ended = 0
    while (ended < limit) {
      if (rest.length === 0 && !this.#beginNext()) return ended
      for (let unit = rest[0]; unit !== undefined; unit = rest[0]) {
        if (!unit()) rest.shift()
        else if (this.isAwaitingAnswers || shouldPause()) return ended
      }
      ended += 1
      if (shouldPause()) return ended
    }
    return ended
  }

  /** Begins the next step, and does at once what of it nothing has to wait for. @returns false: there is none */
  #beginNext(): boolean {
    if (this.#mustReturn) {
      this.#beginReturn()
      return true
    }
    const next = this.#next()
    if (next === undefined || this.#answers?.have(this.#lookAhead.ofHead(next)) === false) return false
    if (this.#exchanges.length > 0) this.#beginItem(next)
    else this.#begin(next)
    return true
  }

  /** Does a unit of the step in hand as far as it can be done at once; the rest of it waits for its turn. */
  #then(unit: () => boolean): void {
    if (this.#mustWait || unit()) this.#rest.push(unit)
  }
  /** A unit that came up now is not next. */
  get #mustWait(): boolean {
    return this.#rest.length > 0 || this.#answers !== null
  }

  /** Begins to read at these offsets, in order of the inputs. Call before anything is offered. */
  start(offsets: readonly number[]): void {
    this.#sources.forEach((input, index) => input.startAt(offsets[index] ?? 0))
    this.#exchanges.forEach((input, index) => input.startAt(offsets[index] ?? 0))
    this.#marks = [this.#snapshot(null)]
  }

  /** Until step `until`, idle inputs go on exactly where an earlier run let them, and returns happen where they did. */
  replay(resumptions: readonly Resumption[], until: number, returns: readonly number[] = []): void {
    this.#replay = { resumptions, returns, until }
  }
  /** How often the task went back to its base: then its inputs are to be read again from `fetchOffset` on. */
  get returns(): number {
    return this.#returns.length
  }
  returnsSince(since: number): readonly number[] {
    return this.#returns.filter((step) => step > since)
  }

  /**
   * One step that takes back all that is not final, as if each open epoch were reverted: sinks retract, and the tasks
   * behind this one hear of it. So all that was sent is explained by the state as of the base, which a savepoint holds.
   * The next run finds the same again. Only of a task that reads sources. @returns whether there was anything to take back
   */
  returnToBase(): boolean {
    const base = this.#marks[0]
    if (!this.#hasEpochs || this.#sources.length === 0 || base?.steps === this.#steps || this.#isAllFinal) return false
    this.#beginReturn()
    this.advance(1)
    return true
  }

  /**
   * What is now becomes the base, so that the next checkpoint holds it: also what the sinks answered since the last one.
   * Call it behind `returnToBase`, when all that led here has been taken.
   */
  makeBase(): void {
    const [base] = this.#marks
    if (!this.#hasEpochs || base === undefined || base.steps === this.#steps) return
    if (this.isInStep || (this.#marks.length > 1 && !this.#isAllFinal)) {
      throw new Error('assertion: what is not final cannot become the base')
    }
    // Whoever goes on from here must know it too, or would take back what comes behind the end of the epochs.
    if (this.#isAllFinal) this.#finalized = maxTimestamp
    const epoch = this.#isAllFinal ? maxTimestamp : base.epoch
    this.#undo.seal(epoch ?? minTimestamp)
    this.#marks.push(this.#snapshot(epoch))
    this.#raiseBase(this.#marks.length - 1)
    for (let unit = this.#rest.shift(); unit !== undefined; unit = this.#rest.shift()) while (unit());
  }
  /** The source with epochs has ended, and all of them are final: nothing can be reverted any more. */
  get #isAllFinal(): boolean {
    const last = this.#marks.at(-1)?.epoch ?? null
    return this.#haveEpochsEnded && (last === null || last <= (this.#finalized ?? minTimestamp))
  }
  /** Where idle inputs went on, after step `since`. */
  resumptionsSince(since: number): readonly Resumption[] {
    this.#resumptions = this.#resumptions.filter(({ step }) => step > since)
    return this.#resumptions
  }

  /** What the run before used after where the task stands, oldest first. Call before anything is offered. */
  replayAnswers(uses: readonly AnswerUse[]): void {
    this.#answers?.replay(uses)
  }
  /**
   * What is to be asked now, to be told by `answer` later: what the task waits for first, then what the elements that are
   * queued will ask, where that follows from them alone.
   */
  requestsToAsk(): readonly AnswerRequest[] {
    if (this.#answers === null || (this.isInStep && !this.isAwaitingAnswers)) return []
    return this.#answers.toAsk(this.#lookAhead.ofAll())
  }
  answer(asked: AnswerRequest, outcome: Outcome): void {
    this.#answers?.give(asked, outcome)
  }
  /** The answers used since the last time, to be committed or withheld. */
  drainAnswers(): readonly AnswerUse[] {
    return this.#answers?.drain() ?? []
  }

  /** The state that is not in memory is read from there. Call before anything is offered. */
  attach(stored: StoredState): void {
    this.#undo.attach((name) => stored.readSpill(name))
    this.#tables.attach(stored)
  }

  /** Moves the undo of the oldest open epochs to the store, until that of at most `max` is in memory. Between steps. */
  async spillUndo(max: number, store: SpillStore): Promise<void> {
    await this.#undo.spill(max, store)
  }

  /** Of the checkpoint that the task began with. */
  get restoredTables(): Readonly<Record<string, StoredTableInfo>> {
    return this.#tables.restored
  }

  /** What a checkpoint of now would hold besides state. */
  get base(): TaskSnapshot {
    const base = this.#hasEpochs ? this.#marks[0] : this.#snapshot(null)
    if (base === undefined) throw new Error('A task always has a base.') // #marks is never emptied
    return base
  }
  /** A checkpoint of the base begins: what it holds besides the cells, and the tables that have them. */
  beginCheckpoint(): {
    readonly snapshot: TaskSnapshot
    readonly tables: readonly (readonly [string, CheckpointedTable])[]
  } {
    if (this.isInStep) throw new Error('A checkpoint was asked for in the middle of a step.')
    const { base } = this
    const tables = this.#tables.beginCheckpoint()
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
    yield* this.#tables.endCheckpoint(isDurable)
  }

  /** Starts from a checkpoint. Call before anything is offered. */
  restore(snapshot: TaskSnapshot): void {
    this.#steps = snapshot.steps
    this.#lateElements = snapshot.lateElements
    this.#finalized = snapshot.finalized
    this.#place = snapshot.place ?? minTimestamp
    this.#processingTime = snapshot.processingTime
    this.#isTimeDue = snapshot.isTimeDue
    this.#answers?.restore(snapshot.answers)
    this.outputs.restore(snapshot.proofs, snapshot.sent)
    this.#sources.forEach((input, index) => {
      const at = snapshot.inputs[index]
      if (at !== undefined) input.start(at)
    })
    this.#exchanges.forEach((input, index) => {
      const at = snapshot.exchanges[index]
      if (at !== undefined) input.start(at)
    })
    if (snapshot.told !== null) this.#exchange?.restore(snapshot.told)
    this.#nodes.forEach(({ valve }, index) => {
      const at = snapshot.valves[index]
      if (at !== undefined) valve.restore(at)
    })
    this.#sinks.forEach((sink, index) => (sink.sequence = snapshot.sequences[index] ?? 0))
    this.#marks = [snapshot]
  }

  /** Nodes whose watermark matters here. */
  #leadsHere(): (node: Node) => boolean {
    const { part } = this.#options
    const isNeeded = this.#nodes.map(({ spec }) => part === undefined || part.nodes.includes(spec.id))
    for (const { spec } of this.#nodes.toReversed()) {
      if (isNeeded[spec.id]) for (const input of spec.inputs) isNeeded[input] = true
    }
    return ({ spec }) => isNeeded[spec.id] === true
  }

  #createNode(spec: TopologyNode, channels: number, rank: number): Node {
    const name = nameOfNode(spec)
    const main = new Output()
    const sides = new Map<string, Output>()
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
      get place() {
        return task.#place
      },
      get segment() {
        return task.#undo.open
      },
      register: (table) => this.#tables.register(`${name}/${table.name}`, table),
      registerSink: (sink) => this.#sinks.push(sink),
      freeze: this.#options.freeze ?? ((value) => value),
      fires: (time, key, namespace = '') => this.#exchange?.fires(time, key, namespace),
      applies: (call, key) => this.#exchange?.applies(spec.id, call, key),
      answerTo: (request) => {
        if (this.#answers === null) throw new Error(`assertion: "${name}" asks nothing`)
        return this.#answers.use({ operator: name, request })
      },
      countLate: () => {
        this.#lateElements += 1
        this.#lateByNode[spec.id] = (this.#lateByNode[spec.id] ?? 0) + 1
      },
      fail: (error, undoPosition, outputPosition) => {
        this.#undo.rollback(undoPosition)
        this.outputs.rollback(outputPosition)
        if (shouldStop(error)) throw error
        this.#deadLetter(name, error, 'STREAM_FUNCTION_FAILED')
      },
    }
    const { part } = this.#options
    const isHere = part === undefined || part.nodes.includes(spec.id)
    const operator = isHere ? spec.create(context) : { receivers: [] }
    const origins = spec.inputs.flatMap((input) => this.#nodes[input]?.valve ?? []).map(originOf)
    const valve = newValve(channels, origins, operator)
    if (isHere && this.#exchange !== null && part !== undefined && spec.edge !== null) {
      const crossing = exchangeReceiver(this.#exchange, spec.id, spec.edge, part.maxParallelism, context)
      if (crossing !== null) main.connect(crossing)
    }
    if (isHere)
      spec.inputs.forEach((input, index) => {
        const receiver = operator.receivers[index]
        const upstream = this.#nodes[input]
        if (receiver === undefined || upstream === undefined) throw new Error(`Node ${spec.id} has no input ${index}.`)
        // A tag is read from the operator that feeds the side-output node.
        if (spec.tag === null) upstream.main.connect(receiver)
        else upstream.side(spec.tag).connect(receiver)
      })
    const node: Node = { spec, rank, turn: -1, name, valve, origins, operator, main, side, sides, isHere }
    this.#nodes.push(node)
    return node
  }

  /** The input whose record comes next; undefined: read on first. */
  #next(): number | undefined {
    const replay = this.#replay
    const isReplay = replay !== null && this.#steps < replay.until
    const resumption = isReplay ? replay.resumptions.find(({ step }) => step === this.#steps + 1) : undefined
    const areExchanges = this.#exchanges.length > 0
    if (resumption === undefined) {
      return areExchanges ? nextOfExchange(this.#exchanges, isReplay) : nextInSequence(this.#sources, isReplay)
    }
    const { input } = resumption
    const head = areExchanges ? this.#exchanges[input]?.peek() : this.#sources[input]?.peek()
    return head === undefined ? undefined : input
  }

  /** Takes the next record of an input and folds it. */
  #begin(index: number): void {
    const step = this.#sourceSteps[index]
    const record = step?.input.peek()
    const logRecord = step?.input.headRecord
    if (step === undefined || record === undefined || logRecord === undefined) {
      throw new Error(`Input ${index} has nothing to take.`) // the merge has just seen it
    }
    const { input, id, node, channel } = step
    const place = placeOf(record, input)
    const exchange = this.#exchange
    if (exchange !== null) {
      const { section } = exchange
      this.#stepInHand = { section, place, input: id, offset: logRecord.offset, ordinal: input.position.ordinal }
    }
    this.#steps += 1
    this.#place = place
    input.place = place
    input.take()
    if (input.isIdle) this.#resumptions = [...this.#resumptions, { step: this.#steps, input: index }]
    this.#emittedBefore = this.outputs.waiting
    step.logRecord = logRecord
    step.record = record
    this.#current = step
    if (record.type !== 'idle' && record.type !== 'clock' && input.speak()) {
      node.valve.setIdle(channel, false)
      this.#enter(phases.resumption)
      this.#propagate(node)
      this.#tell({ type: 'active', input: id })
    }
    // Here and in two more places `#then` by hand: a call that it knows costs a record a third of one that it does not.
    if (this.#mustWait || this.#foldInHand()) this.#rest.push(this.#foldStep)
  }

  get #mustReturn(): boolean {
    const replay = this.#replay
    return replay !== null && this.#steps < replay.until && replay.returns.includes(this.#steps + 1)
  }
  #beginReturn(): void {
    const [base] = this.#marks
    const place = base?.place ?? minTimestamp
    this.#answers?.begin() // it waits for none: what the next element lacked will be read again
    this.#steps += 1
    this.#returns = [...this.#returns, this.#steps]
    this.#current = null
    this.#place = place
    this.#emittedBefore = this.outputs.waiting
    const exchange = this.#exchange
    exchange?.revert() // behind all that was told
    if (exchange !== null) {
      this.#stepInHand = { section: exchange.section, place, input: this.#epochInputId, offset: -1, ordinal: 0 }
    }
    this.#revert((base?.epoch ?? minTimestamp) + 1, null)
    this.#rest.push(this.#endStep)
  }

  /** Takes the next item of a writer. */
  #beginItem(index: number): void {
    const input = this.#exchanges[index]
    const item = input?.peek()
    const logRecord = input?.headRecord
    if (input === undefined || item === undefined || logRecord === undefined) {
      throw new Error(`Input ${index} has nothing to take.`) // the merge has just seen it
    }
    this.#steps += 1
    this.#place = item.stamp.step.place
    input.take()
    if (input.isIdle) this.#resumptions = [...this.#resumptions, { step: this.#steps, input: index }]
    input.isIdle = item.type === 'rest'
    this.#emittedBefore = this.outputs.waiting
    this.#item = { input, logRecord, item }
    this.#then(this.#foldItemStep)
  }
  readonly #foldItemStep = (): boolean => {
    if (this.#item !== null && this.#foldItem(this.#item.item) === 'awaits') return true
    this.#then(this.#endStep)
    return false
  }

  /** What is emitted now belongs to this phase of the source record in hand. */
  #enter(phase: number): void {
    const step = this.#stepInHand
    if (step === null || this.#exchange === null) return
    this.#exchange.enter({ step, phase, tag: phase === phases.element ? '' : controlTag })
  }
  /** Tells the tasks behind this one, after what is still to be done first. */
  #tell(control: Told): void {
    const exchange = this.#exchange
    if (exchange === null || exchange.targets.length === 0) return
    this.#then(() => {
      exchange.tell(control)
      return false
    })
  }

  #foldItem(item: ExchangeItem): 'done' | 'awaits' {
    const exchange = this.#exchange
    if (exchange === null || item.type === 'rest') return 'done'
    if (item.type === 'element') {
      if (this.#answers !== null) return this.#attempt(this.#answers, () => this.#emitItem(item, exchange))
      this.#emitItem(item, exchange)
      return 'done'
    }
    // Of several writers each tells what all of them know.
    if (!exchange.isKnown(item.stamp)) this.#foldControl(item, exchange)
    return 'done'
  }
  #emitItem(item: ExchangeElement, exchange: Exchange): void {
    exchange.enter(item.stamp)
    const node = this.#nodes[item.edge]
    node?.main.emit(node.spec.edge?.codec.decode(item.value), item.timestamp)
  }
  #foldControl(item: Exclude<ExchangeItem, { readonly type: 'element' | 'rest' }>, exchange: Exchange): void {
    exchange.enter(item.stamp)
    switch (item.type) {
      case 'watermark':
      case 'idle':
      case 'active': {
        const at = this.#channels[item.input]
        if (at === undefined) return
        if (item.type === 'watermark') at.node.valve.advance(at.channel, item.watermark)
        else at.node.valve.setIdle(at.channel, item.type === 'idle')
        this.#propagate(at.node)
        this.#tell(item)
        return
      }
      case 'clock':
        // Several sources may have clocks: only what shows a later time than all before moves anything.
        if (item.time <= this.#processingTime) return
        this.#processingTime = item.time
        this.#isTimeDue = true
        exchange.tell({ type: 'clock', time: item.time })
        return
      case 'fire':
        if (!this.#isTimeDue) return
        this.#isTimeDue = false
        this.#fireProcessingTime()
        return
      case 'sealed':
        this.#setMark(item.epoch)
        return
      case 'reverted':
        this.#revert(item.epoch, null)
        return
      case 'finalized':
        this.#finalize(item.epoch)
    }
  }

  #foldInHand(): boolean {
    const step = this.#current
    if (step !== null && this.#fold(step) === 'awaits') return true
    if (this.#mustWait || this.#endInHand()) this.#rest.push(this.#endStep)
    return false
  }
  readonly #foldStep = (): boolean => this.#foldInHand()
  readonly #endStep = (): boolean => this.#endInHand()
  #endInHand(): boolean {
    // A unit may have brought up others, as a revert lets the sinks answer: the step ends behind them.
    if (this.#rest.length > 1) {
      this.#rest.push(this.#endStep)
      return false
    }
    if (this.#hasEpochs && this.#haveEpochsEnded) this.#finishEnded()
    if (this.#options.part?.tellsRest === true && this.#isAtRest()) {
      this.#enter(phases.epoch)
      this.#exchange?.tell({ type: 'rest' })
    }
    this.#undo.settle()
    this.outputs.settle()
    return false
  }

  #isAtRest(): boolean {
    const open = this.#sources.filter(({ hasEnded }) => !hasEnded)
    return open.length > 0 && open.every(({ isIdle }) => isIdle)
  }

  #fold(step: SourceStep): 'done' | 'awaits' {
    const { record, node } = step
    if (record.type === 'element') {
      const { value, timestamp } = record
      if (this.#answers === null) this.#emit(node, value, timestamp)
      else if (this.#attempt(this.#answers, () => this.#emit(node, value, timestamp)) === 'awaits') return 'awaits'
    }
    this.#foldRest(step)
    return 'done'
  }
  #emit(node: Node, value: unknown, timestamp: Timestamp): void {
    this.#enter(phases.element)
    node.main.emit(value, timestamp)
  }
  /** All but what an element does in the operators. */
  #foldRest(step: SourceStep): void {
    const { record, input, node } = step
    switch (record.type) {
      case 'element': {
        const { watermarks } = input.source
        if (watermarks.type === 'in-log') return
        const watermark = this.#watermarkAfter(record, input, node)
        input.highest = Math.max(input.highest, record.timestamp)
        if (watermark !== null) this.#advance(watermark, step)
        return
      }
      case 'watermark':
        this.#advance(record.watermark, step)
        return
      case 'idle':
        input.isIdle = true
        this.#setIdle(step)
        return
      case 'clock':
        this.#showTime(record.time, step)
        return
      case 'undecodable':
        if (shouldStop(record.error)) throw record.error
        this.#deadLetter(node.name, record.error, 'STREAM_UNDECODABLE')
        return
      case 'sealed':
        this.#requireEpochs(input, node, record)
        this.#seal(record.epoch, record.watermark, step)
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

  #advance(watermark: Timestamp, { input, id, node, channel }: SourceStep): void {
    if (watermark <= input.watermark) return
    input.watermark = watermark
    node.valve.advance(channel, watermark)
    this.#enter(phases.watermark)
    this.#propagate(node)
    if (this.#exchange !== null) this.#tell({ type: 'watermark', input: id, watermark })
  }
  #setIdle({ id, node, channel }: SourceStep): void {
    node.valve.setIdle(channel, true)
    this.#enter(phases.watermark)
    this.#propagate(node)
    if (this.#exchange !== null) this.#tell({ type: 'idle', input: id })
  }
  #showTime(time: Timestamp, step: SourceStep): void {
    const isLater = time > this.#processingTime
    if (isLater) {
      this.#processingTime = time
      this.#enter(phases.clock)
      this.#exchange?.tell({ type: 'clock', time })
    }
    if (step.input.tick(time)) this.#setIdle(step)
    if (!isLater) return
    this.#then(() => {
      this.#enter(phases.processingTime)
      return false
    })
    this.#fireProcessingTime()
  }
  #fireProcessingTime(): void {
    this.#clockCursor = 0
    this.#then(this.#fireNextProcessingTime)
    this.#tell({ type: 'fire' })
  }

  /** An operator processes a watermark wholly before the ones downstream hear of it: nodes are in topological order. */
  #propagate(source: Node): void {
    this.#cursor = source.turn + 1
    if (this.#mustWait || this.#propagateOn()) this.#rest.push(this.#propagateNext)
  }
  readonly #propagateNext = (): boolean => this.#propagateOn()
  #propagateOn(): boolean {
    const nodes = this.#told
    for (let node = nodes[this.#cursor]; node !== undefined; node = nodes[this.#cursor]) {
      const { valve, operator } = node
      if (!this.#isFiring) {
        this.#firingSince = valve.watermark
        this.#align(node)
        this.#isFiring = valve.watermark > this.#firingSince
        if (this.#isFiring) this.#exchange?.beginFiring(node.rank)
      }
      if (this.#isFiring && this.#fireOne(fireNext, operator, valve.watermark)) {
        if (this.isAwaitingAnswers) return true
        this.#undo.settle()
        this.outputs.settle()
        return true
      }
      this.#isFiring = false
      this.#cursor += 1
    }
    return false
  }

  /** What the clock makes due, operator by operator: one downstream sees what those before it emit. */
  readonly #fireNextProcessingTime = (): boolean => {
    const nodes = this.#told
    for (let node = nodes[this.#clockCursor]; node !== undefined; node = nodes[this.#clockCursor]) {
      if (!this.#isFiringTime) this.#exchange?.beginFiring(node.rank)
      this.#isFiringTime = true
      if (this.#fireOne(fireNextProcessingTime, node.operator, this.#processingTime)) {
        if (this.isAwaitingAnswers) return true
        this.#undo.settle()
        return true
      }
      this.#isFiringTime = false
      this.#clockCursor += 1
    }
    return false
  }

  /** Does one unit of what is due, if there is one. Where it awaits an answer it was undone and is to be done again. */
  #fireOne(fire: Fire, operator: Operator, time: Timestamp): boolean {
    const answers = this.#answers
    const since = this.#firingSince
    if (answers === null) return fire(operator, time, since)
    let hasFired = false
    return this.#attempt(answers, () => (hasFired = fire(operator, time, since))) === 'awaits' || hasFired
  }

  /** Does `work`, or, where that lacks an answer, undoes all that it did. */
  #attempt(answers: Answers, work: () => void): 'done' | 'awaits' {
    const [undoPosition, outputPosition, late] = [this.#undo.position, this.outputs.position, this.#lateElements]
    const lateByNode = this.#lateByNode.slice()
    const sequences = this.#sinks.map(({ sequence }) => sequence)
    const records = this.#nodes.map(({ main, sides }) => [main, ...sides.values()].map((output) => output.records))
    const putBack = this.#exchange?.hold()
    answers.begin()
    try {
      work()
    } catch (error) {
      if (!answers.isMissing) throw error
    }
    // A function that catches what its `emit` throws does not hide that an answer was missing.
    if (!answers.isMissing) return 'done'
    answers.undo()
    this.#undo.rollback(undoPosition)
    this.outputs.rollback(outputPosition)
    putBack?.()
    this.#lateElements = late
    this.#lateByNode.splice(0, Infinity, ...lateByNode)
    this.#sinks.forEach((sink, index) => (sink.sequence = sequences[index] ?? 0))
    this.#nodes.forEach(({ main, sides, operator }, at) => {
      ;[main, ...sides.values()].forEach((output, index) => (output.records = records[at]?.[index] ?? 0))
      operator.forget?.()
    })
    return 'awaits'
  }

  /** What it sees of its inputs before it takes what they hold. */
  #seenInputs(): readonly SeenInput[] {
    if (this.#exchanges.length === 0) {
      return this.#sourceSteps.map(({ input, node }) => ({
        queued: () => input.queued(),
        elementsIn: (record) =>
          decodeAll(input.source, record).map((one) =>
            one.type === 'element' ? { node: node.spec.id, value: one.value } : null,
          ),
      }))
    }
    const enteringAt = (item: ExchangeItem) =>
      item.type !== 'element'
        ? null
        : { node: item.edge, value: this.#nodes[item.edge]?.spec.edge?.codec.decode(item.value) }
    return this.#exchanges.map((input) => ({
      queued: () => input.queued(),
      elementsIn: (record) => decodeFrame(record.value).items.map(enteringAt),
    }))
  }

  /** Tells a node's valve how those upstream stand. */
  #align({ valve, origins }: Node): void {
    for (let channel = 0; channel < origins.length; channel += 1) {
      const origin = origins[channel]
      if (origin === undefined) continue
      const { isIdle } = origin
      if (!isIdle) valve.setIdle(channel, false)
      valve.advance(channel, origin.watermark)
      if (isIdle) valve.setIdle(channel, true)
    }
  }

  #seal(epoch: number, watermark: Timestamp, step: SourceStep): void {
    const last = this.#marks.at(-1)?.epoch ?? null
    const { input, node } = step
    if (input.hasEnded) {
      throw new EpochError(`Epoch ${epoch} of "${node.name}" is sealed after its log said that nothing follows.`)
    }
    if (last !== null && epoch <= last) {
      throw new EpochError(`Epoch ${epoch} of "${node.name}" is sealed after epoch ${last}; epochs ascend.`)
    }
    this.#advance(watermark, step)
    this.#setMark(epoch)
  }
  #setMark(epoch: number): void {
    this.#rest.push(() => {
      this.#enter(phases.epoch)
      this.#exchange?.tell({ type: 'sealed', epoch })
      this.#sealAs(epoch)
      return false
    }, this.#compactNext)
  }
  #sealAs(epoch: number): void {
    this.outputs.settle()
    this.#undo.seal(epoch)
    this.#marks.push(this.#snapshot(epoch))
  }
  readonly #compactNext = (): boolean => this.#undo.compactNext()

  #revert(epoch: number, source: Input | null): void {
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
      this.#enter(phases.epoch)
      this.#exchange?.tell({ type: 'reverted', epoch })
      if (source !== null) this.#exchange?.revert()
      return false
    })
  }
  readonly #rewindNext = (): boolean => this.#undo.rewindNext()

  /**
   * Keyed state is put back: now all else, and the sinks answer. `source` is the one that reverts, and reads on, as do
   * exchanges: who writes them tells again what is to be told again. Null: all sources are read again.
   */
  #returnTo(mark: TaskSnapshot, source: Input | null): void {
    this.#lateElements = mark.lateElements
    this.#processingTime = mark.processingTime
    this.#sources.forEach((input, at) => {
      const snapshot = mark.inputs[at]
      if (snapshot === undefined) return
      if (source === null) input.start(snapshot)
      else if (input === source) input.rewindPlace(snapshot)
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
        this.outputs.settle()
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
      this.#enter(phases.epoch)
      this.#exchange?.tell({ type: 'finalized', epoch })
      return false
    })
  }

  /** The mark at `index` becomes the base: what led to it can no longer be undone. */
  #raiseBase(index: number): void {
    this.#undo.finalize(index)
    this.#rest.push(this.#finalizeNext)
    this.#marks = this.#marks.slice(index)
    const base = this.#marks[0]
    this.#sources.forEach((input, at) => {
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
    const hasEmitted = this.outputs.waiting > this.#emittedBefore
    // What came before the last watermark and after the last epoch is due with the watermark, whoever emitted it.
    const input = this.#item?.item.stamp.step.input ?? this.#stepInput
    const isDue = input === this.#epochInputId || hasEmitted || this.#undo.position > maxTailChanges
    // Who has no state of its own must yet be able to forget what it has read.
    const isLong = this.#exchange !== null && this.#steps - (this.#marks.at(-1)?.steps ?? 0) > maxTailChanges
    if (!isLong && (!isDue || this.#undo.position === 0)) return
    const last = this.#marks.at(-1)?.epoch ?? null
    if (last !== null && last > (this.#finalized ?? minTimestamp)) return
    // A mark stands at the end of a step. So sinks confirm before it is set: what they say in this step would otherwise
    // be missing from the counts of a checkpoint at this mark, and a replay from there would not say it again.
    this.#undo.open.epoch = maxTimestamp
    this.#letSinksAnswer((sink) => sink.finalize(maxTimestamp))
    this.#rest.push(() => {
      this.#finalized = maxTimestamp
      this.#sealAs(maxTimestamp)
      this.#raiseBase(this.#marks.length - 1)
      return false
    })
  }

  get #stepInput(): number {
    return this.#current?.id ?? -1
  }

  #snapshot(epoch: number | null): TaskSnapshot {
    return {
      epoch,
      steps: this.#steps,
      inputs: this.#sources.map((input) => input.snapshot()),
      exchanges: this.#exchanges.map((input) => input.snapshot()),
      told: this.#exchange?.snapshot() ?? null,
      valves: this.#nodes.map(({ valve }) => valve.snapshot()),
      proofs: this.outputs.proofs(),
      sent: this.outputs.sent(),
      sequences: this.#sinks.map(({ sequence }) => sequence),
      lateElements: this.#lateElements,
      finalized: this.#finalized,
      place: this.place,
      answers: this.answersUsed,
      processingTime: this.#processingTime,
      isTimeDue: this.#isTimeDue,
    }
  }

  /** The source record that what is in hand comes from, be it read here or by another task. */
  #originInHand(): string {
    const step = this.#item?.item.stamp.step
    const input = step?.input ?? this.#stepInput
    const offset = step?.offset ?? this.#current?.logRecord.offset
    const at = this.#channels[input]
    return at === undefined ? '' : `${at.node.spec.source?.topic}/${at.channel}@${offset}`
  }

  #deadLetter(operator: string, error: unknown, fallbackCode: string): void {
    const { topic, encode } = this.#options.deadLetters
    const at = this.#current ?? this.#item
    const letter: TaskDeadLetter = {
      operator,
      code: codeOf(error) ?? fallbackCode,
      reason: error instanceof Error ? error.message : String(error),
      origin: this.#originInHand(),
      payload: at?.logRecord.value ?? new Uint8Array(),
    }
    const record = { key: null, value: encode(letter), partition: 0 }
    this.outputs.emit(deadLetterSink, topic, record, letter, { type: 'added', revision: 1 })
  }
}

/** `origins`: who is told of what its inputs bring; none: it is a source of so many `channels`. */
const newValve = (channels: number, origins: readonly WatermarkCombiner[], operator: Operator): WatermarkCombiner => {
  const [origin] = origins
  if (origin === undefined) {
    return new WatermarkMultiplexer(Array.from({ length: channels }, (_, partition) => partition))
  }
  const isRelay = operator.fireNext === undefined && operator.fireNextProcessingTime === undefined
  return isRelay && origins.length === 1 ? new RelayedWatermark(origin) : new WatermarkValve(origins.length)
}

const never = (): boolean => false

/** One unit of what a time makes due in an operator. @returns whether there was one */
type Fire = (operator: Operator, time: Timestamp, since: Timestamp) => boolean
const fireNext: Fire = (operator, time, since) => operator.fireNext?.(time, since) === true
const fireNextProcessingTime: Fire = (operator, time) => operator.fireNextProcessingTime?.(time) === true

const nothingTaken: LogRecord = { offset: -1, key: null, value: new Uint8Array() }
const nothingDecoded: Undecodable = { type: 'undecodable', error: null }

/** What follows the last epoch and emits nothing is made final in stretches of so many changes. */
const maxTailChanges = 10_000

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

const shouldStop = (error: unknown): boolean =>
  error instanceof Error && 'handling' in error && error.handling === 'stop'
