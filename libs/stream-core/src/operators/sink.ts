import type { Codec } from '../codec.ts'
import type { SinkCodec, Transition } from '../sink.ts'
import { decodeVersioned, encodeVersioned } from '../state/versioned.ts'
import { ValueTable } from '../state/value-table.ts'
import { utf8ByteString } from '../state/key-encoding.ts'
import { SlicedSort, valuesASlice } from '../sliced-sort.ts'
import { Segment, type UndoLog } from '../task/rewind.ts'
import type { CreateOperator, LifecycleSink } from './operator.ts'

/** A content of an id that stands, or stood before an update that may yet be reverted. */
interface Version<Out> {
  readonly output: Out
  readonly isConfirmed: boolean
  /** Where it was added; null once that is final. */
  readonly segment: Segment | null
  /** Order of additions within the sink; 0 once it is final. */
  readonly sequence: number
}

interface Entry<Out> {
  /** Of the last transition sent. */
  readonly revision: number
  /** Oldest first; none: retracted. */
  readonly versions: readonly Version<Out>[]
  /** The place at which it came to rest, the same however the job is sharded; null while a version may yet be reverted. */
  readonly finished: number | null
}

const entryCodec = <Out>(outputCodec: Codec<Out>, sink: string): Codec<Entry<Out>> => ({
  version: 1,
  encode: ({ revision, versions, finished }) =>
    Buffer.from(
      JSON.stringify({
        revision,
        finished,
        versions: versions.map(({ output, segment, isConfirmed, sequence }) => ({
          output: Buffer.from(encodeVersioned(outputCodec, output)).toString('base64'),
          epoch: segment?.epoch ?? null,
          isConfirmed,
          sequence,
        })),
      }),
    ),
  decode: (bytes) => {
    // Its own encode wrote the bytes.
    const entry = JSON.parse(Buffer.from(bytes).toString()) as Omit<Entry<Out>, 'versions'> & {
      versions: (Omit<Version<Out>, 'output' | 'segment'> & { output: string; epoch: number | null })[]
    }
    const versions = entry.versions.map(({ output, epoch, isConfirmed, sequence }) => {
      const segment = epoch === null ? null : new Segment()
      if (segment !== null) segment.epoch = epoch
      const decoded = decodeVersioned(outputCodec, Buffer.from(output, 'base64'), `${sink}/#outputs`)
      return { output: decoded, segment, isConfirmed, sequence }
    })
    return { ...entry, versions }
  },
})

/** What the sink remembers of each id, which of them are at rest, and which have a version of what segment. */
class SinkMemory<Out> extends ValueTable<Entry<Out>> {
  /** So that what is reverted or final is found without a look at what is not. */
  readonly #bySegment = new Map<Segment, Set<string>>()
  readonly #segmentsOf = new Map<string, readonly Segment[]>()
  /** The longest at rest first, save after a checkpoint was loaded or a failed element was taken back. */
  readonly finished = new Map<string, number>()
  #isFinishedSorted = true
  #lastFinished = -Infinity

  constructor(codec: Codec<Entry<Out>>, undo: UndoLog) {
    super('#outputs', codec, undo, { survivesRewind: true, isLoadedFirst: true })
  }

  protected override onPut(id: string, entry: Entry<Out> | undefined): void {
    this.finished.delete(id)
    this.#index(id, entry)
    if (entry === undefined) return
    if (entry.finished !== null) {
      this.finished.set(id, entry.finished)
      if (entry.finished <= this.#lastFinished) this.#isFinishedSorted = false
      this.#lastFinished = entry.finished
    }
  }

  #index(id: string, entry: Entry<Out> | undefined): void {
    for (const segment of this.#segmentsOf.get(id) ?? []) {
      const ids = this.#bySegment.get(segment)
      ids?.delete(id)
      if (ids?.size === 0) this.#bySegment.delete(segment)
    }
    const segments = entry?.versions.flatMap(({ segment }) => (segment === null ? [] : [segment])) ?? []
    if (segments.length === 0) {
      this.#segmentsOf.delete(id)
      return
    }
    this.#segmentsOf.set(id, segments)
    for (const segment of segments) {
      const ids = this.#bySegment.get(segment)
      if (ids === undefined) this.#bySegment.set(segment, new Set([id]))
      else ids.add(id)
    }
  }
  /** The ids with a version of such a segment, each once. */
  *idsOf(isMeant: (segment: Segment) => boolean): Generator<string> {
    const given = new Set<string>()
    for (const [segment, ids] of this.#bySegment) {
      if (!isMeant(segment)) continue
      for (const id of ids) if (given.size !== given.add(id).size) yield id
    }
  }

  /** Forgets the ids longest at rest. */
  forgetBeyond(limit: number): void {
    if (this.finished.size <= limit) return
    if (!this.#isFinishedSorted) {
      const sorted = [...this.finished].sort(([a, first], [b, second]) => first - second || (a < b ? -1 : 1))
      this.finished.clear()
      for (const [id, at] of sorted) this.finished.set(id, at)
      this.#isFinishedSorted = true
      this.#lastFinished = sorted.at(-1)?.[1] ?? -Infinity
    }
    // One in eight at once, so that sorting is paid for by many additions.
    let excess = this.finished.size - limit + Math.floor(limit / 8)
    for (const id of this.finished.keys()) {
      if (excess === 0) return
      this.set(id, undefined)
      excess -= 1
    }
  }
}

/**
 * The lifecycle of outputs: `added`, then `confirmed` when the epoch is final or `retracted` when it is reverted. What
 * was sent cannot be unsent, so a rewind does not put this memory back: it answers with transitions. Without epochs an
 * output is final at once.
 */
