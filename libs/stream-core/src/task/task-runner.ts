import {
  EventLogError,
  ProducerFencedError,
  type EventLog,
  type Position,
  type TopicPartition,
} from '@tocsin/event-log'
import { FrameBuffer } from '../distributed/frame-buffer.ts'
import type { TaskPart } from '../distributed/task-part.ts'
import { MemoryBudget } from '../state/memory-budget.ts'
import { SavepointError } from '../savepoint/savepoint-error.ts'
import type { SavepointSummary } from '../savepoint/savepoint-file.ts'
import { writeTaskPart } from '../savepoint/write-task-part.ts'
import type { StateStore } from '../state/state-store.ts'
import { minTimestamp } from '../time.ts'
import type { Topology } from '../topology.ts'
import { answersPosition, readAnswers } from './answer-log.ts'
import { AsyncRequests } from './async-requests.ts'
import { inputNames, restoreCheckpoint, writeCheckpoint, type CheckpointReport } from './checkpoint.ts'
import { CommitPace } from './commit-pace.ts'
import { Commits, type CommitReport, type Retrying } from './commits.ts'
import { DeterminismError, StateLostError } from './errors.ts'
import { nodeEventLoop, type EventLoop } from './event-loop.ts'
import { InputReader } from './input-reader.ts'
import type { ProgressMarker } from './marker.ts'
import { Durations, TimeAccount, type DurationSummary, type TimeShares } from './measures.ts'
import type { OperatorProgress } from './operator-progress.ts'
import { deadLetterSink, exchangeSink } from './output-buffer.ts'
import { readPartitionCounts } from './partition-counts.ts'
import { readMarkers, type ProgressPosition } from './progress-log.ts'
import { endOf, Replay } from './replay.ts'
import { Slice } from './slice.ts'
import { Task, type TaskDeadLetter } from './task.ts'

const defaults = {
  commitIntervalMs: 25,
  checkpointIntervalMs: 10_000,
  batchSize: 1000,
  sliceMs: 2,
  progressIntervalMs: 250,
  retryWaitMs: 50,
  memoryBudgetBytes: 512 << 20,
  maxUnfinalizedEpochs: 10_000,
  checkpointAtEnd: true,
}
const maxPendingOutputs = 10_000
/** At most this part of the time goes into a checkpoint while there is more to fold: it must not fall behind meanwhile. */
const checkpointShare = 0.25
/** So many checkpoints at most, where there would be one, when state needs room. */
const earlyCheckpoints = 10
const pollWaitMs = 100
/** The longer nothing came, the longer it is waited for, up to this: what comes ends the wait, and an idle job should sleep. */
const longestPollWaitMs = 1000
const longestRetryWaitMs = 5000

/** When a task reads, commits and checkpoints. Each has a default; results depend on none of them. */
export interface TaskPace {
  /**
   * How soon one commit follows another when the task has caught up, so the longest that an output waits for its own; under
   * load up to forty times that. Default 25 ms.
   */
  readonly commitIntervalMs?: number
  /** With epochs a checkpoint follows finality, without a commit; at most this often. Default 10 s. */
  readonly checkpointIntervalMs?: number
  /** Units of work (an element, a timer, a window of a key) between two turns of the event loop, at most. Default 1,000. */
  readonly batchSize?: number
  /** And for how long, by the clock: whoever waits for the event loop waits for that, and for what is collected in it. Default 2 ms. */
  readonly sliceMs?: number
  /** Default 250 ms. */
  readonly progressIntervalMs?: number
  /** Before the first repeat of what the log could not do; each next wait is twice as long, up to 5 s. Default 50 ms. */
  readonly retryWaitMs?: number
  /**
   * Of state in memory, by an estimate; what is beyond it and not in use is read from the store when asked for. What
   * changed since the last checkpoint cannot be dropped, so a checkpoint may come early, after a tenth of its interval.
   * Default 512 MiB.
   */
  readonly memoryBudgetBytes?: number
  /** Of epochs that are not final, the undo of so many stays in memory; that of older ones lies in the store. Default 10,000. */
  readonly maxUnfinalizedEpochs?: number
  /** False: told to stop it only commits, and who goes on from there folds again what came since the last checkpoint. */
  readonly checkpointAtEnd?: boolean
}

