import { DueTimes } from '../due-times.ts'
import type { Timestamp } from '../time.ts'
import { byteStringsOf, stringKey } from './key-encoding.ts'
import { SlotLog, type PageWriter, type SlotEntries, type Standing } from './slot-log.ts'

/** What the log of a slot says of a time: a key is due then, is no longer, or none is any more. */
export type DueChange = 'added' | 'removed' | 'cleared'
const kinds: readonly DueChange[] = ['added', 'removed', 'cleared']

export interface DueEntry {
  readonly change: DueChange
  readonly at: Timestamp
  readonly namespace: string
  readonly key: string
}

/** Of event time, ms: a week is some nine thousand slots. */
const slotLength = 2 ** 16
export const slotOf = (at: Timestamp): number => Math.floor(at / slotLength)

const texts = byteStringsOf(stringKey)

class StandingDue implements Standing<DueEntry> {
  readonly #byTime = new Map<Timestamp, Map<string, DueEntry>>()

  apply(entry: DueEntry): void {
    const name = `${entry.namespace}\0${entry.key}`
    const keys = this.#byTime.get(entry.at)
    if (entry.change === 'cleared') this.#byTime.delete(entry.at)
    else if (entry.change === 'removed') keys?.delete(name)
    else if (keys === undefined) this.#byTime.set(entry.at, new Map([[name, entry]]))
    else keys.set(name, entry)
  }
  *entries(): Generator<DueEntry> {
    for (const keys of this.#byTime.values()) yield* keys.values()
  }
}

/** An entry: its kind, its time within the slot in two bytes, then namespace and key, each with its length in four. */
export const dueEntries: SlotEntries<DueEntry> = {
  write(page: PageWriter, { change, at, namespace: text, key }, slot) {
    const namespace = texts.of(text)
    const [bytes, start] = page.reserve(11 + namespace.length + key.length)
    let to = bytes.writeUInt8(kinds.indexOf(change), start)
    to = bytes.writeUInt16BE(at - slot * slotLength, to)
    to = bytes.writeUInt32BE(namespace.length, to)
    to += bytes.write(namespace, to, 'latin1')
    to = bytes.writeUInt32BE(key.length, to)
    bytes.write(key, to, 'latin1')
  },
  *read(bytes, slot) {
    for (let at = 0; at < bytes.length;) {
      const change = kinds[bytes.readUInt8(at)] ?? 'added'
      const time = slot * slotLength + bytes.readUInt16BE(at + 1)
      const keyAt = at + 7 + bytes.readUInt32BE(at + 3)
      const end = keyAt + 4 + bytes.readUInt32BE(keyAt)
      yield {
        change,
        at: time,
        namespace: texts.from(bytes.toString('latin1', at + 7, keyAt)),
        key: bytes.toString('latin1', keyAt + 4, end),
      }
      at = end
    }
  },
  standing: () => new StandingDue(),
  liveBy: ({ change }) => (change === 'removed' ? -1 : 1),
}

/**
 * What is due when, as the store holds it: additions and removals, by slots of time. What is in memory is due at `times`;
 * what is not is read when its time comes.
 */
export class DueLog extends SlotLog<DueEntry> {
  /** Of what is in memory. */
  readonly times = new DueTimes()
  readonly #coldTimes = new DueTimes()

  constructor(table: string, isCompacted: boolean) {
    super(table, dueEntries, isCompacted)
  }

  /** Part of the checkpoint in hand. `live`: how many more stand. */
  append(entry: DueEntry, live: number): void {
    this.appendTo(slotOf(entry.at), entry, live)
  }
  override freeze(slot: number): void {
    super.freeze(slot)
    this.#coldTimes.add(slot)
  }
  /** The first slot that must be in memory before what is due first can be told, at or before `time`. */
  slotToThaw(time: Timestamp): number | undefined {
    const { first } = this.times
    return this.coldSlotUpTo(first === undefined ? time : Math.min(first, time))
  }
  /** The first slot that is not in memory and begins at or before `time`; undefined: none. */
  coldSlotUpTo(time: Timestamp): number | undefined {
    if (!this.hasCold) return undefined
    for (let slot = this.#coldTimes.first; slot !== undefined; slot = this.#coldTimes.first) {
      if (this.isCold(slot)) return slot * slotLength <= time ? slot : undefined
      this.#coldTimes.takeFirst()
    }
    return undefined
  }
  /** When something is due first, at or before `time`; `thaw` reads what must be in memory for that. */
  firstUpTo(time: Timestamp, thaw: (slot: number) => void): Timestamp | undefined {
    for (;;) {
      const slot = this.slotToThaw(time)
      if (slot === undefined) break
      thaw(slot)
    }
    const { first } = this.times
    return first === undefined || first > time ? undefined : first
  }
}
