/**
 * What is done around the defects of kafkajs 2.2.4 (docs/decisions/0009-life-after-kafkajs.md has them all, by number),
 * named so that a test can switch one off and see the law that it keeps be broken.
 *   exact-abort-filter    D1, D2   aborted records are told by the broker's list, not by kafkajs's filter
 *   end-after-failure     D3       a producer is of no more use after a failure; also after a topic was deleted
 *   short-retry-waits     D5       sends wait milliseconds for the markers of the last transaction, not 300 ms
 *   short-init-waits      D5b      InitProducerId too: kafkajs takes its retries from a field that does not exist
 *   fence-at-open         D6, D7, N2  an empty transaction at once: kafkajs asks for a producer id with the first one
 *   explicit-partition    D8       a partitioner runs again with each try
 *   end-before-wrap       D9       sequence numbers wrap at 2³¹ − 1, to the wrong number
 *   batch-checksum        D10      fetched batches are checked against their CRC
 *   one-transaction       D11      appends wait for each other
 *   full-error-table      D12      the broker's errors after number 88 have names and may be retried
 *   whole-answer          D13      a send that lost or doubled a partition's records when its leader moved is undone
 *   hang-up               D14      a connection that did not answer is closed; kafkajs would wait on it, and never mend it
 *   token-refusal         D15      a token that a broker refuses is refused, and not taken as logged in
 *   coordinator-errors    D16      why a coordinator is not to be had is said, and not that it was not found
 *   refuse-before-begin   §2.1     what a broker would refuse costs no transaction, so no producer
 *   quiet-idle-timer      N1       an idle connection arms no timer
 */
export type Workaround =
  | 'exact-abort-filter'
  | 'end-after-failure'
  | 'short-retry-waits'
  | 'short-init-waits'
  | 'fence-at-open'
  | 'explicit-partition'
  | 'end-before-wrap'
  | 'batch-checksum'
  | 'one-transaction'
  | 'full-error-table'
  | 'whole-answer'
  | 'hang-up'
  | 'token-refusal'
  | 'coordinator-errors'
  | 'refuse-before-begin'
  | 'quiet-idle-timer'

// Of the process, since some of what is mended is kafkajs's own and there once. Empty outside of tests.
const switchedOff = new Set<Workaround>()

export const worksAround = (name: Workaround): boolean => !switchedOff.has(name)

/** For tests: `body` as it would go without the work-around. */
export async function withoutWorkaround<T>(name: Workaround, body: () => Promise<T>): Promise<T> {
  switchedOff.add(name)
  try {
    return await body()
  } finally {
    switchedOff.delete(name)
  }
}
