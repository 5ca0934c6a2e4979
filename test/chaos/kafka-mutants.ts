/** A place of the built program, and what is to stand there instead. */
export interface Mutant {
  readonly name: string
  /** What no longer holds. */
  readonly breaks: string
  readonly file: string
  /** Stands there once. */
  readonly code: string
  readonly instead: string
}

/** What the storm over Kafka must notice: each breaks one of the ways in which a cluster keeps its output exactly-once. */
export const kafkaMutants: readonly Mutant[] = [
  {
    name: 'aborted-records-leak',
    breaks: 'readers see committed records alone (kafkajs, D1)',
    file: 'libs/event-log/dist/src/kafka-reader.js',
    code: '...filter(decoded, aborted, from)',
    instead: '...filter(decoded, [], from)',
  },
  {
    name: 'markers-ignored',
    breaks: 'what was committed after the checkpoint is withheld when it is made again',
    file: 'libs/stream-core/dist/src/task/replay.js',
    code: 'return this.#markers[0];',
    instead: 'return undefined;',
  },
]
