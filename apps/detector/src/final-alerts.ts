import { alertCodec, alertsTopic, type Alert } from '@tocsin/chain-model'
import { readRange, type EventLog, type LogRecord } from '@tocsin/event-log'

/** Canonical order: by event time, then id. */
export const inCanonicalOrder = (alerts: Iterable<Alert>): readonly Alert[] =>
  [...alerts].sort((a, b) => a.eventTime - b.eventTime || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))

/** The newest revision of each alert, in canonical order. A revision delivered twice counts once. */
export function latestRevisions(transitions: Iterable<Alert>): readonly Alert[] {
  const newest = new Map<string, Alert>()
  for (const alert of transitions) {
    if (alert.revision > (newest.get(alert.id)?.revision ?? 0)) newest.set(alert.id, alert)
  }
  return inCanonicalOrder(newest.values())
}

/** Every record in the alerts topic as it stands; partition by partition, an alert's transitions in order. */
async function* readRecords(log: EventLog, prefix: string): AsyncGenerator<LogRecord> {
  const topic = alertsTopic(prefix)
  for (let partition = 0; partition < (await log.partitions(topic)); partition++) {
    const { beginning, end } = await log.offsets({ topic, partition })
    for await (const { records } of readRange(log, { topic, partition, offset: beginning }, end)) yield* records
  }
}

/** Every transition in the alerts topic as it stands, of one chain; partition by partition. */
export async function* readTransitions(log: EventLog, prefix: string, chainId: number): AsyncGenerator<Alert> {
  for await (const { value } of readRecords(log, prefix)) {
    const alert = alertCodec.decode(value)
    if (alert.chainId === chainId) yield alert
  }
}

/** The alerts of one chain as they stand now, in canonical order. Reads only the last word on each: its key is its id. */
export async function readFinalAlerts(log: EventLog, prefix: string, chainId: number): Promise<readonly Alert[]> {
  const last = new Map<string, Uint8Array>()
  for await (const { key, offset, value } of readRecords(log, prefix))
    last.set(key === null ? `offset ${offset}` : Buffer.from(key).toString('latin1'), value)
  return latestRevisions(
    [...last.values()].map((value) => alertCodec.decode(value)).filter((alert) => alert.chainId === chainId),
  )
}
