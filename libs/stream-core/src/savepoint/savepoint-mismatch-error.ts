/** A savepoint does not fit the job it is to be restored to. */
export class SavepointMismatchError extends Error {
  readonly code = 'STREAM_SAVEPOINT_MISMATCH'
  readonly handling = 'stop'
  readonly remedy =
    'Give operators the uids they had or name the renamed ones, give codecs a migration, or allow non-restored state.'
  /** What does not fit, one sentence each. */
  readonly mismatches: readonly string[]

  constructor(path: string, mismatches: readonly string[]) {
    super(`The savepoint ${path} does not fit: ${mismatches.join(' ')}`)
    this.mismatches = mismatches
  }
}
