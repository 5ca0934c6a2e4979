/** A savepoint cannot be taken, read or put where it should. */
export class SavepointError extends Error {
  readonly code = 'STREAM_SAVEPOINT'
  readonly handling = 'stop'
  readonly remedy =
    'Take the savepoint of a job that is stopped and has caught up; give the file as it was written, and a job its own place.'
}
