import type { CreateOperator } from './operator.ts'

/** `map`, `filter` and `flatMap`: a value becomes any number of values with its timestamp. */
export const flatMapOperator =
  <T>(f: (value: T, emit: (value: unknown) => void) => void): CreateOperator =>
  (context) => {
    const { main, undo, outputs } = context
    let now = 0
    const emit = (value: unknown) => main.emit(value, now)
    return {
      receivers: [
        {
          process(value, timestamp) {
            const undoPosition = undo.position
            const outputPosition = outputs.position
            now = timestamp
            try {
              f(value as T, emit) // the builder typed the stream that feeds it
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
    }
  }
