import type { Metrics } from '@tocsin/service-kit'

/** The measures of this service. */
export function alertsApiMetrics(metrics: Metrics) {
  return {
    transitions: metrics.counter<'status'>({
      name: 'tocsin_alerts_transitions_total',
      help: 'Transitions of alerts stored, by the status they lead to.',
      labels: ['status'],
    }),
    repeated: metrics.counter({
      name: 'tocsin_alerts_repeated_records_total',
      help: 'Records of the alerts topic that were stored before and read again.',
    }),
    deadLetters: metrics.counter<'code'>({
      name: 'tocsin_alerts_dead_letters_total',
      help: 'Records of the alerts topic that are no alerts, kept in the table dead_letters.',
      labels: ['code'],
    }),
    failures: metrics.counter<'code'>({
      name: 'tocsin_alerts_failures_total',
      help: 'Attempts to use the database or the log that failed and were made again, by error code.',
      labels: ['code'],
    }),
    deliveryAttempts: metrics.counter<'outcome'>({
      name: 'tocsin_alerts_delivery_attempts_total',
      help: 'Attempts to deliver a webhook, by what they came to: delivered, retry or dead.',
      labels: ['outcome'],
    }),
    lag: metrics.gauge({
      name: 'tocsin_alerts_lag_records',
      help: 'Records of the alerts topic that are not stored yet.',
    }),
    pendingDeliveries: metrics.gauge({
      name: 'tocsin_alerts_pending_deliveries',
      help: 'Webhook deliveries that wait for their first or next attempt.',
    }),
  }
}