export interface TaskRunnerOptions extends TaskPace {
  readonly topology: Topology
  /** What of it this task does. Default: all. */
  readonly part?: TaskPart | undefined
  readonly log: EventLog
  /** Of this task alone; closed with it. */
  readonly store: StateStore
  /** Of this task alone; the topic exists. */
  readonly progress: ProgressPosition
  /** Topic for what could not be read or evaluated; `encode` makes its bytes. */
  readonly deadLetters: { readonly topic: string; readonly encode: (letter: TaskDeadLetter) => Uint8Array }
  /** A monotonic clock in ms for paces and measures, never for results. */
  readonly clock: () => number
  /** Called at most every `progressIntervalMs`, and at each change of status. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Turns and waits, so that a simulation can run a task in virtual time. Default: Node's own. */
  readonly eventLoop?: EventLoop
}

/** For dashboards and progress bars; not part of any result. */
export interface TaskProgress {
  readonly status: 'restoring' | 'replaying' | 'running' | 'waiting' | 'failed' | 'stopped'
  /** Why it waits or failed, or why the last checkpoint did: one line with the remedy. Null when all is well. */
  readonly reason: string | null
  /** Source records taken, control records too, over rewinds. */
  readonly elements: number
  readonly outputs: number
  readonly deadLetters: number
  readonly lateElements: number
  /** Event time; null before the first. */
  readonly watermark: number | null
  readonly place: number | null
  readonly openEpochs: number
  /** Of them, those whose undo lies in the store: more than none says that finality has stalled. */
  readonly spilledEpochs: number
  readonly inputs: readonly {
    readonly topic: string
    readonly partition: number
    readonly position: number
    /** Up to here all that came of it is committed, or nothing had to be; never beyond `position` but for a rewind. */
    readonly committed: number
    readonly end: number
    /**
     * Records yet to be taken; 0 once it has caught up. Of those not even read, offsets count that turn out to hold none
     * for a reader (Kafka's commit markers, what was aborted).
     */
    readonly lag: number
    readonly watermark: number | null
    readonly idle: boolean
  }[]
  /** Of all inputs together, of a job of several tasks also of what these tell each other. */
  readonly lag: number
  readonly operators: readonly OperatorProgress[]
  readonly time: TimeShares
  readonly commits: number
  readonly lastCommit: CommitReport | null
  readonly commitDurations: DurationSummary
  readonly checkpoints: number
  readonly lastCheckpointMs: number | null
  readonly lastCheckpoint: CheckpointReport | null
  readonly checkpointDurations: DurationSummary
  /** Checkpoints that could not be written; the next has their cells too. */
  readonly failedCheckpoints: number
  /** Replayed commits whose outputs differ under a changed version of the topology. */
  readonly divergences: number
  readonly keys: number
  readonly timers: number
}

/**
 * The loop of one task: reads its inputs, folds, commits outputs with their progress, checkpoints, and recovers. What to
 * fold is the task's; when to read and write is decided here. A process may run many, each over one part of a topology.
 */
export class TaskRunner {
  readonly #options: TaskRunnerOptions
  readonly #settings: typeof defaults
  readonly #eventLoop: EventLoop
  readonly #store: StateStore
  readonly #task: Task
  readonly #slice: Slice
  readonly #budget: MemoryBudget
  readonly #starts: readonly number[]
  readonly #commits: Commits
  readonly #replay: Replay
  /** Null where nothing of the task asks the world. */
  readonly #requests: AsyncRequests | null
  readonly #reader: InputReader
  /** By input: up to here nothing waits to be committed. */
  #committed: readonly number[]
  /** By input: below it the log of an exchange was trimmed. */
  readonly #trimmed: number[] = []
  /** Of the checkpoint that is being written. */
  #neededOfExchanges: readonly Position[] = []
  #answersInCheckpoint = 0
  #checkpointSteps: number
  #checkpointAt: number
  #status: TaskProgress['status'] = 'restoring'
  #reason: string | null = null
  #checkpointFailure: string | null = null
  #spillFailure: string | null = null
  readonly #pace: CommitPace
  readonly #time: TimeAccount
  readonly #commitDurations = new Durations()
  readonly #checkpointDurations = new Durations()
  #lastCommit: CommitReport | null = null
  #checkpoints = 0
  #failedCheckpoints = 0
  #lastCheckpoint: CheckpointReport | null = null
  /** The checkpoint that is being written while the fold goes on; it never rejects. */
  #checkpointing: Promise<CheckpointOutcome> | null = null
  #checkpointOutcome: CheckpointOutcome | null = null
  #isFolding = false
  /** Aborted when it is waited for: from then on it takes what time there is. */
  #checkpointHurry = new AbortController()
  #divergences = 0
  #progressAt = -Infinity
  #isInDoubt = false
  /** Of the next poll, where nothing waits for a commit. */
  #pollWaitMs = pollWaitMs

