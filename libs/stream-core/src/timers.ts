import type { Codec } from './codec.ts'
import type { UndoLog } from './task/rewind.ts'
import type { Timestamp } from './time.ts'
import { fromByteString, integerKey, toByteString } from './state/key-encoding.ts'
import { NestedTable, type SubKeys } from './state/state-table.ts'

/** A timer of a key; `namespace` tells apart what an operator itself uses timers for. */
export interface Timer {
  readonly at: Timestamp
  readonly key: string
  readonly namespace: string
}

// Ties go to key bytes, then namespace, because "same log in, same alerts out" would otherwise hang on heap layout.
const isBefore = (a: Timer, b: Timer): boolean =>
  a.at !== b.at ? a.at < b.at : a.key !== b.key ? a.key < b.key : a.namespace < b.namespace

const timerCodec: Codec<Timer> = {
  version: 1,
  encode: (timer) => Buffer.from(JSON.stringify([timer.at, timer.key, timer.namespace])),
  decode: (bytes) => {
    const [at, key, namespace] = JSON.parse(Buffer.from(bytes).toString()) as [number, string, string] // its own encode
    return { at, key, namespace }
  },
}

// Most timers have no namespace of their own: then the time alone names the timer of a key.
const nameOf = (at: Timestamp, namespace: string): string | number => (namespace === '' ? at : `${at}:${namespace}`)
const timerNames: SubKeys<string | number> = {
  toBytes: (name) =>
    typeof name === 'number'
      ? toByteString(integerKey.encode(name))
      : toByteString(integerKey.encode(Number.parseInt(name, 10))) + name.slice(name.indexOf(':') + 1),
  fromBytes: (text) => nameOf(integerKey.decode(fromByteString(text.slice(0, 8))), text.slice(8)),
}

const compactAbove = 1024

/**
 * The event-time timers of an operator, in their total order (time, key bytes, namespace). State like any other: undone,
 * rewound and checkpointed. The heap may hold timers that were deleted since; the table says which are live.
 */
export class Timers extends NestedTable<string | number, Timer> {
  #heap: Timer[] = []
  #live = 0

  constructor(undo: UndoLog) {
    super('#timers', timerNames, timerCodec, undo)
  }

  get count(): number {
    return this.#live
  }
  register(key: string, at: Timestamp, namespace = ''): void {
    const name = nameOf(at, namespace)
    if (this.get(key, name) === undefined) this.set(key, name, { at, key, namespace })
  }
  delete(key: string, at: Timestamp, namespace = ''): void {
    this.set(key, nameOf(at, namespace), undefined)
  }

  /** Takes the first timer at or before `watermark`, in total order. */
  take(watermark: Timestamp): Timer | undefined {
    for (let first = this.#heap[0]; first !== undefined && first.at <= watermark; first = this.#heap[0]) {
      this.#pop()
      if (this.#isLive(first)) {
        this.delete(first.key, first.at, first.namespace)
        return first
      }
    }
    return undefined
  }

  protected override put(key: string, name: string | number, timer: Timer | undefined): void {
    const existing = this.get(key, name)
    super.put(key, name, timer)
    if (timer !== undefined) {
      this.#push(timer)
      if (existing === undefined) this.#live += 1
    } else if (existing !== undefined) this.#live -= 1
    if (this.#heap.length > compactAbove && this.#heap.length > 2 * this.#live) this.#compact()
  }

  #isLive(timer: Timer): boolean {
    return this.get(timer.key, nameOf(timer.at, timer.namespace)) === timer
  }

  // A rewind pushes a timer that may still stand in the heap: the copies are one object, and the first to fire ends both.
  #compact(): void {
    const live = [...new Set(this.#heap)].filter((timer) => this.#isLive(timer))
    this.#heap = live.sort((a, b) => (isBefore(a, b) ? -1 : 1)) // a sorted array is a heap
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(timer)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(timer, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = timer
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      let below = heap[child]
      const right = heap[child + 1]
      if (below !== undefined && right !== undefined && isBefore(right, below)) {
        child += 1
        below = right
      }
      if (below === undefined || !isBefore(below, last)) break
      heap[at] = below
      at = child
    }
    heap[at] = last
  }
}
