import { alertCodec, alertsTopic, type Alert } from '@tocsin/chain-model'
import type { EventLog } from '@tocsin/event-log'

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

/** Every transition in the alerts topic as it stands, of one chain; partition by partition. */
export async function* readTransitions(log: EventLog, prefix: string, chainId: number): AsyncGenerator<Alert> {
  const topic = alertsTopic(prefix)
  for (let partition = 0; partition < (await log.partitions(topic)); partition++) {
    const { beginning, end } = await log.offsets({ topic, partition })
    const reader = await log.openReader([{ topic, partition, offset: beginning }])
    try {
      for (let position = beginning; position < end;) {
        for (const { records, nextOffset } of await reader.poll(1_000)) {
          for (const { value, offset } of records) {
            if (offset >= end) break
            const alert = alertCodec.decode(value)
            if (alert.chainId === chainId) yield alert
          }
          position = nextOffset
        }
      }
    } finally {
      await reader.close()
    }
  }
}

/** The alerts of one chain as they stand now, in canonical order. */
export async function readFinalAlerts(log: EventLog, prefix: string, chainId: number): Promise<readonly Alert[]> {
  const transitions: Alert[] = []
  for await (const alert of readTransitions(log, prefix, chainId)) transitions.push(alert)
  return latestRevisions(transitions)
}
