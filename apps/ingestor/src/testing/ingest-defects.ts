import type { Hash } from '@tocsin/chain-model'
import { CommitUnknownError, LogFullError, type EventLog, type Producer } from '@tocsin/event-log'
import { assembleBlock } from '../sources/assemble-block.ts'
import type { ChainSource } from '../sources/chain-source.ts'
import type { EndpointSource } from '../sources/json-rpc-source.ts'
import { asObject, parseList, parseReceipt, parseTransaction } from '../sources/parse-block.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import { EndpointAnswerError } from '../verify/endpoint-answer-error.ts'
import { proving } from '../verify/verify-block.ts'
import type { Defect } from './ingest-storm.ts'

/**
 * Faults that an ingestor like ours could have, each planted from outside. They stay: as long as the storms find each of
 * them, they can be believed when they find nothing.
 */
export const ingestDefects: readonly Defect[] = [
  {
    name: 'the parent hash unchecked: the next number is taken for the next block',
    source: relinked,
  },
  { name: 'a gap not filled: a head is taken for the next block, however far on it is', source: skipping },
  { name: 'receipts not matched with their block and transactions', endpoint: (source) => unverified(source, false) },
  { name: 'null receipts taken for none', endpoint: (source) => unverified(source, true) },
  {
    name: 'final by number: the node’s final block is not compared with ours',
    source: (source) => {
      const seen = new Map<number, BlockHeader>()
      return {
        ...source,
        async tip(signal) {
          const tip = await source.tip(signal)
          const { finalized, head } = tip
          return { ...tip, finalized: finalized === null ? null : (seen.get(finalized.number) ?? head) }
        },
        async block(header, signal) {
          const block = await source.block(header, signal)
          seen.set(header.number, header)
          return block
        },
      }
    },
  },
  {
    name: 'an append of unknown outcome made again without a look',
    log: (log) =>
      withProducers(log, (opened, id) => {
        let producer = opened
        return {
          async append(records) {
            try {
              return await producer.append(records)
            } catch (error) {
              if (!(error instanceof CommitUnknownError)) throw error
              producer = await log.openProducer(id)
              throw new LogFullError('what may well be there', { cause: error })
            }
          },
          close: () => producer.close(),
        }
      }),
  },
  {
    name: 'a reorg that leaves out what it reverted',
    log: (log) =>
      withProducers(log, (producer) => ({
        append: (records) => producer.append(records.filter(({ value }) => !isRevert(value))),
        close: () => producer.close(),
      })),
  },
  {
    name: 'what blocks taught of contracts is not read back after a crash',
    log: (log) => ({
      ...withProducers(log, (producer) => producer),
      async offsets(at) {
        const range = await log.offsets(at)
        return isOfFacts(at) ? { ...range, beginning: range.end } : range
      },
    }),
  },
  {
    name: 'a reorg that does not take back what the lost branch taught, as a crash shows',
    log: (log) =>
      withProducers(log, (producer) => ({
        append: (records) =>
          producer.append(
            records.some(({ value }) => isRevert(value)) ? records.filter((each) => !isOfFacts(each)) : records,
          ),
        close: () => producer.close(),
      })),
  },
  { name: 'new heads trusted to come: nothing is asked without them', neverPolls: true },
]

const isRevert = (value: Uint8Array) => Buffer.from(value).toString('utf8', 0, 18) === '{"type":"reverted"'

const isOfFacts = ({ topic }: { readonly topic: string }) => topic.endsWith('.facts')

function withProducers(log: EventLog, wrap: (producer: Producer, id: string) => Producer): EventLog {
  return {
    createTopics: (specs) => log.createTopics(specs),
    partitions: (topic) => log.partitions(topic),
    offsets: (at) => log.offsets(at),
    openReader: (positions, options) => log.openReader(positions, options),
    openProducer: async (id) => wrap(await log.openProducer(id), id),
    trim: (at, before) => log.trim(at, before),
    close: () => log.close(),
  }
}

/** Each header by number says that the one given before is its parent. */
function relinked(source: ChainSource): ChainSource {
  const given = new Map<number, Hash>()
  const real = new Map<Hash, BlockHeader>()
  const relink = (header: BlockHeader): BlockHeader => {
    real.set(header.hash, header)
    const parentHash = given.get(header.number - 1) ?? header.parentHash
    given.set(header.number, header.hash)
    return { ...header, parentHash }
  }
  return {
    ...source,
    async tip(signal) {
      const tip = await source.tip(signal)
      return { ...tip, head: given.get(tip.head.number) === tip.head.hash ? tip.head : relink(tip.head) }
    },
    async headerByNumber(number, signal) {
      const header = await source.headerByNumber(number, signal)
      return header === null ? null : relink(header)
    },
    block: (header, signal) => source.block(real.get(header.hash) ?? header, signal),
  }
}

/** A head beyond the next block is said to be the next one. */
function skipping(source: ChainSource): ChainSource {
  let newest: BlockHeader | undefined
  const real = new Map<Hash, BlockHeader>()
  return {
    ...source,
    async tip(signal) {
      const tip = await source.tip(signal)
      if (newest === undefined || tip.head.number <= newest.number + 1) return tip
      real.set(tip.head.hash, tip.head)
      return { ...tip, head: { ...tip.head, number: newest.number + 1, parentHash: newest.hash } }
    },
    async block(header, signal) {
      const block = await source.block(real.get(header.hash) ?? header, signal)
      newest = header
      return block
    },
  }
}

/** Blocks as the node tells them, put together without a look at what belongs to what. */
function unverified(source: EndpointSource, onlyNull: boolean): EndpointSource {
  const { endpoint } = source
  return {
    ...source,
    async block(header, signal) {
      const wrong = (field: string, reason: string) =>
        new EndpointAnswerError({ endpoint: source.name, block: header.number, field, reason })
      const ask = async (method: string, params: readonly unknown[]): Promise<unknown> => {
        const answer = await endpoint.request(method, params, signal)
        if (answer.type === 'result') return answer.result
        throw wrong(method, answer.message)
      }
      const receipts = await ask('eth_getBlockReceipts', [header.hash]).catch(() => undefined)
      if (receipts === undefined || (onlyNull && receipts !== null)) return source.block(header, signal)
      const block = await source.block(header, signal).catch(() => null)
      const told = await ask('eth_getBlockByHash', [header.hash, true])
      if (block === null && !onlyNull) throw wrong('block', 'it is wrong')
      return proving(source.name, header.number, () => {
        const parts = {
          ...header,
          chainId: source.chainId,
          transactions: parseList(asObject(told, 'block')['transactions'], 'transactions', (tx) =>
            parseTransaction(tx),
          ),
          receipts: parseList(receipts ?? [], 'receipts', (receipt) => parseReceipt(receipt)),
          traces: null,
          logs: null,
          hashes: null,
        }
        return { ...assembleBlock(parts), timestamp: header.timestamp }
      })
    },
  }
}
