import type { Attack } from '../attack.ts'
import { passThrough } from './pass-through.ts'

/** The same fraud as {@link passThrough}, but the blocks that hold it are reverted: its alert must be taken back. */
export const takenBack: Attack = {
  ...passThrough,
  story: 'a pass-through again, and then a reorg: the chain takes the fraud back',
  takenBackAfter: 3,
}
