import type { LogRecord } from '@tocsin/event-log'
import type { SourceRecord, Topology } from '../src/index.ts'
import { MemoryBudget } from '../src/state/memory-budget.ts'
import { newMemoryStoreContents, openMemoryStore, type MemoryStoreContents } from '../src/state/memory-store.ts'
import { encodeMeta, restoreCheckpoint } from '../src/task/checkpoint.ts'
import { Task } from '../src/task/task.ts'
import { attackedTopology, pieces, type Part } from './attacked-topology.ts'
import { seededRandom, type SeededRandom } from './seeded-random.ts'
import { verifyLines } from './simulation/laws.ts'
import { chainLogs, priceLog, type ChainStep, type PriceStep } from './simulation/market.ts'
import { checkpointOf } from './simulation/plain-run.ts'

const deadLetterTopic = 'dead-letters'
const partitionsOf = (topic: string) => (topic === 'prices' ? 2 : topic === 'findings' ? 3 : 1)

/** What a seed stands for: a topology and its inputs' logs. */
export interface Attack {
  readonly parts: readonly Part[]
  readonly epochs: boolean
  readonly maxFinishedIds: number
  readonly logs: ReadonlyMap<string, readonly LogRecord[]>
  readonly surviving: ReadonlyMap<string, readonly LogRecord[]>
  readonly ends: boolean
}

const names = ['ann', 'bob', 'cyd', 'dan', 'eve'] as const
const kinds = Object.keys(pieces)

export const attackOf = (seed: number): Attack => {
  const random = seededRandom(seed)
  const parts = Array.from({ length: random.integer(1, 3) }, (): Part => ({
    piece: kinds[random.integer(0, kinds.length - 1)] ?? '',
    stage: random.oneOf(['none', 'none', 'process', 'session', 'sliding']),
  }))
  const epochs = random.fraction() < 0.75
  const users = names.slice(0, random.integer(1, names.length))
  const user = () => users[random.integer(0, users.length - 1)] ?? 'ann'
  const chain: ChainStep[] = []
  const finality = random.fraction() * 0.4
  for (let n = random.integer(5, 40); n > 0; n -= 1) {
    const roll = random.fraction()
    if (roll < 0.2) chain.push({ type: 'revert', depth: random.integer(1, 5), again: random.integer(0, 5) })
    else if (roll < 0.2 + finality) chain.push({ type: 'finalize', depth: random.integer(0, 4) })
    else {
      const transfers = Array.from({ length: random.integer(0, 4) }, () => ({
        from: user(),
        to: user(),
        amount: random.integer(1, 20),
        back: random.fraction() < 0.8 ? random.oneOf([0, 0, 100, 200, 300]) : random.integer(0, 5000),
      }))
      chain.push({ type: 'block', transfers })
    }
  }
  const prices = (): PriceStep[] =>
    Array.from({ length: random.integer(0, 24) }, (): PriceStep => {
      const roll = random.fraction()
      const gap = random.oneOf([0, 100, 200, 500, 900])
      if (roll < 0.6) return { type: 'price', gap, back: random.oneOf([0, 0, 100, 300]), token: user() }
      if (roll < 0.8) return { type: 'beat', gap }
      if (roll < 0.95) return { type: 'clock', ahead: random.integer(0, 1500) }
      return { type: 'garbage' }
    })
  const ends = random.fraction() < 0.8
  const { stormy, surviving } = chainLogs(chain, ends)
  const asRecords = (values: readonly Uint8Array[]): readonly LogRecord[] =>
    values.map((value, offset) => ({ offset, key: null, value }))
  const plain = (values: readonly Uint8Array[]): readonly Uint8Array[] =>
    epochs
      ? values
      : values.flatMap((value) => {
          const record = JSON.parse(Buffer.from(value).toString()) as SourceRecord<unknown> // as `chainLogs` wrote it
          if (record.type === 'sealed')
            return [Buffer.from(JSON.stringify({ type: 'watermark', watermark: record.watermark }))]
          return record.type === 'reverted' || record.type === 'finalized' ? [] : [value]
        })
  const priceLogs = [0, 1].map((p) => [`prices/${p}`, asRecords(priceLog(p, prices(), ends))] as const)
  return {
    parts,
    epochs,
    ends,
    maxFinishedIds: random.oneOf([100_000, 100_000, 3]),
    logs: new Map([['chain/0', asRecords(plain(epochs ? stormy : surviving))], ...priceLogs]),
    surviving: new Map([['chain/0', asRecords(plain(surviving))], ...priceLogs]),
  }
}

