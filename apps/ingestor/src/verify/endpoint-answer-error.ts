/** An answer of a node that does not hold: an error of that endpoint, never data, and never an empty block. */
export class EndpointAnswerError extends Error {
  readonly code = 'INGEST_ENDPOINT_ANSWER'
  readonly handling = 'retry'
  readonly remedy =
    'The node is syncing, overloaded or faulty; it is asked again until its answers hold. If it goes on, use another endpoint.'
  readonly endpoint: string
  /** The number or hash of the block asked for, or `latest`. */
  readonly block: number | string
  /** The field or check that failed. */
  readonly field: string
  constructor(at: { endpoint: string; block: number | string; field: string; reason: string }, options?: ErrorOptions) {
    super(`${at.endpoint}, block ${at.block}, ${at.field}: ${at.reason}.`, options)
    this.endpoint = at.endpoint
    this.block = at.block
    this.field = at.field
  }
}

/** The node has come further than this block and does not have it: it keeps no blocks so old. */
export class PrunedHistoryError extends Error {
  readonly code = 'INGEST_PRUNED_HISTORY'
  readonly handling = 'retry'
  readonly remedy =
    'Give an endpoint that keeps all blocks and receipts (--rpc, beside this one or in its place), or begin later (--from) in an empty log. Nothing is skipped; the ingestor goes on by itself when an endpoint has the block.'
  constructor(at: { endpoint: string; block: number | string; head: number | null }, options?: ErrorOptions) {
    const head = at.head === null ? '' : `, though its head is ${at.head}`
    super(`${at.endpoint} has no block ${at.block}${head}: it does not keep history so old.`, options)
  }
}

/** The node cannot be reached, refuses, is too slow or asks to be asked less often. */
export class EndpointUnavailableError extends Error {
  readonly code = 'INGEST_ENDPOINT_UNAVAILABLE'
  readonly handling = 'retry'
  readonly remedy =
    'Check the URL given with --rpc and that the node runs; the ingestor goes on by itself when it answers.'
  readonly endpoint: string
  constructor(at: { endpoint: string; method: string; reason: string }, options?: ErrorOptions) {
    super(`${at.endpoint} does not answer ${at.method}: ${at.reason}.`, options)
    this.endpoint = at.endpoint
  }
}

/** The node is of another chain than the settings say: nothing of it is read. */
export class WrongChainError extends Error {
  readonly code = 'INGEST_WRONG_CHAIN'
  readonly handling = 'retry'
  readonly remedy =
    'Give the URL of a node of the chain that it is named for, or name it for its own: CHAIN=URL, or --chain-id.'
  constructor(at: { endpoint: string; expected: number; found: number }, options?: ErrorOptions) {
    super(`${at.endpoint} is a node of chain ${at.found}, not of chain ${at.expected}.`, options)
  }
}