  private constructor(
    options: TaskRunnerOptions,
    parts: {
      readonly task: Task
      readonly starts: readonly number[]
      readonly commits: Commits
      readonly replay: Replay
      readonly reader: InputReader
    },
  ) {
    const { commitIntervalMs, checkpointIntervalMs, batchSize, sliceMs, progressIntervalMs, retryWaitMs } = options
    const { memoryBudgetBytes, maxUnfinalizedEpochs } = options
    this.#options = options
    this.#settings = {
      commitIntervalMs: commitIntervalMs ?? defaults.commitIntervalMs,
      checkpointIntervalMs: checkpointIntervalMs ?? defaults.checkpointIntervalMs,
      batchSize: batchSize ?? defaults.batchSize,
      sliceMs: sliceMs ?? defaults.sliceMs,
      progressIntervalMs: progressIntervalMs ?? defaults.progressIntervalMs,
      retryWaitMs: retryWaitMs ?? defaults.retryWaitMs,
      memoryBudgetBytes: memoryBudgetBytes ?? defaults.memoryBudgetBytes,
      maxUnfinalizedEpochs: maxUnfinalizedEpochs ?? defaults.maxUnfinalizedEpochs,
      checkpointAtEnd: options.checkpointAtEnd ?? defaults.checkpointAtEnd,
    }
    this.#eventLoop = options.eventLoop ?? nodeEventLoop
    this.#store = options.store
    this.#task = parts.task
    this.#slice = new Slice(options.clock, { units: this.#settings.batchSize, ms: this.#settings.sliceMs })
    this.#budget = new MemoryBudget(this.#settings.memoryBudgetBytes)
    this.#starts = parts.starts
    this.#commits = parts.commits
    this.#replay = parts.replay
    this.#reader = parts.reader
    this.#committed = offsetsOf(parts.task)
    this.#requests =
      parts.task.enrichments.size === 0
        ? null
        : new AsyncRequests({
            enrichments: parts.task.enrichments,
            eventLoop: this.#eventLoop,
            onOutcome: (asked, outcome) => parts.task.answer(asked, outcome),
          })
    this.#checkpointSteps = parts.task.steps
    this.#pace = new CommitPace(this.#settings.commitIntervalMs, options.clock())
    this.#time = new TimeAccount(options.clock)
    this.#checkpointAt = options.clock()
  }

  /**
   * Fences an earlier owner of its transactional id, restores the newest checkpoint, and reads where the last commit
   * stood. Replaying up to there is the first thing that `run` does.
   * @throws {StateLostError | StateMismatchError}
   */
  static async open(options: TaskRunnerOptions): Promise<TaskRunner> {
    const { topology, part, log, store, progress, deadLetters } = options
    const partitions = await readPartitionCounts(log, topology, true)
    const task = new Task({ topology, part, deadLetters, partitions })
    const answersAt = answersPosition(progress)
    if (task.enrichments.size > 0)
      await log.createTopics([
        { topic: answersAt.topic, partitions: await log.partitions(progress.topic), isTrimmed: true },
      ])
    // First the producer: from here on an earlier owner can commit nothing more, and what is read is the last word.
    const producer = await log.openProducer(progress.transactionalId)
    const markers = await readMarkers(log, progress)
    const checkpoint = await restoreCheckpoint(task, store)
    const last = markers.at(-1)
    verifyMarkers(options, checkpoint?.snapshot.steps, last)

    const ranges = await Promise.all(
      task.inputs.map(({ source, partition }) => log.offsets({ topic: source.topic, partition })),
    )
    const starts =
      checkpoint?.starts ?? last?.inputs.map(({ start }) => start) ?? ranges.map(({ beginning }) => beginning)
    const names = inputNames(task)
    if (checkpoint === undefined) task.start(starts)
    if (last !== undefined) task.replay(last.resumptions, last.steps, last.returns)
    const uses = await readAnswers(log, answersAt, { from: task.answersUsed, to: last?.answers ?? 0 })
    task.replayAnswers(uses)
    task.inputs.forEach((input, index) => {
      const { beginning, end } = ranges[index] ?? { beginning: 0, end: 0 }
      const mustReach = last?.inputs[index]?.offset ?? 0
      if (input.fetchOffset < beginning && (checkpoint !== undefined || last !== undefined)) {
        const from = checkpoint === undefined ? 'There is no checkpoint, and' : 'The checkpoint needs more than'
        throw new StateLostError(
          `${from} ${names[index]} holds only offsets from ${beginning}; the job must read from ${input.fetchOffset}.`,
        )
      }
      if (end < mustReach) {
        throw new StateLostError(`${names[index]} ends at ${end}, but the job had read it to ${mustReach}.`)
      }
    })
    const { clock } = options
    const reader = await InputReader.open({ log, task, clock, ends: ranges.map(({ end }) => end) })
    const outputs: TopicPartition[] = [{ topic: deadLetters.topic, partition: 0 }]
    for (const topic of new Set(topology.nodes.flatMap(({ sink }) => sink?.topic ?? []))) {
      for (let partition = 0; partition < partitions(topic); partition += 1) outputs.push({ topic, partition })
    }
    const ends = await Promise.all(
      outputs.map(async ({ topic, partition }) => ({ topic, partition, end: await endOf(log, topic, partition) })),
    )
    return new TaskRunner(options, {
      task,
      starts,
      reader,
      commits: new Commits({
        log,
        position: progress,
        clock,
        producer,
        lastSteps: last?.steps ?? 0,
        ends,
        frames: new FrameBuffer(part?.writes ?? []),
        answerEnds: uses.map(({ index, offset }) => ({ used: index + 1, end: offset + 1 })),
      }),
      replay: new Replay({ log, topology, markers, from: { steps: task.steps, sent: task.outputs.sent() } }),
    })
  }

  /** Runs until `signal` aborts (then commits and checkpoints cleanly) or an error that stops it. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#running(async () => {
      while (!signal.aborted) {
        await this.#read(this.#waitMs(), signal)
        this.#isFolding = true
        await this.#fold(signal)
        this.#isFolding = false
        await this.#keepPace(signal, this.#reader.hasMore)
      }
    }, signal)
  }

  /** Runs until every input is read to the end it had when called, or beyond, or waits for one that has no more. */
  async runToEnd(): Promise<void> {
    const { signal } = new AbortController()
    await this.#running(async () => {
      const { inputs } = this.#task
      const ends = await this.#retrying(() => this.#reader.readEnds())
      for (;;) {
        const taken = await this.#fold(signal)
        await this.#keepPace(signal, this.#reader.hasMore)
        const waiting = this.#reader.toPause
        const isRead = inputs.every(({ fetchOffset }, index) => fetchOffset >= (ends[index] ?? 0) || waiting.has(index))
        if (isRead && taken === 0) {
          if (this.#isReplaying) await this.#verifyReplayCanGoOn()
          return
        }
        if (!isRead) await this.#read(pollWaitMs, signal)
      }
    }, signal)
  }

  /** For a savepoint, when it does not run: takes back what is not final and commits that. */
  async returnToBase(): Promise<void> {
    await this.#endReplay()
    await this.#endStep()
    if (this.#task.returnToBase()) this.#addToCommit()
    await this.#commit(new AbortController().signal)
  }

  /** A stop may have left it where it waits for an answer: now that is waited for. */
  async #endStep(): Promise<void> {
    const { signal } = new AbortController()
    if (!this.#task.isInStep) return
    while (this.#task.isInStep) {
      this.#task.advance(1)
      if (this.#task.isAwaitingAnswers) await this.#awaitAnswer(signal)
    }
    this.#addToCommit()
  }

  #addToCommit(): void {
    const { outputs, progress } = this.#task
    this.#commits.add(outputs.drain(), outputs.drainCrossings(), this.#task.drainAnswers(), progress)
  }

  /** Behind `returnToBase`, and when all that others told is taken: checkpoints all, and writes it as a part of a savepoint. */
  async writeSavepointPart(path: string): Promise<SavepointSummary> {
    const { signal } = new AbortController()
    await this.#endReplay()
    const waiting = this.#task.inputs.findIndex(({ queuedRecords }) => queuedRecords > 0)
    if (this.#options.part !== undefined && this.#options.part.reads.length > 0 && waiting !== -1) {
      throw new SavepointError(
        `The sources stand at different places: ${inputNames(this.#task)[waiting]} holds what waits for others. ` +
          'Run the job until all of them have come as far.',
      )
    }
    this.#task.makeBase()
    await this.#commit(signal)
    await this.#endCheckpoint(signal)
    await this.#beginCheckpoint(signal)
    await this.#endCheckpoint(signal)
    if (this.#checkpointFailure !== null) throw new SavepointError(this.#checkpointFailure)
    return writeTaskPart(path, this.#task, this.#store)
  }

  /** It was told to stop in the middle of a commit: what it holds may be in the log. Another one finds out. */
  get isInDoubt(): boolean {
    return this.#isInDoubt
  }

  progress(): TaskProgress {
    const task = this.#task
    const inputs = task.inputs.map((input, index) => ({
      topic: input.source.topic,
      partition: input.partition,
      position: input.position.offset,
      committed: this.#committed[index] ?? 0,
      end: this.#reader.ends[index] ?? 0,
      lag: input.queuedRecords + Math.max(0, (this.#reader.ends[index] ?? 0) - input.fetchOffset),
      watermark: input.watermark === minTimestamp ? null : input.watermark,
      idle: input.isIdle || input.isSilent,
    }))
    return {
      status: this.#status,
      reason: this.#reason ?? this.#checkpointFailure ?? this.#spillFailure,
      elements: task.steps,
      outputs: task.outputs.count((sink) => sink !== deadLetterSink && sink !== exchangeSink),
      deadLetters: task.outputs.count((sink) => sink === deadLetterSink),
      lateElements: task.lateElements,
      watermark: task.watermark,
      place: task.place,
      openEpochs: task.openEpochs,
      spilledEpochs: task.spilledEpochs,
      inputs,
      lag: inputs.reduce((sum, { lag }) => sum + lag, 0),
      operators: task.operators,
      time: this.#time.shares(),
      commits: this.#commitDurations.summary().count,
      lastCommit: this.#lastCommit,
      commitDurations: this.#commitDurations.summary(),
      checkpoints: this.#checkpoints,
      lastCheckpointMs: this.#lastCheckpoint?.durationMs ?? null,
      lastCheckpoint: this.#lastCheckpoint,
      checkpointDurations: this.#checkpointDurations.summary(),
      failedCheckpoints: this.#failedCheckpoints,
      divergences: this.#divergences,
      keys: task.keys,
      timers: task.timers,
    }
  }

  async close(): Promise<void> {
    this.#requests?.close()
    this.#checkpointHurry.abort()
    await this.#checkpointing
    try {
      await this.#reader.close()
      await this.#commits.close()
    } finally {
      await this.#store.close()
    }
  }

  /** Around each run: status, a clean end, and the error that stopped it told before it is thrown on. */
  async #running(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    this.#time.spendOn('busy')
    this.#setStatus(this.#isReplaying ? 'replaying' : 'running')
    try {
      await work()
      // Where a unit waits for an answer the step is not whole: the next start folds anew from the last commit.
      if (!this.#isReplaying && !this.#task.isInStep) {
        await this.#commit(signal)
        if (this.#settings.checkpointAtEnd) {
          await this.#endCheckpoint(signal)
          await this.#beginCheckpoint(signal)
          await this.#endCheckpoint(signal)
        }
      }
      this.#time.spendOn('idle')
      this.#setStatus('stopped')
    } catch (error) {
      this.#checkpointHurry.abort()
      await this.#checkpointing
      this.#checkpointing = null
      this.#time.spendOn('idle')
      // Told to stop while it waited for the log: what is not committed is folded again by the next start.
      if (signal.aborted && isRetryable(error)) {
        this.#isInDoubt = true
        this.#setStatus('stopped', reasonOf(error))
        return
      }
      this.#setStatus('failed', reasonOf(error))
      throw error
    }
  }

  /** To where the last commit stood, and no further. */
  async #endReplay(): Promise<void> {
    const aborted = AbortSignal.abort()
    const { signal } = new AbortController()
    while (this.#isReplaying)
      if ((await this.#fold(aborted)) === 0 && this.#isReplaying) await this.#read(pollWaitMs, signal)
  }

  async #read(waitMs: number, signal: AbortSignal): Promise<void> {
    this.#time.spendOn('idle')
    const hasCome = await this.#reader.read(waitMs, this.#retryingUntil(signal), signal)
    this.#time.spendOn('busy')
    this.#pollWaitMs = hasCome ? pollWaitMs : Math.min(2 * this.#pollWaitMs, longestPollWaitMs)
    if (!hasCome && this.#isReplaying) await this.#verifyReplayCanGoOn()
  }

  /** Folds what has been read, in slices, until the merge needs more. A step once begun is ended. @returns how many */
  async #fold(signal: AbortSignal): Promise<number> {
    const task = this.#task
    const slice = this.#slice
    let total = 0
    for (;;) {
      const { next } = this.#replay
      // The step in hand is counted already.
      const limit = next === undefined ? Infinity : next.steps - task.steps + (task.isInStep ? 1 : 0)
      this.#requests?.send(task.requestsToAsk())
      slice.begin()
      const ended = task.advance(limit, slice.isOver)
      total += ended
      // What a step emits is whole only at its end.
      if (!task.isInStep) {
        if (next === undefined) {
          this.#addToCommit()
        } else await this.#withhold()
        if (this.#commits.pendingSince === null) this.#committed = offsetsOf(task)
        if (signal.aborted || (ended < limit && !slice.hasEnded && !task.isAwaitingAnswers)) return total
      }
      if (task.isAwaitingAnswers && (await this.#awaitAnswer(signal)) === 'stopped') return total
      await this.#keepPace(signal, true)
      this.#time.spendOn('idle')
      await this.#eventLoop.turn()
      this.#time.spendOn('busy')
    }
  }

  /** Asks what can be asked, and lets others go on until something was answered. What is due meanwhile is done. */
  async #awaitAnswer(signal: AbortSignal): Promise<'goes on' | 'stopped'> {
    const requests = this.#requests
    if (requests === null) throw new Error('assertion: only what asks waits for answers')
    requests.send(this.#task.requestsToAsk())
    await this.#keepPace(signal, this.#reader.hasMore)
    this.#time.spendOn('idle')
    await requests.news(this.#waitMs(), signal)
    this.#time.spendOn('busy')
    return signal.aborted ? 'stopped' : 'goes on'
  }

  /** Outputs before the last marker were sent by the run before. */
  async #withhold(): Promise<void> {
    const { steps, outputs } = this.#task
    this.#replay.withhold(outputs.drain())
    outputs.drainCrossings()
    this.#task.drainAnswers()
    // A commit that only told how far the task had come took no step: its marker is passed with the one before it.
    for (let { next } = this.#replay; next !== undefined && next.steps <= steps; { next } = this.#replay) {
      if ((await this.#replay.pass(outputs.proofs(), outputs.sent())) === 'differs') this.#divergences += 1
    }
    if (this.#isReplaying) return
    const { answersToReplay } = this.#task
    if (answersToReplay > 0) {
      throw new DeterminismError(`The replay used ${answersToReplay} answers less than the run before it.`, null, '')
    }
    this.#setStatus('running')
  }

  /** Commits and checkpoints that are due. */
  async #keepPace(signal: AbortSignal, isBehind: boolean): Promise<void> {
    const { clock } = this.#options
    const { checkpointIntervalMs } = this.#settings
    const now = clock()
    this.#report(now)
    if (this.#task.isInStep) return
    await this.#spillUndo()
    const needsRoom = this.#budget.keep(this.#task.tables, this.#task.steps, this.#checkpointSteps)
    if (needsRoom) this.#checkpointHurry.abort()
    if (this.#isReplaying) return
    const { pending, pendingSince } = this.#commits
    const isDue = pendingSince !== null && now >= this.#pace.dueAt(pendingSince, isBehind)
    if (isDue || pending >= maxPendingOutputs) await this.#commit(signal)
    if (this.#checkpointOutcome !== null) await this.#endCheckpoint(signal)
    if (this.#checkpointing !== null || this.#task.isInStep) return
    const waitMs = needsRoom ? checkpointIntervalMs / earlyCheckpoints : checkpointIntervalMs
    if (now - this.#checkpointAt >= waitMs) await this.#beginCheckpoint(signal)
  }

  #waitMs(): number {
    const { pendingSince } = this.#commits
    if (pendingSince === null) return this.#pollWaitMs
    const dueIn = this.#pace.dueAt(pendingSince, this.#reader.hasMore) - this.#options.clock()
    return Math.max(0, Math.min(this.#pollWaitMs, dueIn))
  }

  async #commit(signal: AbortSignal): Promise<void> {
    const { topology, inputs, outputs, steps } = this.#task
    const marker = {
      job: topology.job,
      version: topology.version,
      steps,
      inputs: inputs.map(({ source, partition, position }, index) => ({
        topic: source.topic,
        partition,
        ...position,
        start: this.#starts[index] ?? 0,
      })),
      proofs: outputs.proofs(),
      sent: outputs.sent(),
      answers: this.#task.answersUsed,
      resumptions: this.#task.resumptionsSince(this.#checkpointSteps),
      returns: this.#task.returnsSince(this.#checkpointSteps),
    }
    this.#pace.began(this.#options.clock())
    const use = this.#time.spendOn('backPressured')
    const report = await this.#commits.commit(marker, this.#task.progress, this.#retryingUntil(signal))
    this.#time.spendOn(use)
    if (report === null) return
    this.#committed = offsetsOf(this.#task)
    this.#lastCommit = report
    this.#commitDurations.record(report.durationMs)
    this.#pace.took(report.durationMs)
  }

  /** A store ahead of the log would lose outputs: so first a commit that covers what the checkpoint holds. */
  async #beginCheckpoint(signal: AbortSignal): Promise<void> {
    const { clock, store } = this.#options
    this.#checkpointAt = clock()
    const steps = this.#task.checkpointableSteps
    if (steps === this.#checkpointSteps) return
    if (this.#commits.lastSteps < steps) await this.#commit(signal)
    this.#neededOfExchanges = this.#task.neededOfExchanges
    this.#answersInCheckpoint = this.#task.checkpointableAnswers
    this.#checkpointHurry = new AbortController()
    this.#checkpointing = writeCheckpoint({
      task: this.#task,
      store,
      starts: this.#starts,
      rest: this.#restOfCheckpoint,
      clock,
    }).then(
      (report) => (this.#checkpointOutcome = { report }),
      (error: unknown) => (this.#checkpointOutcome = { error }),
    )
  }

  readonly #restOfCheckpoint = (workedMs: number): Promise<void> => {
    const { signal } = this.#checkpointHurry
    if (!this.#isFolding || signal.aborted) return this.#eventLoop.turn()
    return this.#eventLoop.wait(workedMs * (1 / checkpointShare - 1), signal)
  }

  /** What cannot be written stays in memory, and is tried again. */
  async #spillUndo(): Promise<void> {
    const { maxUnfinalizedEpochs } = this.#settings
    try {
      await this.#task.spillUndo(maxUnfinalizedEpochs, this.#store)
      this.#spillFailure = null
    } catch (error) {
      if (isStopping(error)) throw error
      this.#spillFailure = `The undo of old epochs could not be moved to the store and stays in memory: ${reasonOf(error)}`
    }
  }

  /** Waits for the checkpoint that is being written, if there is one, and says how it went. */
  async #endCheckpoint(signal: AbortSignal): Promise<void> {
    this.#checkpointHurry.abort()
    const outcome = await this.#checkpointing
    this.#checkpointing = this.#checkpointOutcome = null
    if (outcome === null) return
    if ('error' in outcome) {
      const { error } = outcome
      if (isStopping(error)) throw error
      this.#failedCheckpoints += 1
      this.#checkpointFailure = `The checkpoint could not be written and is tried again: ${reasonOf(error)}`
      return
    }
    this.#lastCheckpoint = outcome.report
    this.#checkpointDurations.record(outcome.report.durationMs)
    this.#checkpointSteps = outcome.report.steps
    this.#checkpointFailure = null
    this.#checkpoints += 1
    await this.#commits.trimBelow(this.#checkpointSteps, this.#retryingUntil(signal))
    await this.#commits.trimAnswersBelow(this.#answersInCheckpoint, this.#retryingUntil(signal))
    await this.#trimExchanges(signal)
  }

  /** Only this task reads what is written for it, so what lies below its checkpoint is of no more use. */
  async #trimExchanges(signal: AbortSignal): Promise<void> {
    for (const [index, { topic, partition, offset }] of this.#neededOfExchanges.entries()) {
      if (offset <= (this.#trimmed[index] ?? 0)) continue
      await this.#retrying(() => this.#options.log.trim({ topic, partition }, offset), signal)
      this.#trimmed[index] = offset
    }
  }

  async #verifyReplayCanGoOn(): Promise<void> {
    const { inputs } = this.#task
    const ends = await this.#reader.readEnds()
    if (inputs.some(({ fetchOffset }, index) => fetchOffset < (ends[index] ?? 0))) return
    const steps = this.#replay.next?.steps ?? 0
    throw new StateLostError(
      `The inputs end at step ${this.#task.steps}, but the job had gone to step ${steps} before: records are missing.`,
    )
  }

  get #isReplaying(): boolean {
    return this.#replay.next !== undefined
  }
  #retryingUntil(signal: AbortSignal): Retrying {
    return (work) => this.#retrying(work, signal)
  }

  /** Until it succeeds, with longer and longer waits; status says so meanwhile. What cannot be retried is thrown on. */
  async #retrying<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const status = this.#status
    for (let waitMs = this.#settings.retryWaitMs; ; waitMs = Math.min(2 * waitMs, longestRetryWaitMs)) {
      try {
        const result = await work()
        if (this.#status === 'waiting') this.#setStatus(status === 'waiting' ? 'running' : status)
        return result
      } catch (error) {
        if (!isRetryable(error)) throw error
        this.#setStatus('waiting', reasonOf(error))
        const use = this.#time.spendOn('backPressured')
        await this.#eventLoop.wait(waitMs, signal)
        this.#time.spendOn(use)
        if (signal?.aborted) throw error
      }
    }
  }

  #setStatus(status: TaskProgress['status'], reason: string | null = null): void {
    if (this.#status === status && this.#reason === reason) return
    this.#status = status
    this.#reason = reason
    this.#report(Infinity)
  }

  #report(now: number): void {
    const { onProgress, clock } = this.#options
    if (onProgress === undefined || now - this.#progressAt < this.#settings.progressIntervalMs) return
    this.#progressAt = now === Infinity ? clock() : now
    onProgress(this.progress())
  }
}

const offsetsOf = ({ inputs }: Task): readonly number[] => inputs.map(({ position }) => position.offset)

type CheckpointOutcome = { readonly report: CheckpointReport } | { readonly error: unknown }

const isRetryable = (error: unknown): boolean => error instanceof EventLogError && error.handling === 'retry'
/** It will not pass by itself: no restart helps. */
export const isStopping = (error: unknown): boolean =>
  error instanceof ProducerFencedError || (error instanceof Error && 'handling' in error && error.handling === 'stop')

/** One line, with the remedy where there is one. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return 'remedy' in error && typeof error.remedy === 'string' ? `${error.message} ${error.remedy}` : error.message
}

const verifyMarkers = (
  { progress, topology }: TaskRunnerOptions,
  checkpointSteps: number | undefined,
  last: ProgressMarker | undefined,
): void => {
  if (last !== undefined && last.job !== topology.job) {
    throw new StateLostError(`The progress topic "${progress.topic}" is of job "${last.job}", not "${topology.job}".`)
  }
  if (checkpointSteps !== undefined && (last?.steps ?? 0) < checkpointSteps) {
    throw new StateLostError(
      `The checkpoint is at step ${checkpointSteps} but "${progress.topic}" ends at step ${last?.steps ?? 0}: the log ` +
        'has lost commits.',
    )
  }
}
