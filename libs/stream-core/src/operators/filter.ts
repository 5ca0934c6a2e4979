import type { CreateOperator } from './operator.ts'

/** The values for which `f` holds. */
export const filterOperator =
  <T>(f: (value: T) => boolean): CreateOperator =>
  (context) => {
    const { main, undo, outputs } = context
    return {
      receivers: [
        {
          process(value, timestamp) {
            let passes: boolean
            try {
              passes = f(value as T) // the builder typed the stream that feeds it
            } catch (error) {
              context.fail(error, undo.position, outputs.position) // nothing has changed yet
              return
            }
            if (passes) main.emit(value, timestamp)
          },
        },
      ],
    }
  }
