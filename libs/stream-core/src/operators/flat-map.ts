import type { CreateOperator } from './operator.ts'

/** A value becomes any number of values with its timestamp. */
export const flatMapOperator =
  <T, Out>(f: (value: T, emit: (value: Out) => void) => void): CreateOperator =>
  (context) => {
    const { main, undo, outputs } = context
    let now = 0
    const emit = (value: Out) => main.emit(value, now)
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