const newTask = (topology: Topology): Task =>
  new Task({
    topology,
    partitions: partitionsOf,
    deadLetters: {
      topic: deadLetterTopic,
      encode: ({ operator, origin, code, reason }) => Buffer.from(`${operator} ${code} ${origin} ${reason}`),
    },
  })

/** By step: what it emitted, and the proofs after it. */
interface Run {
  readonly emitted: readonly (readonly string[])[]
  readonly proofs: readonly string[]
  readonly contents: MemoryStoreContents
}

const textOf = (task: Task): string[] =>
  task.outputs
    .drain()
    .map(({ record, sink }) => `${sink} ${record.topic}/${record.partition} ${Buffer.from(record.value).toString()}`)
const proofOf = (task: Task): string =>
  JSON.stringify([task.outputs.proofs(), task.outputs.sent(), task.lateElements, task.processingTime, task.watermark])

/** What `writeCheckpoint` does, one piece at a time. */
class Checkpointing {
  readonly #task: Task
  readonly #snapshot
  readonly #tables
  readonly #cells: Generator<readonly [string, { key: string; sub: string | null; value: Uint8Array | null } | null]>
  readonly #write
  #isTaken = false
  #ending: Generator<void> | null = null
  constructor(task: Task, contents: MemoryStoreContents) {
    this.#task = task
    const { snapshot, tables } = task.beginCheckpoint()
    this.#snapshot = snapshot
    this.#tables = tables
    this.#write = openMemoryStore(contents).begin()
    this.#cells = (function* () {
      for (const [name, table] of tables) for (const cell of table.changedCells()) yield [name, cell] as const
    })()
  }
  get steps() {
    return this.#snapshot.steps
  }
  get isTaken() {
    return this.#isTaken
  }
  note(): void {
    this.#task.noteForCheckpoint()
  }
  take(count: number): void {
    while (this.#task.noteForCheckpoint());
    for (let n = 0; n < count && !this.#isTaken; n += 1) {
      const next = this.#cells.next()
      if (next.done === true) this.#isTaken = true
      else {
        const [name, cell] = next.value
        if (cell !== null) this.#write.put(name, cell.key, cell.sub, cell.value)
      }
    }
  }
  /** Durable in the store, not yet told to the tables. */
  commit(): void {
    const tables = new Map(Object.entries(this.#task.restoredTables))
    for (const [name, { layout, sizeInCheckpoint: size }] of this.#tables) tables.set(name, { layout, size })
    // Of a store in memory: at once.
    void this.#write.commit(encodeMeta(this.#task, { starts: [], snapshot: this.#snapshot, tables }))
  }
  /** @returns whether more is left */
  endNext(isDurable: boolean): boolean {
    this.#ending ??= this.#task.endCheckpoint(isDurable)
    if (!isDurable) {
      for (const _ of this.#ending);
      return false
    }
    return this.#ending.next().done !== true
  }
}

const plainRun = (topology: Topology, logs: Attack['logs']): Run => {
  const task = newTask(topology)
  const contents = newMemoryStoreContents()
  task.attach({ tables: {}, read: (...at) => openMemoryStore(contents).read(...at), readSpill: () => undefined })
  task.start(task.inputs.map(() => 0))
  for (const input of task.inputs) {
    const records = logs.get(`${input.source.topic}/${input.partition}`) ?? []
    input.offer(records, records.length)
  }
  const emitted: string[][] = [[]]
  const proofs = [proofOf(task)]
  while (task.advance(1) > 0) {
    emitted.push(textOf(task))
    proofs.push(proofOf(task))
  }
  const checkpoint = new Checkpointing(task, contents)
  checkpoint.take(Infinity)
  checkpoint.commit()
  return { emitted, proofs, contents }
}

/**
 * Folds a random history with a random topology twice: plainly, and with checkpoints that take their time, fail, or are
 * overtaken by finality and reverts, with eviction of all that may be dropped, undo in the store, pauses and crashes at
 * any moment between two units of work. Every step must emit the same bytes, and the state must end the same.
 * @returns what happened, counted @throws {BrokenLawError}
 */
export const runAttack = async (seed: number): Promise<Record<string, number>> => {
  const attack = attackOf(seed)
  const { logs, epochs, maxFinishedIds } = attack
  const topology = () => attackedTopology(attack.parts, { epochs, maxFinishedIds })
  const plain = plainRun(topology(), logs)
  const total = plain.emitted.length - 1
  const random: SeededRandom = seededRandom(seed + 77_777)
  const met: Record<string, number> = { steps: total, outputs: plain.emitted.flat().length }
  const count = (what: string) => (met[what] = (met[what] ?? 0) + 1)
  const contents = newMemoryStoreContents()
  const isTiny = random.fraction() < 0.7
  const maxUndo = random.oneOf([0, 1, 2, 3, 10_000])
  const crashes = random.oneOf([0, 0.02, 0.1])
  const offers = random.oneOf([1, 3, 1000])
  const keep = random.oneOf([0.02, 0.1, 0.5])
  let task = newTask(topology())
  let store = openMemoryStore(contents)
  let budget = new MemoryBudget(isTiny ? 1 : 1 << 30)
  let checkpoint: Checkpointing | null = null
  let isCommitted = false
  let durable = 0
  let pauseRate = random.fraction()
  const open = async () => {
    store = openMemoryStore(contents)
    budget = new MemoryBudget(isTiny ? 1 : 1 << 30)
    checkpoint = null
    isCommitted = false
    task = newTask(topology())
    const meta = await restoreCheckpoint(task, store)
    if (meta === undefined) task.start(task.inputs.map(() => 0))
    durable = task.steps
  }
  await open()
  const checkpointNext = () => {
    if (checkpoint === null) {
      if (task.isInStep || task.checkpointableSteps === durable) return
      checkpoint = new Checkpointing(task, contents)
      isCommitted = false
      count('checkpoints')
    } else if (isCommitted) {
      if (checkpoint.endNext(true)) return
      durable = checkpoint.steps
      checkpoint = null
    } else if (checkpoint.isTaken) {
      if (random.fraction() < 0.25) {
        checkpoint.endNext(false)
        checkpoint = null
        count('failed')
      } else {
        checkpoint.commit()
        isCommitted = true
        count('durable')
      }
    } else if (random.fraction() < 0.3) checkpoint.note()
    else if (random.fraction() < 0.05) {
      checkpoint.endNext(false)
      checkpoint = null
      count('failed')
    } else checkpoint.take(random.oneOf([1, 2, 5, 1000]))
  }
  let rounds = 0
  while (task.steps < total || task.isInStep) {
    rounds += 1
    if (rounds > 200_000) throw new Error(`Nothing goes on at step ${task.steps} of ${total}`)
    if (random.fraction() < 0.5) {
      const input = task.inputs[random.integer(0, task.inputs.length - 1)]
      const records = logs.get(`${input?.source.topic}/${input?.partition}`) ?? []
      const from = input?.fetchOffset ?? 0
      const next = records.slice(from, from + random.integer(1, offers))
      input?.offer(next, from + next.length)
    }
    const ended = task.advance(1, () => random.fraction() < pauseRate)
    if (ended > 0) {
      const now = textOf(task)
      verifyLines(`the outputs of step ${task.steps} (seed ${seed})`, now, plain.emitted[task.steps] ?? [])
      const proofs = proofOf(task)
      if (proofs !== plain.proofs[task.steps])
        verifyLines(`the proofs of step ${task.steps}`, [proofs], [plain.proofs[task.steps] ?? ''])
    }
    while (random.fraction() < keep) checkpointNext()
    if (!task.isInStep) {
      if (random.fraction() < 0.5) {
        const before = task.spilledEpochs
        const spilling = task.spillUndo(maxUndo, store)
        while (random.fraction() < 0.3) checkpointNext()
        await spilling
        if (task.spilledEpochs > before) count('spills')
      }
      if (random.fraction() < 0.5) budget.keep(task.tables, task.steps, durable)
    }
    if (random.fraction() < 0.02) pauseRate = random.fraction()
    // What a checkpoint lacks shows only if it is gone on from.
    if (random.fraction() < (isCommitted && crashes > 0 ? 0.2 : crashes) && (met['crashes'] ?? 0) < 12) {
      count('crashes')
      if (checkpoint !== null) count('crashes within a checkpoint')
      await open()
    }
  }
  // The end: what is in hand fails or is done, then one more.
  const isInHand = () => checkpoint !== null
  while (isInHand()) checkpointNext()
  if (task.checkpointableSteps !== durable) {
    const last = new Checkpointing(task, contents)
    last.take(Infinity)
    last.commit()
    last.endNext(true)
  }
  if (contents.meta === undefined) return met
  const [left, right] = [await checkpointOf(contents), await checkpointOf(plain.contents)]
  verifyLines(`the state (seed ${seed})`, left.state, right.state)
  verifyLines('the snapshot', [left.snapshot], [right.snapshot])
  if (attack.ends) {
    const calm = await checkpointOf(plainRun(topology(), attack.surviving).contents)
    const bare = (lines: readonly string[]) => lines.filter((line) => !line.includes('/#outputs"'))
    verifyLines(`the state after the storm (seed ${seed})`, bare(left.state), bare(calm.state))
  }
  return met
}
