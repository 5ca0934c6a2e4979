import type { CheckpointedTable } from './checkpointed-table.ts'

/**
 * Keeps what state has in memory near a number of bytes. What was not used since a generation began and lies in a durable
 * checkpoint from after that is dropped, and read again when it is asked for; so eviction shows in no result. What the
 * budget has no room for although it is in use needs a checkpoint to become droppable.
 */
export class MemoryBudget {
  readonly #bytes: number
  /** The step in which the generation began. */
  #generationSteps: number | null = null

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /**
   * Drops what may be dropped if there is too much. `steps` were folded, `durableSteps` of them are in the checkpoint.
   * @returns whether only an early checkpoint can make room
   */
  keep(tables: ReadonlyMap<string, CheckpointedTable>, steps: number, durableSteps: number): boolean {
    let inMemory = 0
    let changed = 0
    for (const { bytesInMemory, bytesChanged } of tables.values()) {
      inMemory += bytesInMemory
      changed += bytesChanged
    }
    if (this.#generationSteps !== null && inMemory > this.#bytes && this.#generationSteps <= durableSteps) {
      for (const table of tables.values()) table.dropUnused()
      this.#generationSteps = null
    }
    // At half the budget: what is not used until it is full can then be told.
    if (this.#generationSteps === null && inMemory > this.#bytes / 2) {
      for (const table of tables.values()) table.startGeneration()
      this.#generationSteps = steps
    }
    return inMemory > this.#bytes || changed > this.#bytes / 2
  }
}
