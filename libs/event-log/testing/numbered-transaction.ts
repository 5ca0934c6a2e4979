import type { LogRecord, NewRecord } from '../src/event-log.ts'

/**
 * Transaction `n` of the `kill -9` test: some records in two topics and three partitions. Each names its transaction,
 * its place in it and how many there are, so that a reader can tell a whole one from a part of one.
 */
export function numberedTransaction(n: number, topics: readonly [string, string]): readonly NewRecord[] {
  const [first, second] = topics
  const places = [
    { topic: first, partition: 0 },
    { topic: second, partition: 0 },
    { topic: second, partition: 1 },
  ]
  const count = places.length + (n % 5)
  return Array.from({ length: count }, (_, index) => ({
    ...(places[index % places.length] ?? { topic: first, partition: 0 }),
    key: null,
    value: Buffer.from(JSON.stringify({ n, index, count, filler: 'x'.repeat((n * 37) % 3000) })),
  }))
}

export function parseNumberedRecord({ value }: LogRecord): { n: number; index: number; count: number } {
  return JSON.parse(Buffer.from(value).toString()) as { n: number; index: number; count: number } // written above
}
