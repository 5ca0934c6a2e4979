import type { Metrics } from '@tocsin/service-kit'

/** Errors, also of a chain whose id is not known yet. */
export const failuresMetric = (metrics: Metrics) =>
  metrics.counter({
    name: 'tocsin_ingestor_failures_total',
    help: 'Errors by code; each is tried again or kept as a dead letter.',
    labels: ['code'],
  })

/** What the ingestor measures of one chain; `metrics` says of which. */
export const ingestorMetrics = (metrics: Metrics) => ({
  blocks: metrics.counter({ name: 'tocsin_ingestor_blocks_total', help: 'Blocks sealed in the log.' }),
  transactions: metrics.counter({ name: 'tocsin_ingestor_transactions_total', help: 'Transactions written.' }),
  events: metrics.counter({ name: 'tocsin_ingestor_events_total', help: 'Logs written, decoded or raw.' }),
  reorgDepth: metrics.histogram({
    name: 'tocsin_ingestor_reorg_depth_blocks',
    help: 'Blocks reverted by a reorg.',
    buckets: [1, 2, 3, 5, 8, 16, 32, 64],
  }),
  headBlock: metrics.gauge({ name: 'tocsin_ingestor_head_block', help: 'The newest block in the log.' }),
  finalBlock: metrics.gauge({ name: 'tocsin_ingestor_final_block', help: 'The newest final block in the log.' }),
  lag: metrics.gauge({ name: 'tocsin_ingestor_head_lag_blocks', help: 'Blocks between the node’s head and the log.' }),
  lagSeconds: metrics.gauge({
    name: 'tocsin_ingestor_head_lag_seconds',
    help: 'Age of the newest block in the log; a halted chain or node makes it grow.',
  }),
  quarantined: metrics.gauge({
    name: 'tocsin_ingestor_quarantined_info',
    help: '1 while a branch is not followed: it contradicts a final block, or flips.',
  }),
  stopped: metrics.gauge({
    name: 'tocsin_ingestor_stopped_info',
    help: '1 once a chain’s work has ended with an error while other chains of the process go on.',
  }),
  failures: failuresMetric(metrics),
  calls: metrics.counter({
    name: 'tocsin_ingestor_calls_total',
    help: 'JSON-RPC calls by endpoint, method and outcome: ok, error, unavailable, limited.',
    labels: ['endpoint', 'method', 'outcome'],
  }),
  bytes: metrics.counter({
    name: 'tocsin_ingestor_received_bytes_total',
    help: 'Bytes of answers by endpoint and method; of a batch, an equal share for each of its calls.',
    labels: ['endpoint', 'method'],
  }),
  refuted: metrics.counter({
    name: 'tocsin_ingestor_verification_failures_total',
    help: 'Answers that did not hold, by endpoint and field.',
    labels: ['endpoint', 'field'],
  }),
  undecoded: metrics.counter({
    name: 'tocsin_ingestor_decode_failures_total',
    help: 'Logs that claim to be an event and do not decode as it, by the event they claim; they are kept raw.',
    labels: ['event'],
  }),
  endpointScore: metrics.gauge({
    name: 'tocsin_ingestor_endpoint_score_ratio',
    help: 'How well an endpoint answers, 1 at best; below 0.5 others are asked first.',
    labels: ['endpoint'],
  }),
  endpointQuarantined: metrics.gauge({
    name: 'tocsin_ingestor_endpoint_quarantined_info',
    help: '1 while the endpoint’s branch contradicts a final block and others are asked.',
    labels: ['endpoint'],
  }),
  hedged: metrics.counter({
    name: 'tocsin_ingestor_hedged_requests_total',
    help: 'Times a second endpoint was asked because this one took longer than usual.',
    labels: ['endpoint'],
  }),
  untraced: metrics.counter({
    name: 'tocsin_ingestor_untraced_blocks_total',
    help: 'Blocks taken without call frames, because a node that has traces gave none of them.',
  }),
  mempoolSize: metrics.gauge({
    name: 'tocsin_ingestor_mempool_transactions',
    help: 'Transactions that are pending now, of those that are watched.',
  }),
  mempoolStates: metrics.counter({
    name: 'tocsin_ingestor_mempool_states_total',
    help: 'Pending transactions by what became of them: pending, replaced, dropped, evicted, mined-same, mined-different.',
    labels: ['state'],
  }),
  prices: metrics.counter({ name: 'tocsin_ingestor_prices_total', help: 'Price ticks taken in.' }),
  outliers: metrics.counter({
    name: 'tocsin_ingestor_price_outliers_total',
    help: 'Price ticks of these that were marked: far from the ones before.',
  }),
})

export type IngestorMetrics = ReturnType<typeof ingestorMetrics>
