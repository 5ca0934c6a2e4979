/** Two states of an operator share a name, or a TTL or bound cannot be. */
export class StateDescriptorError extends Error {
  readonly code = 'STREAM_STATE_DESCRIPTOR'
  readonly handling = 'stop'
  readonly remedy =
    'Give each state of an operator its own name, whole numbers above 0 as TTL and bound, and declare it once.'
}
