export type { CheckpointedTable, EncodedCell } from './checkpointed-table.ts'
export { byteStringSubKeys, integerSubKeys, NestedTable, type SubKeys } from './nested-table.ts'
export { ValueTable } from './value-table.ts'
export {
  decodeVersioned,
  encodeVersioned,
  StateCodecMismatchError,
  StateTtlMismatchError,
  timedVersion,
} from './versioned.ts'
