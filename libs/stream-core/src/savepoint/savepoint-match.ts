import { listCodec } from '../state/list-view.ts'
import type { StateDescriptor } from '../state/keyed-state.ts'
import type { TtlOptions } from '../state/state.ts'
import { TimedCodec } from '../state/timed.ts'
import { decodeVersioned, StateCodecMismatchError, StateTtlMismatchError } from '../state/versioned.ts'
import type { Codec } from '../codec.ts'
import type { Task } from '../task/task.ts'
import { nameOfNode } from '../topology.ts'
import type { SavepointCell, SavepointLayout } from './savepoint-file.ts'
import type { SavepointHead, SavepointInput } from './savepoint-head.ts'

/** What a descriptor of a state says about reading it. */
export interface DeclaredState {
  readonly name: string
  readonly kind: StateDescriptor['kind']
  readonly codec: Pick<Codec<unknown>, 'version' | 'decode' | 'migrate'>
  readonly ttl?: TtlOptions
  readonly maxEntries?: number
}

export interface MatchOptions {
  /** By the uid that an operator had, the one that it has. */
  readonly renamedUids?: Readonly<Record<string, string>> | undefined
  /** Instead of being refused, state and positions that nobody has a use for are left out. Flink's word. */
  readonly allowNonRestoredState?: boolean | undefined
  /**
   * By uid, all states that the functions of an operator ask for. Functions ask when they run, so that only with these it
   * is known before whether a state was removed, or its codec cannot read it; else that shows at its first use.
   */
  readonly states?: Readonly<Record<string, readonly DeclaredState[]>> | undefined
}

/** How a state of the savepoint goes into the job; null: not at all. */
export type StateMatch = { readonly table: string; readonly node: number } | null

interface Owner {
  readonly node: number
  readonly uid: string
  readonly own: string
}

/** What of a savepoint fits a topology, and what does not. It looks at each cell: call `cell` for all. */
export class SavepointMatch {
  readonly #task: Task
  readonly #head: SavepointHead
  readonly #options: MatchOptions
  readonly #renamed: ReadonlyMap<string, string>
  readonly #matches = new Map<string, StateMatch>()
  readonly #checks = new Map<string, (cell: SavepointCell) => void>()
  readonly #mismatches = new Set<string>()
  /** What is left out, for it is allowed. */
  readonly notRestored: string[] = []

