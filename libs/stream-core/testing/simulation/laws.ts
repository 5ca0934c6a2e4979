import type { EventLog } from '@tocsin/event-log'
import type { SimulatedLog } from '@tocsin/event-log/testing'
import type { Transition } from '../../src/index.ts'
import { checkpointOf, runPlainly, type Result } from './plain-run.ts'
import { BrokenLawError, deadLetterTopic, type SimulatedJob, type SimulatedRun, type Workload } from './simulate.ts'

/** An output as its reader sees it. `content` is what is left without the transition. */
export interface ReadOutput {
  readonly id: string
  readonly type: Transition['type']
  readonly revision: number
  readonly content: string
}

/**
 * Nothing lost, nothing twice, nothing else: each job's output topics, its last checkpoint and its savepoint are, byte
 * for byte, those of the bare fold over the same logs. @throws {BrokenLawError}
 */
export const verifyExactlyOnce = async (workload: Workload, run: SimulatedRun): Promise<readonly Result[]> => {
  const partitions = await partitionCounts(workload, run.log)
  const results: Result[] = []
  const written = new Map<string, Uint8Array[]>()
  for (const [index, { name, topology, answers }] of workload.jobs.entries()) {
    const left = run.jobs[index]
    if (left === undefined) throw new Error(`The run has no job ${index}.`)
    const expected = await runPlainly(topology(), {
      partitions: (topic) => partitions.get(topic) ?? 1,
      records: (at) => run.log.records(at),
      resumptions: left.resumptions,
      returns: left.returns,
      answers,
    })
    await verifyCheckpoint(name, left, expected)
    // Outputs of many tasks interleave; those of one id do not.
    const grouped = left.shards === 1 ? asTheyStand : byId(workload.idOf)
    for (const [at, values] of expected.outputs) {
      // Dead letters of all jobs come to one topic, each job's in its own order.
      if (at !== `${deadLetterTopic}/0`) verifyOutputs(name, { log: run.log, at, grouped }, values)
      else written.set(at, [...(written.get(at) ?? []), ...values])
    }
    for (const { topic } of topology().nodes.flatMap(({ sink }) => sink ?? [])) {
      for (let partition = 0; partition < (partitions.get(topic) ?? 1); partition += 1) {
        const at = `${topic}/${partition}`
        if (!expected.outputs.has(at)) verifyOutputs(name, { log: run.log, at, grouped }, [])
      }
    }
    results.push(expected)
  }
  const sorted = (values: readonly Uint8Array[]) => values.map((value) => Buffer.from(value).toString()).sort()
  const letters = run.log.records({ topic: deadLetterTopic, partition: 0 }).map(({ value }) => value)
  const expectedLetters = sorted(written.get(`${deadLetterTopic}/0`) ?? [])
  verifyLines('the dead letters', sorted(letters), expectedLetters)
  // Last, for what is not final is taken back.
  for (const [index, { name, savepoint }] of run.jobs.entries()) {
    const expected = (await results[index]?.savepoint()) ?? ''
    verifyLines(`the savepoint of "${name}"`, (await savepoint()).split('\n'), expected.split('\n'))
  }
  return results
}

/**
 * After any storm of reverts the state is that of the surviving history alone. The sinks' memory of revisions is left
 * out: it tells of the storm.
 */
export const verifySurvivingState = (stormy: Result, surviving: Result): void =>
  verifyLines('the state after the storm', withoutSinks(stormy), withoutSinks(surviving))

