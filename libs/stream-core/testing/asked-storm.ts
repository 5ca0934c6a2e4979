import { stringCodec, type DataStream, type EnrichOptions } from '../src/index.ts'

const tableOf = (request: string) => `${request.length}:${request}`

/**
 * For `stormTopology`: every stream goes through a question whose answer is in a table, and an element goes on if it is
 * the right one. `reach` is awaited by each ask.
 */
export const askedThrough =
  (reach: () => Promise<void>) =>
  <T>(uid: string, stream: DataStream<T>): DataStream<T> => {
    const options: EnrichOptions<T, string, string> = {
      requestOf: (value) => JSON.stringify(value),
      ask: async (request) => {
        await reach()
        return tableOf(request)
      },
      requestCodec: stringCodec,
      answerCodec: stringCodec,
      capacity: 4,
      timeoutMs: 60_000,
    }
    return stream.enrich<string, string, T>(uid, options, (value, answer, emit) => {
      if (answer !== tableOf(JSON.stringify(value))) throw new Error(`${answer} is the answer to something else`)
      emit(value)
    })
  }