  /** `task`: all of the topology in one. */
  constructor(task: Task, head: SavepointHead, options: MatchOptions) {
    this.#task = task
    this.#head = head
    this.#options = options
    this.#renamed = new Map(Object.entries(options.renamedUids ?? {}))
    const { job } = task.topology
    if (head.job !== job) this.#mismatches.add(`It is of job "${head.job}", not "${job}".`)
    if (head.hasEpochs !== task.hasEpochs) {
      this.#mismatches.add(
        head.hasEpochs
          ? 'It is of a job with epochs; no source of this one has any.'
          : 'It is of a job without epochs; a source of this one has them.',
      )
    }
    const read = new Set(task.sources.flatMap((source) => this.positionOf(source) ?? []))
    for (const input of head.inputs) {
      const { source, topic, partition } = input
      if (!read.has(input)) this.#leaveOut(`the position of source "${source}" in ${topic}/${partition}`)
    }
  }

  get mismatches(): readonly string[] {
    return [...this.#mismatches]
  }

  /** Where a source goes on; undefined: it is new. */
  positionOf(of: { readonly source: string; readonly topic: string; readonly partition: number }) {
    const at = this.#head.inputs.filter(({ topic, partition }) => topic === of.topic && partition === of.partition)
    const own = (input: SavepointInput) => this.uidNow(input.source) === of.source
    return (
      at.find(own) ??
      at.find(
        (input) =>
          !this.#task.sources.some(
            ({ source, topic }) => source === this.uidNow(input.source) && topic === input.topic,
          ),
      )
    )
  }

  uidNow(uid: string): string {
    return this.#renamed.get(uid) ?? uid
  }

  stateOf(table: string): StateMatch {
    return this.#matches.get(table) ?? null
  }

  cell(cell: SavepointCell): void {
    const { table, layout } = cell
    let check = this.#checks.get(table)
    if (check === undefined) {
      check = this.#match(table, layout)
      this.#checks.set(table, check)
    }
    check(cell)
  }

  /** Decides where the state goes. @returns what is to be asked of each of its cells */
  #match(name: string, layout: SavepointLayout): (cell: SavepointCell) => void {
    this.#matches.set(name, null)
    const owner = this.#ownerOf(name)
    if (owner === null) {
      this.#leaveOut(`state "${name}", whose operator is not there`)
      return () => undefined
    }
    const { node, uid, own } = owner
    const table = `${uid}/${own}`
    const take = () => this.#matches.set(name, { table, node })
    const registered = this.#task.tables.get(table)
    if (registered !== undefined) {
      const { layout: kept } = registered
      const current = kept === 'pages' || kept === 'panes' ? 'entries' : kept
      if (current !== layout)
        return this.#refuse(`State "${name}" was kept as ${layout}; this job keeps it as ${current}.`)
      take()
      return this.#decoding(name, ({ value }) => registered.decodeStored?.(value))
    }
    const declared = this.#options.states?.[uid]
    const isKeyed = [...this.#task.tables.keys()].some((other) => other.startsWith(`${uid}/`))
    const isOfFunctions = !own.startsWith('#') || /^#(trigger|window)-/.test(own)
    if (!isKeyed || !isOfFunctions) {
      this.#leaveOut(`state "${name}", which its operator does not keep`)
      return () => undefined
    }
    if (declared === undefined || own.startsWith('#')) {
      take()
      return () => undefined
    }
    const descriptor = declared.find((one) => one.name === own)
    if (descriptor === undefined) {
      this.#leaveOut(`state "${name}", which its operator does not declare`)
      return () => undefined
    }
    const current: SavepointLayout = descriptor.kind === 'map' ? 'entries' : 'values'
    if (current !== layout) {
      return this.#refuse(
        `State "${name}" was kept as ${layout}; as a ${descriptor.kind} state it is kept as ${current}.`,
      )
    }
    take()
    const decode = decoderOf(descriptor, name)
    return this.#decoding(name, ({ value }) => decode(value))
  }

  /** A table is named by its operator and its own name; both may hold a slash. */
  #ownerOf(name: string): Owner | null {
    let owner: Owner | null = null
    for (const node of this.#task.topology.nodes) {
      const uid = nameOfNode(node)
      for (const before of [uid, ...this.#namesBefore(uid)]) {
        const isOwn = name.startsWith(`${before}/`) && this.uidNow(before) === uid
        const own = name.slice(before.length + 1)
        if (isOwn && (owner === null || own.length < owner.own.length)) owner = { node: node.id, uid, own }
      }
    }
    return owner
  }
  #namesBefore(uid: string): readonly string[] {
    return [...this.#renamed].flatMap(([before, now]) => (now === uid ? [before] : []))
  }

  #decoding(name: string, decode: (cell: SavepointCell) => unknown): (cell: SavepointCell) => void {
    return (cell) => {
      try {
        decode(cell)
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        const isKnown = error instanceof StateCodecMismatchError || error instanceof StateTtlMismatchError
        // The errors of tables name the state alone; of several operators that may be the same.
        this.#mismatches.add(
          isKnown
            ? reason.replace(/^State "[^"]*"/, `State "${name}"`)
            : `A value of state "${name}" cannot be read: ${reason}.`,
        )
      }
    }
  }
  #refuse(sentence: string): () => void {
    this.#mismatches.add(sentence)
    return () => undefined
  }
  #leaveOut(what: string): void {
    if (this.#options.allowNonRestoredState === true) this.notRestored.push(what)
    else this.#mismatches.add(`It has ${what}.`)
  }
}

/** Reads a value of a state that functions ask for. */
const decoderOf = (
  { kind, codec, ttl, maxEntries }: DeclaredState,
  state: string,
): ((value: Uint8Array) => unknown) => {
  const isTimed = ttl !== undefined || (kind === 'map' && maxEntries !== undefined)
  const plain = readOnly(codec)
  const timed = new TimedCodec(state, plain)
  // Timed values decode what they hold when it is asked for.
  const item = isTimed ? readOnly({ version: timed.version, decode: (bytes) => timed.decode(bytes).value }) : plain
  if (kind !== 'list') return (value) => decodeVersioned(item, value, state)
  const list = listCodec(item)
  return (value) => decodeVersioned(list, value, state)
}

const readOnly = (codec: DeclaredState['codec']): Codec<unknown> => ({
  version: codec.version,
  decode: (bytes) => codec.decode(bytes),
  ...(codec.migrate && { migrate: codec.migrate.bind(codec) }),
  encode: () => {
    throw new Error('assertion: a check encodes nothing')
  },
})
