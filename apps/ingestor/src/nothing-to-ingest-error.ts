/** Neither a node nor a recording is named. */
export class NothingToIngestError extends Error {
  readonly code = 'INGEST_NOTHING_TO_INGEST'
  readonly handling = 'stop'
  readonly remedy = 'Give a node with --rpc URL, or recorded blocks with --recording PATH.'
  constructor(options?: ErrorOptions) {
    super('There is nothing to ingest: no endpoint, no recording and no prices are set.', options)
  }
}
