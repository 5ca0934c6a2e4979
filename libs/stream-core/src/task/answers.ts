import type { Outcome } from '../enrichment.ts'
import { DeterminismError } from './errors.ts'

export interface AnswerRequest {
  /** The operator that asks. */
  readonly operator: string
  readonly request: Uint8Array
}

/** A request whose outcome an operator was given. */
export interface AnswerUse extends AnswerRequest {
  /** How many of the task came before it. */
  readonly index: number
  readonly outcome: Outcome
}

/** Never reaches a user: operators hand it on, as they do all that stops, and the task does the unit again later. */
export class AnswerMissing extends Error {
  readonly code = 'STREAM_ANSWER_MISSING'
  readonly handling = 'stop'
  readonly remedy = 'Let it pass: a function that catches what it did not throw keeps the task from waiting.'
}

/** Where answers are there at once, as in tests. Undefined: there they are not. */
export type AnswerAtOnce = (asked: AnswerRequest) => Outcome | undefined

interface Slot {
  readonly asked: AnswerRequest
  /** Null: under way. */
  outcome: Outcome | null
}

/**
 * The answers of one task: those that were asked for and wait for their use, and those that were used since the last
 * commit. In a replay they come from the journal, in the order of their use then.
 */
export class Answers {
  readonly #atOnce: AnswerAtOnce | undefined
  readonly #capacityOf: (operator: string) => number
  #journal: readonly AnswerUse[] = []
  #replayed = 0
  #used = 0
  /** By operator and request, in the order in which they were asked. */
  readonly #slots = new Map<string, Slot[]>()
  readonly #slotsByOperator = new Map<string, number>()
  readonly #underWay = new Map<string, number>()
  #uses: AnswerUse[] = []
  /** Of the unit in hand: where `#uses` stood, the slots that were taken, and what of the journal was. */
  #usesBefore = 0
  #taken: { readonly name: string; readonly slot: Slot }[] = []
  #replayedBefore = 0
  #missing: AnswerRequest | null = null
  /** What the next element, or the unit in hand, cannot do without. */
  #needs: readonly AnswerRequest[] = []

  constructor(capacityOf: (operator: string) => number, atOnce?: AnswerAtOnce) {
    this.#capacityOf = capacityOf
    this.#atOnce = atOnce
  }

  /** Uses so far, over reverts. */
  get used(): number {
    return this.#used
  }
  /** Something is needed that is not there. */
  get isAwaited(): boolean {
    return this.#needs.length > 0
  }
  /** Uses of the run before that have not come again yet. */
  get toReplay(): number {
    return this.#journal.length - this.#replayed
  }
  restore(used: number): void {
    this.#used = used
  }
  /** What was used after where the task stands, oldest first. */
  replay(journal: readonly AnswerUse[]): void {
    this.#journal = journal
    this.#replayed = 0
  }

  /** @throws {AnswerMissing} @throws {DeterminismError} in a replay the run before used another one here. */
  use(asked: AnswerRequest): Outcome {
    const journaled = this.#journal[this.#replayed]
    if (journaled !== undefined) {
      verifySame(journaled, asked)
      this.#replayed += 1
      this.#used += 1
      return journaled.outcome
    }
    const outcome = this.#take(asked) ?? this.#atOnce?.(asked)
    if (outcome === undefined) {
      this.#missing ??= asked
      throw new AnswerMissing(`"${asked.operator}" waits for an answer.`)
    }
    this.#uses.push({ ...asked, index: this.#used, outcome })
    this.#used += 1
    return outcome
  }

