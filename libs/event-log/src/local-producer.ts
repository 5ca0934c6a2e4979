import { CommitUnknownError, LogClosedError, ProducerFencedError } from './errors.ts'
import type { NewRecord, Position, Producer } from './event-log.ts'

/** The producer of a log in this process. Once fenced, closed or of unknown outcome it appends no more. */
export class LocalProducer implements Producer {
  readonly #append: (records: readonly NewRecord[]) => Promise<readonly Position[]>
  #ended: Error | undefined

  constructor(append: (records: readonly NewRecord[]) => Promise<readonly Position[]>) {
    this.#append = append
  }

  async append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    if (this.#ended) throw this.#ended
    try {
      return await this.#append(records)
    } catch (error) {
      if (error instanceof CommitUnknownError || error instanceof ProducerFencedError) this.#ended ??= error
      throw error
    }
  }

  async close(): Promise<void> {
    this.#ended ??= new LogClosedError('producer')
  }
}
