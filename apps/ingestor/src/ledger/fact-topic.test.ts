import { parseAddress, type Address, type TokenInfo } from '@tocsin/chain-model'
import type { EventLog } from '@tocsin/event-log'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { LearnedFacts } from '../decode/learned-facts.ts'
import { factTopicSpec, openFactTopic, type FactTopic } from './fact-topic.ts'

const spec = factTopicSpec('test', 1)
const at = { topic: spec.topic, partition: 0 }
const address = (which: number): Address => parseAddress(`0x${String(which).padStart(40, '0')}`)
const token = (which: number, decimals: number): TokenInfo => ({
  ...{ address: address(which), symbol: null, decimals, kind: 'other', recognised: false },
})
const text = (facts: LearnedFacts) =>
  facts
    .histories()
    .map((each) => JSON.stringify(each))
    .sort()

async function append(log: EventLog, facts: FactTopic): Promise<void> {
  const producer = await log.openProducer('test')
  const change = await facts.next()
  if (change.records.length > 0) await producer.append(change.records)
  facts.written(change)
  await producer.close()
}

describe('openFactTopic', () => {
  test('default: what was learned, changed and taken back is read again, with what may still be taken back', async () => {
    const log = openSimulatedLog()
    const learned = new LearnedFacts()
    const facts = await openFactTopic(log, spec, learned)
    learned.learn(1, 'token', address(1), token(1, 6))
    learned.learn(1, 'no-pool', address(2), true)
    await append(log, facts)
    learned.learn(2, 'token', address(1), token(1, 18))
    learned.learn(2, 'token', address(3), token(3, 8))
    await append(log, facts)
    learned.rewind(2)
    learned.learn(2, 'token', address(1), token(1, 12))
    await append(log, facts)
    const again = new LearnedFacts()
    await openFactTopic(log, spec, again)
    expect(text(again)).toEqual(text(learned))
    expect([again.get('token', address(3)), again.get('no-pool', address(2))]).toEqual([undefined, true])
    again.rewind(2)
    expect(again.get('token', address(1))).toEqual(token(1, 6))
  })

  test('behavior: a block that teaches nothing writes nothing', async () => {
    const learned = new LearnedFacts()
    const facts = await openFactTopic(openSimulatedLog(), spec, learned)
    learned.learn(1, 'token', address(1), token(1, 6))
    learned.rewind(1)
    expect((await facts.next()).records).toEqual([])
  })

  test('behavior: it stays within twice the facts that are known and some, and a start before a trim reads the same', async () => {
    const log = openSimulatedLog()
    const learned = new LearnedFacts()
    const facts = await openFactTopic(log, spec, learned)
    let longest = 0
    let whole = 0
    for (let number = 1; number <= 14; number++) {
      for (let which = 0; which < 600; which++) learned.learn(number, 'token', address(which), token(which, number))
      await append(log, facts)
      const { beginning, end } = await log.offsets(at)
      const records = log.records(at).filter(({ offset }) => offset >= beginning && offset < end)
      const stored = records.flatMap(({ value }) => (JSON.parse(Buffer.from(value).toString()) as { facts: [] }).facts)
      if (stored.length < longest) whole++
      longest = Math.max(longest, stored.length)
      const again = new LearnedFacts()
      await openFactTopic(log, spec, again)
      expect(text(again)).toEqual(text(learned))
    }
    expect(whole).toBeGreaterThan(0)
    // Until the next append all is there twice.
    expect(longest).toBeLessThanOrEqual(3 * 600 + 5_000)
  })

  test('error: what is no fact of this format is told with its topic', async () => {
    const log = openSimulatedLog()
    await log.createTopics([{ topic: at.topic, partitions: 1 }])
    const producer = await log.openProducer('other')
    await producer.append([{ ...at, key: null, value: Buffer.from('{"format":9,"facts":[]}') }])
    await expect(openFactTopic(log, spec, new LearnedFacts())).rejects.toThrow(
      'The topic test.1.facts holds facts of format 9, and this build reads 1.',
    )
  })
})