const withoutSinks = ({ state }: Pick<Result, 'state'>): readonly string[] =>
  state.filter((cell) => !/^\["[^"]*\/#outputs"/.test(cell))

/** And so is what stands of each output. A sink that forgets ids cannot bring back what it no longer knows. */
export const verifyStanding = (stormy: Result, surviving: Result, read: (value: Uint8Array) => ReadOutput): void =>
  verifyLines('what stands after the storm', standing(stormy, read), standing(surviving, read))

/**
 * The transitions of an id count from 1 without a hole; it is confirmed or retracted only while it stands, and added
 * anew at any time. Where `hasEnded` each id ends confirmed or retracted.
 */
export const verifyRevisions = (
  outputs: Result['outputs'],
  read: (value: Uint8Array) => ReadOutput,
  hasEnded: boolean,
): void => {
  const last = new Map<string, ReadOutput>()
  for (const output of allOutputs(outputs).map(read)) {
    const { id, type, revision } = output
    const before = last.get(id)
    if (revision !== (before?.revision ?? 0) + 1) {
      throw new BrokenLawError(`${id} has revision ${revision} after ${before?.revision ?? 0}.`)
    }
    const mayFollow = type === 'added' || before?.type === 'added'
    if (!mayFollow) throw new BrokenLawError(`${id} is ${type} after ${before?.type ?? 'nothing'}.`)
    last.set(id, output)
  }
  for (const { id, type } of last.values()) {
    if (hasEnded && type === 'added') throw new BrokenLawError(`${id} is neither confirmed nor retracted at the end.`)
  }
}

/** The outputs of all partitions; those of one id are in one of them. */
export const allOutputs = (outputs: Result['outputs']): readonly Uint8Array[] =>
  [...outputs].filter(([at]) => !at.startsWith(deadLetterTopic)).flatMap(([, values]) => values)

const standing = ({ outputs }: Result, read: (value: Uint8Array) => ReadOutput): readonly string[] => {
  const last = new Map<string, string>()
  for (const { id, type, content } of allOutputs(outputs).map(read)) {
    if (type === 'retracted') last.delete(id)
    else last.set(id, `${content} ${type}`)
  }
  return [...last.values()].sort()
}

/**
 * Of a job that is one task. A task without outputs behind the end of the epochs need not checkpoint what that end
 * brought about, so of many tasks some may stand a little earlier than the fold of all: their outputs must do.
 */
const verifyCheckpoint = async (job: string, left: SimulatedJob, expected: Result): Promise<void> => {
  // One that is taken behind the end makes a base of what needs none.
  if (left.savepoints > 0) return
  const contents = left.disk.get('')
  if (left.shards > 1 || contents?.meta === undefined) return // no checkpoint is one of nothing
  const { state, snapshot } = await checkpointOf(contents)
  verifyLines(`the checkpoint of "${job}"`, state, expected.state)
  verifyLines(`the positions of "${job}"`, [snapshot], [expected.snapshot])
}

/** Texts of outputs, in an order that two runs can be compared in. */
type Grouped = (values: readonly Uint8Array[]) => readonly string[]

const textOf = (value: Uint8Array): string => Buffer.from(value).toString('latin1')
const asTheyStand: Grouped = (values) => values.map(textOf)
const byId =
  (idOf: (output: Uint8Array) => string): Grouped =>
  (values) => {
    const groups = [...Map.groupBy(values, idOf)].sort(([a], [b]) => (a < b ? -1 : 1))
    return groups.flatMap(([, of]) => of.map(textOf))
  }

const verifyOutputs = (
  job: string,
  { log, at, grouped }: { readonly log: SimulatedLog; readonly at: string; readonly grouped: Grouped },
  expected: readonly Uint8Array[],
): void => {
  const [topic = '', partition = '0'] = at.split('/')
  const found = log.records({ topic, partition: Number(partition) }).map(({ value }) => value)
  verifyLines(`${at} of "${job}"`, grouped(found), grouped(expected))
}

/** @throws {BrokenLawError} at the first line that differs */
export const verifyLines = (what: string, found: readonly string[], expected: readonly string[]): void => {
  for (let at = 0; at < Math.max(found.length, expected.length); at += 1) {
    if (found[at] === expected[at]) continue
    const [is, should] = aroundDifference(found[at] ?? 'nothing', expected[at] ?? 'nothing')
    throw new BrokenLawError(
      `In ${what}, line ${at + 1} of ${found.length} (expected ${expected.length}):\n` +
        `  found    ${is}\n  expected ${should}`,
    )
  }
}

/** Two texts that differ, cut so that a line holds where they do. */
const aroundDifference = (a: string, b: string): readonly [string, string] => {
  let at = 0
  while (a[at] === b[at]) at += 1
  const cut = (text: string) => `${at > 80 ? '…' : ''}${text.slice(Math.max(0, at - 80), at + 160)}`
  return [cut(a), cut(b)]
}

const partitionCounts = async (workload: Workload, log: EventLog): Promise<ReadonlyMap<string, number>> => {
  const counts = new Map<string, number>()
  for (const { topic } of workload.topics) counts.set(topic, await log.partitions(topic))
  return counts
}