  /** A unit begins. */
  begin(): void {
    this.#usesBefore = this.#uses.length
    this.#replayedBefore = this.#replayed
    this.#taken.length = 0
    this.#missing = null
    this.#needs = []
  }
  /** An answer that the unit asked for was missing, whether its operators handed that on or not. */
  get isMissing(): boolean {
    return this.#missing !== null
  }
  /** The unit is undone: what it used is there again. */
  undo(): void {
    const uses = this.#uses.splice(this.#usesBefore)
    this.#used -= uses.length + (this.#replayed - this.#replayedBefore)
    this.#replayed = this.#replayedBefore
    for (const { name, slot } of this.#taken.reverse()) this.#put(name, slot, 'first')
    this.#taken.length = 0
    this.#needs = this.#missing === null ? uses : [...uses, this.#missing]
  }

  /** Whether all of these can be used at once; otherwise they are needed from now on. */
  have(asked: readonly AnswerRequest[]): boolean {
    this.#needs = []
    if (asked.length === 0 || this.toReplay > 0 || this.#atOnce !== undefined) return true
    const counts = new Map<string, number>()
    for (const one of asked) {
      const name = nameOf(one)
      const count = counts.get(name) ?? 0
      counts.set(name, count + 1)
      if ((this.#slots.get(name)?.[count]?.outcome ?? null) !== null) continue
      this.#needs = asked
      return false
    }
    return true
  }

  /**
   * What is to be asked now: first what is needed, then what is `ahead`, as far as capacities allow. It counts as under
   * way until `give`.
   */
  toAsk(ahead: Iterable<AnswerRequest>): readonly AnswerRequest[] {
    if (this.toReplay > 0 || this.#atOnce !== undefined) return [] // what was committed is not asked again
    const asks: AnswerRequest[] = []
    const wanted = new Map<string, number>()
    const wantedByOperator = new Map<string, number>()
    const want = (asked: AnswerRequest, isNeeded: boolean): void => {
      const { operator } = asked
      const capacity = this.#capacityOf(operator)
      const sum = wantedByOperator.get(operator) ?? 0
      if (!isNeeded && sum >= capacity) return
      wantedByOperator.set(operator, sum + 1)
      const name = nameOf(asked)
      const count = (wanted.get(name) ?? 0) + 1
      wanted.set(name, count)
      if (count <= (this.#slots.get(name)?.length ?? 0)) return
      const held = isNeeded ? this.#underWay.get(operator) : this.#slotsByOperator.get(operator)
      if ((held ?? 0) >= capacity) return
      this.#put(name, { asked, outcome: null }, 'last')
      this.#underWay.set(operator, (this.#underWay.get(operator) ?? 0) + 1)
      asks.push(asked)
    }
    for (const asked of this.#needs) want(asked, true)
    for (const asked of ahead) want(asked, false)
    this.#dropUnwanted(wanted)
    return asks
  }
  give(asked: AnswerRequest, outcome: Outcome): void {
    const slot = this.#slots.get(nameOf(asked))?.find((one) => one.outcome === null)
    if (slot === undefined) throw new Error(`assertion: "${asked.operator}" was not asked for`)
    slot.outcome = outcome
    this.#underWay.set(asked.operator, (this.#underWay.get(asked.operator) ?? 0) - 1)
  }

  /** What was used since the last time, to be committed. */
  drain(): readonly AnswerUse[] {
    const drained = this.#uses
    this.#uses = []
    return drained
  }

  #take(asked: AnswerRequest): Outcome | undefined {
    const name = nameOf(asked)
    const slots = this.#slots.get(name)
    const slot = slots?.[0]
    if (slots === undefined || slot === undefined || slot.outcome === null) return undefined
    this.#taken.push({ name, slot })
    slots.shift()
    this.#count(name, slots, asked.operator, -1)
    return slot.outcome
  }
  #put(name: string, slot: Slot, at: 'first' | 'last'): void {
    let slots = this.#slots.get(name)
    if (slots === undefined) this.#slots.set(name, (slots = []))
    if (at === 'first') slots.unshift(slot)
    else slots.push(slot)
    this.#count(name, slots, slot.asked.operator, 1)
  }
  #count(name: string, slots: readonly Slot[], operator: string, change: number): void {
    if (slots.length === 0) this.#slots.delete(name)
    this.#slotsByOperator.set(operator, (this.#slotsByOperator.get(operator) ?? 0) + change)
  }
  // What was looked ahead to may never come, as a revert reads elements in another order.
  #dropUnwanted(wanted: ReadonlyMap<string, number>): void {
    for (const [name, slots] of this.#slots) {
      const operator = slots[0]?.asked.operator ?? ''
      if ((this.#slotsByOperator.get(operator) ?? 0) < this.#capacityOf(operator)) continue
      for (let excess = slots.length - (wanted.get(name) ?? 0); excess > 0; excess -= 1) {
        const at = slots.findLastIndex(({ outcome }) => outcome !== null)
        const [dropped] = at === -1 ? [] : slots.splice(at, 1)
        if (dropped === undefined) break
        this.#count(name, slots, dropped.asked.operator, -1)
      }
    }
  }
}

const nameOf = ({ operator, request }: AnswerRequest): string =>
  `${operator}\n${Buffer.from(request).toString('latin1')}`

const shown = ({ operator, request }: AnswerRequest): string => {
  const text = Buffer.from(request).toString('utf8')
  return `"${operator}" with ${/^\P{C}*$/u.test(text) ? text : `0x${Buffer.from(request).toString('hex')}`}`
}

const verifySame = (journaled: AnswerUse, asked: AnswerRequest): void => {
  if (nameOf(journaled) === nameOf(asked)) return
  throw new DeterminismError(
    `The replay asks ${shown(asked)} where the run before asked ${shown(journaled)} (answer ${journaled.index}).`,
    null,
    '`requestOf` must be pure; to change it let the job stop where all that it has read is final, or give it new topics.',
  )
}
