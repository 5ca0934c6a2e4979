import type { Fault } from './kafka-faults.ts'

/** A place of the built program, and what is to stand there instead. */
export interface Mutant {
  readonly name: string
  /** What no longer holds. */
  readonly breaks: string
  readonly file: string
  /** Stands there once. */
  readonly code: string
  readonly instead: string
  /** Who lives through these sees the promise broken. */
  readonly faults: readonly Fault[]
}

const times = <T>(count: number, faults: readonly T[]): readonly T[] =>
  Array.from({ length: count }, () => faults).flat()

/** What the storm over Kafka must notice: each breaks one of the ways in which a cluster keeps its output exactly-once. */
export const kafkaMutants: readonly Mutant[] = [
  {
    name: 'aborted-records-leak',
    breaks: 'readers see committed records alone (kafkajs, D1)',
    file: 'libs/event-log/dist/src/kafka-reader.js',
    code: '...filter(decoded, aborted, from)',
    instead: '...filter(decoded, [], from)',
    faults: times(3, [
      { type: 'cut before commit', command: 'ingest' },
      { type: 'cut before commit', command: 'detect' },
    ]),
  },
  {
    name: 'markers-ignored',
    breaks: 'what was committed after the checkpoint is withheld when it is made again',
    file: 'libs/stream-core/dist/src/task/replay.js',
    code: 'return this.#markers[0];',
    instead: 'return undefined;',
    faults: times(4, [
      { type: 'kill', role: 'detect-1' },
      { type: 'kill', role: 'detect-2' },
    ]),
  },
  {
    name: 'no-fence',
    breaks: 'a process that was taken over from writes nothing more',
    file: 'libs/event-log/dist/src/kafka-producer.js',
    code: 'transactionalId: options.transactionalId,',
    instead: 'transactionalId: `${options.transactionalId}.${process.pid}`,',
    faults: times(2, [
      { type: 'zombie', role: 'ingest' },
      { type: 'zombie', role: 'detect-1' },
    ]),
  },
]