export const sinkOperator =
  <Out>(topic: string, codec: SinkCodec<Out>, maxFinishedIds: number): CreateOperator =>
  (context) => {
    const { name, undo, outputs, hasEpochs } = context
    const memory = new SinkMemory(entryCodec(codec.outputCodec, name), undo)
    context.register(memory)

    const send = (output: Out, type: Transition['type'], revision: number): void => {
      const transition = { type, revision }
      outputs.emit(name, topic, codec.encode(output, transition), output, transition)
    }
    // A transition that cannot be encoded is a dead letter; the memory goes on as if it had been sent.
    const trySend = (output: Out, type: Transition['type'], revision: number): void => {
      const undoPosition = undo.position
      const outputPosition = outputs.position
      try {
        send(output, type, revision)
      } catch (error) {
        context.fail(error, undoPosition, outputPosition)
      }
    }
    const save = (id: string, revision: number, versions: readonly Version<Out>[]): void => {
      const isAtRest = versions.every(({ isConfirmed }) => isConfirmed)
      memory.set(id, { revision, versions, finished: isAtRest ? context.place : null })
    }

    const add = (output: Out): void => {
      const id = utf8ByteString(codec.idOf(output)) // keys of tables are bytes
      const entry = memory.get(id)
      const revision = (entry?.revision ?? 0) + 1
      sink.sequence += 1
      send(output, 'added', revision)
      if (!hasEpochs) {
        send(output, 'confirmed', revision + 1)
        save(id, revision + 1, [{ output, isConfirmed: true, segment: null, sequence: 0 }])
        memory.forgetBeyond(maxFinishedIds)
        return
      }
      const { segment } = context
      // Two contents of one epoch fall together, so the earlier one need not be kept.
      const below = entry?.versions.filter((version) => version.segment !== segment) ?? []
      save(id, revision, [...below, { output, isConfirmed: false, segment, sequence: sink.sequence }])
    }

    interface OpenEntry {
      readonly id: string
      readonly entry: Entry<Out>
    }
    const newest = ({ entry }: OpenEntry): number => entry.versions.at(-1)?.sequence ?? 0
    /** The entries with a version of such a segment, of which `isDue`, in order; then `tell` for each, a unit each. */
    function* walk(
      isMeant: (segment: Segment) => boolean,
      isDue: (entry: Entry<Out>) => boolean,
      isAfter: (a: OpenEntry, b: OpenEntry) => boolean,
      tell: (open: OpenEntry) => void,
    ): Generator<void> {
      const due: OpenEntry[] = []
      let looked = 0
      for (const id of memory.idsOf(isMeant)) {
        const entry = memory.get(id)
        if (entry !== undefined && isDue(entry)) due.push({ id, entry })
        looked += 1
        if (looked % valuesASlice === 0) yield
      }
      const sort = new SlicedSort(due, isAfter)
      while (sort.next()) yield
      for (const open of sort.sorted) {
        tell(open)
        yield
      }
      memory.forgetBeyond(maxFinishedIds)
    }

    const sink: LifecycleSink = {
      sequence: 0,
      finalize(epoch) {
        const isMeant = (segment: Segment) => segment.epoch !== null && segment.epoch <= epoch
        const isFinal = ({ isConfirmed, segment }: Version<Out>) =>
          isConfirmed || (segment !== null && isMeant(segment))
        const isDue = ({ versions }: Entry<Out>) => versions.findLast(isFinal)?.isConfirmed === false
        const isAfter = (a: OpenEntry, b: OpenEntry) => newest(a) > newest(b)
        return walk(isMeant, isDue, isAfter, ({ id, entry }) => {
          const index = entry.versions.findLastIndex(isFinal)
          const version = entry.versions[index]
          if (version === undefined) return // what is due has one
          const confirmed = { ...version, isConfirmed: true, segment: null, sequence: 0 }
          // Under an update that may yet fall, the earlier content's finality is told only if it comes back.
          const isCurrent = index === entry.versions.length - 1
          if (isCurrent) trySend(version.output, 'confirmed', entry.revision + 1)
          const revision = entry.revision + (isCurrent ? 1 : 0)
          save(id, revision, [confirmed, ...entry.versions.slice(index + 1)])
        })
      },
      revert() {
        const isMeant = (segment: Segment) => segment.isReverted
        const isReverted = ({ segment }: Version<Out>) => segment?.isReverted === true
        const isDue = ({ versions }: Entry<Out>) => versions.some(isReverted)
        const isAfter = (a: OpenEntry, b: OpenEntry) => newest(a) < newest(b)
        return walk(isMeant, isDue, isAfter, ({ id, entry }) => {
          const fallen = entry.versions.at(-1)
          if (fallen === undefined) return // what is due has one
          const standing = entry.versions.filter((version) => !isReverted(version))
          const earlier = standing.at(-1)
          let { revision } = entry
          if (earlier === undefined) trySend(fallen.output, 'retracted', (revision += 1))
          else {
            trySend(earlier.output, 'added', (revision += 1))
            if (earlier.isConfirmed) trySend(earlier.output, 'confirmed', (revision += 1))
          }
          save(id, revision, standing)
        })
      },
    }
    context.registerSink(sink)

    return {
      receivers: [
        {
          process(value) {
            const undoPosition = undo.position
            const outputPosition = outputs.position
            try {
              add(context.freeze(value as Out)) // the builder typed the stream that feeds the sink
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
    }
  }
