import type { PlainSinkCodec } from '../sink.ts'
import type { CreateOperator } from './operator.ts'

const added = { type: 'added', revision: 1 } as const

/** Outputs as they come. */
export const plainSinkOperator =
  <T>(topic: string, codec: PlainSinkCodec<T>): CreateOperator =>
  (context) => {
    const { name, undo, outputs } = context
    return {
      receivers: [
        {
          process(value) {
            const undoPosition = undo.position
            const outputPosition = outputs.position
            try {
              outputs.emit(name, topic, codec.encode(value as T), value, added) // typed by the builder
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
    }
  }
