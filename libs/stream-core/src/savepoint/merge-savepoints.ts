import { mergeCells } from './merge-cells.ts'
import { readSavepoint, writeSavepoint, type SavepointCell, type SavepointSummary } from './savepoint-file.ts'
import { mergeHeads, type SavepointHead } from './savepoint-head.ts'

/** What the tasks of a job wrote of theirs, as the savepoint of the job: that of one task with all of it. */
export const mergeSavepoints = async (path: string, parts: readonly string[]): Promise<SavepointSummary> => {
  const heads = await Promise.all(parts.map(readSavepointHead))
  return writeSavepoint(path, mergeHeads(heads), mergeCells(parts.map(cellsOf)))
}

export const readSavepointHead = async (path: string): Promise<SavepointHead> => {
  for await (const line of readSavepoint(path)) if (line.type === 'head') return line.head
  throw new Error('assertion: a savepoint that has no head is not read')
}

async function* cellsOf(path: string): AsyncGenerator<SavepointCell> {
  for await (const line of readSavepoint(path)) if (line.type === 'cell') yield line.cell
}
