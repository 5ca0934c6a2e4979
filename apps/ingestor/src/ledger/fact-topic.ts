import { factsTopic } from '@tocsin/chain-model'
import { readRange, type EventLog, type NewRecord, type TopicSpec } from '@tocsin/event-log'
import { FactTable, type FactHistory } from '../decode/contract-fact.ts'
import type { LearnedFacts } from '../decode/learned-facts.ts'
import { LedgerBrokenError } from './resume-point.ts'

/**
 * The topic that keeps what a chain has taught of its contracts, in step with the block ledger: what a block taught, or took
 * back with the blocks that it reverts, is a part of its own append. Each record holds some facts as they are from then on;
 * the newest word on one counts. When most of it is outdated, an append writes all facts anew and what lies before is
 * trimmed: so it stays within about twice the facts that are known, on any log, and is read whole at each start.
 */
export interface FactTopic {
  /** What the append of a block has to say of facts. */
  next(): Promise<FactChange>
  /** It is in the log. */
  written(change: FactChange): void
}

export interface FactChange {
  readonly records: readonly NewRecord[]
  /** Facts in these records. */
  readonly facts: number
  /** Where the records will stand that tell all facts anew; null: they tell what has changed. */
  readonly begins: number | null
}

const format = 1

interface FactsRecord {
  readonly format: number
  readonly facts: readonly FactHistory[]
}

/** In one record. At most 2 KB each, since a history is bounded, and so far below what a broker takes. */
const maxFacts = 1_000
/** Less than this is not worth writing all anew. */
const minOutdated = 5_000

/** As it is created. */
export const factTopicSpec = (prefix: string, chainId: number): TopicSpec => ({
  topic: factsTopic(prefix, chainId),
  partitions: 1,
  isTrimmed: true,
})

/** Opens it, and has `learned` begin anew with what it holds. The log must be this writer's alone. */
export async function openFactTopic(log: EventLog, spec: TopicSpec, learned: LearnedFacts): Promise<FactTopic> {
  await log.createTopics([spec])
  const { topic } = spec
  const at = { topic, partition: 0 }
  const { beginning, end } = await log.offsets(at)
  const histories = new FactTable<FactHistory>()
  /** Facts in the topic, outdated ones too. */
  let stored = 0
  for await (const { records } of readRange(log, { ...at, offset: beginning }, end, { maxBytes: 4 << 20 }))
    for (const { value } of records)
      for (const history of factsIn(topic, value)) {
        histories.set(history.type, history.address, history)
        stored++
      }
  learned.restore([...histories].map(([, , history]) => history))

  /** What lies before is outdated, and not yet trimmed. */
  let begins: number | null = null
  return {
    async next() {
      // What cannot be trimmed, as without Delete on a cluster, costs room and a longer start until the next time.
      if (begins !== null) await log.trim(at, begins).catch(() => {})
      begins = null
      const changed = learned.unwritten()
      if (stored + changed.length <= 2 * learned.size + minOutdated)
        return { records: recordsOf(topic, changed), facts: changed.length, begins: null }
      // What is forgotten is said all the same: a crash may come before the trim.
      const facts = [...changed.filter(({ versions }) => versions.length === 0), ...learned.histories()]
      return { records: recordsOf(topic, facts), facts: facts.length, begins: (await log.offsets(at)).end }
    },
    written(change) {
      stored = change.facts + (change.begins === null ? stored : 0)
      begins = change.begins
      learned.written()
    },
  }
}

function recordsOf(topic: string, facts: readonly FactHistory[]): readonly NewRecord[] {
  const records: NewRecord[] = []
  for (let from = 0; from < facts.length; from += maxFacts) {
    const record: FactsRecord = { format, facts: facts.slice(from, from + maxFacts) }
    records.push({ topic, partition: 0, key: null, value: Buffer.from(JSON.stringify(record)) })
  }
  return records
}

/** What {@link recordsOf} wrote: nobody else has a reason to write here, so what is of this format is taken as it is. */
function factsIn(topic: string, value: Uint8Array): readonly FactHistory[] {
  const record = parsed(value)
  if (record?.format === format) return record.facts
  throw new LedgerBrokenError(
    `The topic ${topic} holds ${record === null ? 'no facts' : `facts of format ${record.format}, and this build reads ${format}`}.`,
  )
}

function parsed(value: Uint8Array): FactsRecord | null {
  try {
    const record: unknown = JSON.parse(Buffer.from(value).toString())
    return typeof record === 'object' && record !== null && 'format' in record ? (record as FactsRecord) : null
  } catch {
    return null // told by the caller, with the topic
  }
}
