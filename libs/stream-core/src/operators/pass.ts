import type { CreateOperator } from './operator.ts'

/** Hands elements on as they are: sources, `keyBy` (within one task a function call), `union` and side outputs. */
export const passOperator =
  (inputs: number): CreateOperator =>
  ({ main }) => {
    const receiver = { process: (value: unknown, timestamp: number) => main.emit(value, timestamp) }
    return { receivers: Array.from({ length: inputs }, () => receiver) }
  }
