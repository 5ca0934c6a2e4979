import { compareCells, type SavepointCell } from './savepoint-file.ts'

/**
 * The cells of several tasks as those of one job, in order. A key's state is in one of them; what each has alike comes
 * once; and of what the sinks remember of an id, what was sent last: a shard that did not send has an older copy at most.
 */
export async function* mergeCells(parts: readonly AsyncIterable<SavepointCell>[]): AsyncGenerator<SavepointCell> {
  const iterators = parts.map((part) => part[Symbol.asyncIterator]())
  const heads: (SavepointCell | undefined)[] = []
  const advance = async (index: number) => {
    const next = await iterators[index]?.next()
    heads[index] = next === undefined || next.done === true ? undefined : next.value
  }
  for (const index of iterators.keys()) await advance(index)
  for (;;) {
    let least: SavepointCell | undefined
    for (const head of heads) {
      if (head !== undefined && (least === undefined || compareCells(head, least) < 0)) least = head
    }
    if (least === undefined) return
    let chosen = least
    for (const [index, head] of heads.entries()) {
      if (head === undefined || compareCells(head, least) !== 0) continue
      if (revisionOf(head) > revisionOf(chosen)) chosen = head
      await advance(index)
    }
    yield chosen
  }
}

/** Of what a sink remembers of an id; of other cells 0. */
const revisionOf = ({ table, value }: SavepointCell): number => {
  if (!isSinkMemory(table)) return 0
  const { revision } = JSON.parse(Buffer.from(value).toString('utf8', 2)) as { revision: number } // its codec wrote it
  return revision
}

export const isSinkMemory = (table: string): boolean => table.endsWith('/#outputs')
export const isBroadcastState = (table: string): boolean => table.includes('/#broadcast-')
