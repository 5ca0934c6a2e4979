import { Worker } from 'node:worker_threads'
import type { ContractFact } from '../decode/contract-fact.ts'
import type { BlockReader, ReadBlock } from '../ledger/block-reader.ts'
import type { LiveDecoder } from '../live-decoder.ts'
import type { BlockPricer } from '../prices/with-chain-prices.ts'
import type { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import {
  errorOfParts,
  transactionsOf,
  type SentBlock,
  type WorkerCommand,
  type WorkerEvent,
  type WorkerReport,
  type WorkerStart,
} from './worker-messages.ts'

/** A worker thread ended by itself: out of memory, or a fault of ours. The blocks that it had are read again. */
export class ReadingWorkerLostError extends Error {
  readonly code = 'INGEST_READING_WORKER_LOST'
  readonly handling = 'retry'
  readonly remedy =
    'Another takes its place and nothing is lost. If it happens again, give the process more memory, or read without threads: --workers 1.'
}

export interface WorkerReaderOptions {
  readonly workers: number
  readonly start: Omit<WorkerStart, 'maxExchangesInFlight'>
  /** The process's own connections to the same addresses: they share what is learned of limits and of lies. */
  readonly endpoints: readonly RpcEndpoint[]
  /** What blocks teach, in the order of the chain. */
  readonly decoder: Pick<LiveDecoder, 'learned' | 'settle'>
  /** Prices of the feeds that the workers are told of, in the same order. */
  readonly pricer?: Pick<BlockPricer, 'price'>
  /** Of what happened in workers, but for refuted answers, which the process's own endpoint tells of. */
  readonly observe: (event: Exclude<WorkerEvent, { readonly type: 'refuted' }>) => void
}

/** What all threads together have under way at one endpoint. */
const maxExchangesInFlight = 8

interface Thread {
  readonly worker: Worker
  /** What it has not been told of yet. */
  untold: ContractFact[]
  readonly waiting: Map<number, PromiseWithResolvers<SentBlock>>
}

/**
 * Reads blocks in worker threads, which start with the first block that is asked for and end when there is nothing to
 * read for a while. A thread decodes with what it has been told so far; where the blocks before turn out to have taught
 * something that the block looked up, it decodes it again: so the result is that of one thread, whatever their number.
 */
export function workerReader(options: WorkerReaderOptions): BlockReader & { close(): Promise<void> } {
  const { learned, settle } = options.decoder
  const threads: (Thread | undefined)[] = Array.from({ length: options.workers }, () => undefined)
  let lastId = 0

  const stops = [
    learned.onChange((fact) => {
      for (const thread of threads) thread?.untold.push(fact)
    }),
    ...options.endpoints.map((endpoint) =>
      endpoint.onLimited((retryAfterMs) => limited(endpoint.name, retryAfterMs, undefined)),
    ),
  ]

  const named = (name: string) => options.endpoints.find((endpoint) => endpoint.name === name)

  const command = ({ worker }: Thread, message: WorkerCommand) => worker.postMessage(message, [])

  /** All who ask at the address are told, but for the one who was. */
  function limited(name: string, retryAfterMs: number | null, by: Thread | undefined): void {
    if (by !== undefined) named(name)?.restToo(retryAfterMs)
    for (const thread of threads)
      if (thread !== undefined && thread !== by) command(thread, { type: 'limited', endpoint: name, retryAfterMs })
  }

  function tell(events: readonly WorkerEvent[]): void {
    const unavailable = new Set<string>()
    for (const event of events) {
      if (event.type === 'refuted') named(event.endpoint)?.refuted(event.field)
      else options.observe(event)
      if (event.type === 'called' && event.outcome === 'unavailable') unavailable.add(event.endpoint)
    }
    // Once for all calls that failed together, as one batch does.
    for (const endpoint of unavailable) named(endpoint)?.failed('unavailable')
  }

  function open(place: number): Thread {
    const share = Math.max(1, Math.floor(maxExchangesInFlight / options.workers))
    const start: WorkerStart = { ...options.start, maxExchangesInFlight: share }
    const worker = new Worker(entry, {
      workerData: start,
      execArgv: isSource ? ['--conditions=@tocsin/source'] : [],
    })
    const thread: Thread = { worker, untold: [...learned.all()], waiting: new Map() }
    threads[place] = thread
    const lost = (how: string, cause?: unknown) => {
      if (threads[place] !== thread) return // it was ended by us, or told of before
      threads[place] = undefined
      const error = new ReadingWorkerLostError(`A worker that reads blocks ended: ${how}.`, { cause })
      for (const { reject } of thread.waiting.values()) reject(error)
    }
    worker.on('error', (error: Error) => lost(error.message, error))
    worker.on('exit', (code) => lost(`exit code ${code}`))
    worker.on('message', (report: WorkerReport) => {
      switch (report.type) {
        case 'decoded':
          thread.waiting.get(report.id)?.resolve(report.block)
          return
        case 'failed':
          thread.waiting.get(report.id)?.reject(errorOfParts(report.error))
          return
        case 'limited':
          limited(report.endpoint, report.retryAfterMs, thread)
          return
        case 'observed':
          tell(report.events)
      }
    })
    return thread
  }

  /** The one with the least to do. */
  function next(): Thread {
    const place = threads.reduce(
      (least, thread, at) => ((thread?.waiting.size ?? 0) < (threads[least]?.waiting.size ?? 0) ? at : least),
      0,
    )
    return threads[place] ?? open(place)
  }

  const told = (thread: Thread) => {
    const facts = thread.untold
    thread.untold = []
    return { version: learned.version, facts }
  }

  function answerOf(thread: Thread, id: number): Promise<SentBlock> {
    const answer = Promise.withResolvers<SentBlock>()
    thread.waiting.set(id, answer)
    return answer.promise
  }

  async function read(header: BlockHeader, signal: AbortSignal): Promise<ReadBlock> {
    signal.throwIfAborted()
    const thread = next()
    const id = ++lastId
    const release = () => {
      signal.removeEventListener('abort', release)
      thread.waiting.get(id)?.reject(signal.reason as Error) // what an abort was given; without effect once it is here
      thread.waiting.delete(id)
      command(thread, { type: 'release', id })
    }
    signal.addEventListener('abort', release)
    const reading = answerOf(thread, id)
    command(thread, { type: 'read', id, header, told: told(thread) })
    let sent: SentBlock
    try {
      sent = await reading
    } catch (error) {
      release()
      throw error
    }
    thread.waiting.delete(id)
    return {
      bytes: sent.bytes.length * copies,
      async settle(within) {
        try {
          const { bytes, lengths, seal, undecoded, mined, observed } = await settle(
            { number: header.number, hash: header.hash },
            async () => {
              if (learned.changedSince(sent.version, sent.lookedUp)) {
                const again = answerOf(thread, id)
                command(thread, { type: 'decode', id, told: told(thread) })
                sent = await again
                thread.waiting.delete(id)
              }
              return sent
            },
            within,
          )
          const prices = observed === null ? [] : await options.pricer?.price(seal.block, observed, within)
          return { transactions: transactionsOf({ bytes, lengths }), prices: prices ?? [], seal, undecoded, mined }
        } finally {
          release()
        }
      },
    }
  }

  async function end(): Promise<void> {
    const ending = threads.splice(0, threads.length, ...threads.map(() => undefined))
    await Promise.all(
      ending.flatMap((thread) => {
        if (thread === undefined) return []
        for (const { reject } of thread.waiting.values())
          reject(new ReadingWorkerLostError('The workers were ended while they read.'))
        return [thread.worker.terminate()]
      }),
    )
  }

  return {
    read,
    rest: () => void end(),
    async close() {
      for (const stop of stops) stop()
      await end()
    },
  }
}

/** A block is held encoded here, and as objects in its worker, in case that it is decoded again. */
const copies = 3

// From the sources the thread must read sources too.
const isSource = import.meta.url.endsWith('.ts')
const entry = new URL(isSource ? './worker-thread.ts' : './worker-thread.js', import.meta.url)
