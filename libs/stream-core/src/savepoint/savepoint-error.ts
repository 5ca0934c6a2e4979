export class SavepointError extends Error {
  readonly code = 'STREAM_SAVEPOINT'
  readonly handling = 'stop'
  readonly remedy =
    'Take the savepoint again, or give the file as it was written: its last line proves the ones before.'
}
