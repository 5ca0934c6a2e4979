export interface Deviation {
  readonly reason: string
  /** What the runner says where it gives up. */
  readonly failsWith: string
}

/** The cases that stream-core is meant to fail, and why. A test holds that it fails these, thus, and no others. */
export const deviations: Readonly<Record<string, Deviation>> = {
  'kafka-streams/PartitionGroupTest/shouldChooseNextRecordBasedOnHeadTimestamp': {
    reason:
      'Places are monotone within an input (design §5.2): an element behind one of its own partition waits with it, so ' +
      'that the order of all inputs follows from their logs alone. Kafka takes whatever head is lowest by then.',
    failsWith: 'next: got 4, expected 3',
  },
  'flink/TumblingEventTimeWindowsTest/testWindowAssignmentWithStagger': {
    reason:
      'A staggered window begins where processing time stood when an instance saw its first element: another number of ' +
      'shards, or a replay, gives other windows. Give an offset instead.',
    failsWith: 'Windows are not staggered',
  },
}
