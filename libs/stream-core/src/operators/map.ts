import type { CreateOperator } from './operator.ts'

/** One value for each, with its timestamp. */
export const mapOperator =
  <T>(f: (value: T) => unknown): CreateOperator =>
  (context) => {
    const { main, undo, outputs } = context
    return {
      receivers: [
        {
          process(value, timestamp) {
            let mapped: unknown
            try {
              mapped = f(value as T) // the builder typed the stream that feeds it
            } catch (error) {
              context.fail(error, undo.position, outputs.position) // nothing has changed yet
              return
            }
            main.emit(mapped, timestamp)
          },
        },
      ],
    }
  }
