/** What a source's log says cannot be: the job stops, for going on would fold another history. */
export class EpochError extends Error {
  readonly code = 'STREAM_EPOCH'
  readonly handling = 'stop'
  readonly remedy = 'Check what writes the topic: its sealed, reverted and finalized records contradict each other.'
}

export class SourceError extends Error {
  readonly code = 'STREAM_SOURCE'
  readonly handling = 'stop'
  readonly remedy = 'Declare the source with `epochs: true` and read it from a topic of one partition.'
}

/** A replay gave other outputs than the run before it: something in the job is not a pure fold. */
export class DeterminismError extends Error {
  readonly code = 'STREAM_DETERMINISM'
  readonly handling = 'stop'
  readonly remedy =
    'Find the clock, randomness or unordered iteration in what feeds the named sink, or raise the topology’s version.'
}

/** The log no longer holds what the job needs to go on from where it stood. */
export class StateLostError extends Error {
  readonly code = 'STREAM_STATE_LOST'
  readonly handling = 'stop'
  readonly remedy =
    'Restore the state folder or the topics, or give the job a new progress topic and output topic to start anew.'
}

/** The state folder was written by another job, or by this one with other inputs. */
export class StateMismatchError extends Error {
  readonly code = 'STREAM_STATE_MISMATCH'
  readonly handling = 'stop'
  readonly remedy = 'Give the job its own state folder, or an empty one to replay from the beginning.'
}
